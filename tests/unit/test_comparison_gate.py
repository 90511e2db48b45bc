from typing import Any

import numpy as np
import pytest
from results_example import TOKENS, one, results, table, times
from summary_example import failed, measured

from cotejo.comparison.gate import TOLERANCE_PERCENT, regressions, slowdown_percent, speed
from cotejo.comparison.text import lines
from cotejo.difference import difference
from cotejo.errors import CotejoError


class TestGate:
    def found(self, factor: float, tolerance_percent: float = TOLERANCE_PERCENT, **changes: Any) -> list[str]:
        rows = results(measured(TOKENS, **changes)), results(measured(times(factor), **changes))
        return regressions(table(*rows), tolerance_percent)

    def test_the_same_is_no_bad_news(self) -> None:
        assert self.found(1.0) == []

    def test_slower_is_and_faster_is_not(self) -> None:
        [said] = self.found(0.8)
        assert said.startswith("text_openvino_int8, single-stream: slower: the same work takes 25")
        assert "beyond the tolerance of 2 %" in said
        assert self.found(1.25) == []

    def test_a_time_that_grows_is_slower_too(self) -> None:
        time = {"metric": "real_time_factor", "unit": "s/s", "better": "lower"}
        [said] = self.found(1.25, **time)
        assert "takes 25" in said
        assert self.found(0.8, **time) == []

    def test_the_whole_interval_must_lie_beyond_the_tolerance(self) -> None:
        row = one(measured(TOKENS), measured(times(0.8)))
        least_percent = slowdown_percent(speed(row).high)
        assert 20 < least_percent < 25
        assert self.found(0.8, least_percent - 0.01)
        assert not self.found(0.8, least_percent + 0.01)

    def test_only_headlines_count(self) -> None:
        further = measured(TOKENS, metric="ttft_p50_ms", unit="ms", better="lower")
        later = {**further, "values": " ".join(map(repr, times(2)))}
        found = table(results(measured(TOKENS), further), results(measured(TOKENS), later))
        assert list(found["standing"]) == ["indistinguishable", "slower"]
        assert regressions(found, 2) == []

    def test_newly_failed_runs_count(self) -> None:
        [said] = regressions(table(results(measured(TOKENS)), results(failed("parity"))), 2)
        assert said.endswith(": newly failed: parity")

    def test_newly_failed_repeats_are_said_once_and_nothing_else_with_them(self) -> None:
        killed = {"failures": 1.0, "reasons": "drift: 9 %; 1 of 7 repeats failed: killed"}
        before = [measured(TOKENS), measured(TOKENS, level="busy")]
        after = [
            measured(TOKENS, **killed),
            measured(TOKENS, level="busy", **{**killed, "reasons": "1 of 7 repeats failed: killed"}),
        ]
        [said] = regressions(table(results(*before), results(*after)), 2)
        assert said.endswith(": newly: 1 of 7 repeats failed: killed")

    def test_repeats_that_failed_before_too_do_not_count(self) -> None:
        flaky = measured(TOKENS, failures=1.0)
        assert regressions(table(results(flaky), results(flaky)), 2) == []

    def test_nothing_compared_is_an_error_and_no_good_news(self) -> None:
        few = results(measured(TOKENS[:2]))
        with pytest.raises(CotejoError, match=r"no run could be compared \(too few repeats: 2 in baseline"):
            regressions(table(few, few), 2)
        with pytest.raises(CotejoError, match="only in baseline, only in candidate"):
            regressions(table(results(measured(TOKENS)), results(measured(TOKENS, run="other"))), 2)

    def test_unchanged_runs_seldom_trip_it(self) -> None:
        """2 % noise, six repeats, 20 runs: at most 1 comparison in 100 at the default tolerance (0.4 %), but many at 0.

        20,000 pairs of repeats: at most 10 beyond the tolerance, 0.05 % of them; about 2 % are called slower.
        """
        draws = np.random.default_rng(3).lognormal(0, 0.02, (20_000, 2, 6))
        highs = np.array([difference(*pair).high for pair in draws])  # of a rate: slower where below 1
        percent = slowdown_percent(highs)
        assert (percent > TOLERANCE_PERCENT).sum() <= 10
        assert 0.015 < (percent > 0).mean() < 0.025


class TestText:
    def test_all_is_said(self) -> None:
        found = table(
            results(measured(TOKENS), measured(TOKENS, metric="ttft_p50_ms", unit="ms", better="lower"), folder="a"),
            results(
                measured(times(0.8), verdict="publishable"),
                measured(TOKENS, metric="ttft_p50_ms", unit="ms", better="lower"),
                folder="b",
            ),
        )
        text = "\n".join(lines(found))
        assert text.startswith("baseline a, candidate b")
        for words in ("100 tokens/s (smoke)", "80.2 tokens/s  ", "0.8", "slower", "0.0022", "1 indistinguishable"):
            assert words in text
        assert "ttft" not in text

    def test_other_metrics_stand_there_where_they_differ(self) -> None:
        memory = {"metric": "rss_peak_mib", "unit": "MiB", "better": "lower", "source": "telemetry"}
        found = table(
            results(measured(TOKENS), measured(TOKENS, **memory)),
            results(measured(TOKENS), measured(times(2), **memory)),
        )
        text = "\n".join(lines(found))
        assert "other metrics that differ:" in text
        assert "rss_peak_mib" in text and "more" in text
