from typing import Any

import pytest
from record_example import RECORD, changed, failed

from cotejo.verdict import (
    THRESHOLDS,
    WORDS,
    Evidence,
    Finding,
    Verdict,
    floor_finding,
    judge,
    level_findings,
    run_verdict,
)

LEVEL = "single-stream"


def records(n: int, duration_s: float = 100.0, requests: int = 10, failed_requests: int = 0) -> list[dict[str, Any]]:
    level = {**RECORD["levels"][0], "duration_s": duration_s, "requests": requests, "failed_requests": failed_requests}
    return [changed(RECORD, repeat=repeat, levels=[level]) for repeat in range(1, n + 1)]


def verdict(group: list[dict[str, Any]], level: str = LEVEL, **thresholds: float) -> Verdict:
    return judge(level_findings(Evidence(group, level, [], [], ""), {**THRESHOLDS, **thresholds}))


def test_six_repeats_of_600_s_in_all_are_publishable() -> None:
    assert verdict(records(6)) == ("publishable", ())


def ended_by(*rules: str) -> list[dict[str, Any]]:
    """A whole record of 15 s for each rule that ended its level."""
    shorts = records(len(rules), duration_s=15.0)
    return [
        changed(record, levels=[{**record["levels"][0], "ended_by": rule}])
        for record, rule in zip(shorts, rules, strict=True)
    ]


def test_repeats_that_the_stopping_rule_ended_need_no_600_s() -> None:
    assert verdict(ended_by(*["interval"] * 6)) == ("publishable", ())


def test_one_repeat_that_its_time_ended_asks_for_600_s_again() -> None:
    assert verdict(ended_by("duration", *["interval"] * 5)) == ("smoke", ("duration 90 s < 600 s",))


def test_the_stopping_rule_replaces_no_repeat() -> None:
    assert verdict(ended_by(*["interval"] * 5)) == ("smoke", ("repeats 5 < 6",))


def test_synthetic_weights_may_be_publishable() -> None:
    assert records(6)[0]["marks"] == ["synthetic", "small"]
    assert verdict(records(6)).word == "publishable"


def test_five_repeats_are_smoke() -> None:
    assert verdict(records(5, duration_s=200)) == ("smoke", ("repeats 5 < 6",))


def test_less_than_600_s_is_smoke() -> None:
    assert verdict(records(6, duration_s=2.0)) == ("smoke", ("duration 12 s < 600 s",))


def test_repeats_that_all_stopped_by_their_interval_need_no_600_s() -> None:
    stopped = [changed(one, levels=[{**one["levels"][0], "ended_by": "interval"}]) for one in records(6, 20.0)]
    assert verdict(stopped) == ("publishable", ())
    assert verdict([*stopped[:5], *records(1, 20.0)]) == ("smoke", ("duration 120 s < 600 s",))


def test_a_duration_just_too_short_is_not_printed_as_enough() -> None:
    assert verdict(records(6, duration_s=99.999)) == ("smoke", ("duration 599.9 s < 600 s",))


def test_all_reasons_are_named() -> None:
    assert verdict(records(3, duration_s=4)) == ("smoke", ("repeats 3 < 6", "duration 12 s < 600 s"))


def test_thresholds_are_those_given() -> None:
    assert verdict(records(2, 1.0), repeats=2, duration_s=2) == ("publishable", ())


def test_only_the_asked_level_counts() -> None:
    assert verdict(records(6), "another").reasons == ("repeats 0 < 6", "duration 0 s < 600 s")


def test_a_failed_attempt_shows_beside_enough_whole_ones() -> None:
    group = [*records(6), failed("killed")]
    assert verdict(group) == ("publishable", ("1 of 7 repeats failed: killed",))


def test_a_failed_attempt_does_not_count_as_a_repeat() -> None:
    group = [*records(4), failed("killed"), failed("timeout")]
    word, reasons = verdict(group)
    assert word == "smoke"
    assert set(reasons) == {
        "1 of 6 repeats failed: killed",
        "1 of 6 repeats failed: timeout",
        "repeats 4 < 6",
        "duration 400 s < 600 s",
    }


def test_samples_of_a_lost_pin_do_not_count() -> None:
    lost = changed(RECORD, status="failed", reason="lost-pin", message="left its mask")
    assert lost["levels"]
    assert "repeats 5 < 6" in verdict([*records(5), lost])[1]


def test_failed_requests_show_and_do_not_condemn() -> None:
    assert verdict(records(6, failed_requests=1)) == ("publishable", ("6 of 60 requests failed",))


def test_a_level_without_any_good_request_has_failed() -> None:
    assert verdict(records(6, failed_requests=10)) == ("failed", ("60 of 60 requests failed",))


@pytest.mark.parametrize("reasons", [["parity"], ["parity"] * 6, ["killed", "out-of-memory", "killed"]])
def test_a_run_of_failures_only_has_failed(reasons: list[str]) -> None:
    assert run_verdict([failed(reason) for reason in reasons]) == ("failed", tuple(dict.fromkeys(reasons)))


def test_a_run_with_a_whole_repeat_is_judged_by_its_levels() -> None:
    assert run_verdict([failed("killed"), RECORD]) is None


def test_the_worst_word_wins_and_its_reason_comes_first() -> None:
    findings = [Finding("publishable", "a note"), Finding("smoke", "short"), Finding("noisy", "a hog")]
    assert judge(findings) == ("noisy", ("a hog", "short", "a note"))
    assert judge([]) == ("publishable", ())
    assert WORDS[0] == "failed" and WORDS[-1] == "publishable"


def test_floor_finding_names_samples_and_floor() -> None:
    assert floor_finding(99, 120) == ("smoke", "samples 120 < 459 for p99")
