import math
from typing import Any

import numpy as np
import pytest
from cost_example import priced, published, published_row
from matplotlib.figure import Figure
from matplotlib.text import Text
from summary_example import failed, measured, served, summary

from cotejo.figures import figure
from cotejo.figures.cost_speed import front
from cotejo.figures.costs import entries_of
from cotejo.figures.style import STYLES, applied

TOKENS = {"metric": "tokens_per_s"}
PAIR = {"owned": "own", "rented": "cloud"}
OWN, CLOUD = measured([10.0] * 6, system="own"), measured([10.0] * 6, system="cloud")


def draw(kind: str, rows: Any, options: dict[str, Any], width: str = "full", **made: Any) -> Figure:
    with applied(STYLES[width]):
        drawn = figure(kind).draw(summary(), options, STYLES[width], cost=priced(rows, **made))
        drawn.draw_without_rendering()
    return drawn


def text(drawn: Figure) -> str:
    found = [artist.get_text() for artist in drawn.findobj(Text) if isinstance(artist, Text) and artist.get_visible()]
    return " ".join(found).replace("\u00a0", " ").replace("\n", " ")


def points(drawn: Figure, size: int = 30) -> list[list[float]]:
    marks = [marks for axes in drawn.axes for marks in axes.collections if hasattr(marks, "get_sizes")]
    return [place for some in marks if list(some.get_sizes()) == [size] for place in some.get_offsets().tolist()]


class TestCostSpeed:
    def test_marks_lie_at_speed_and_cost(self) -> None:
        drawn = draw("cost_speed", summary(OWN, CLOUD), TOKENS)
        assert np.allclose(sorted(points(drawn)), [[10, 2.15e5 / 3600], [10, 100]])

    def test_a_machines_marks_lie_on_its_line(self) -> None:
        drawn = draw("cost_speed", summary(CLOUD, measured([30.0] * 6, system="cloud", precision="int4")), TOKENS)
        line = max(drawn.axes[0].lines, key=lambda line: len(line.get_xdata()))
        for speed, cost in points(drawn):
            assert np.interp(speed, line.get_xdata(), line.get_ydata()) == pytest.approx(cost, rel=0.01)

    def test_published_marks_are_not_ours(self) -> None:
        drawn = draw("cost_speed", summary(), {"metric": "requests_per_s"}, published=published(published_row()))
        assert np.allclose(points(drawn, 22), [[12.5, 0.08]]) and not points(drawn)
        assert "onnxruntime · fp32, published" in text(drawn)

    @pytest.mark.parametrize("metric", ["tokens_per_s", "real_time_factor"])
    def test_the_front_is_what_none_beats(self, metric: str) -> None:
        rates = {"cloud": (10.0, 30.0), "own": (9.0, 20.0)}
        rows = [
            measured(
                [rate if metric == "tokens_per_s" else 1 / rate] * 6, metric=metric, system=system, precision=str(n)
            )
            for system, both in rates.items()
            for n, rate in enumerate(both)
        ]
        best = front(entries_of(priced(summary(*rows)), {}, [metric]))
        assert [(entry.row["system"], entry.row["precision"]) for entry in best] == [("own", "1"), ("cloud", "1")]

    def test_far_apart_axes_are_logarithmic_and_their_ticks_are_numbers(self) -> None:
        rows = [measured([rate] * 6, system="cloud", precision=f"{rate:g}") for rate in (1.0, 40.0)]
        axes = draw("cost_speed", summary(*rows), TOKENS).axes[0]
        assert axes.get_xscale() == axes.get_yscale() == "log"
        assert {"1", "10"} <= {tick.get_text() for tick in axes.get_xticklabels()}

    def test_unpriced_machines_are_named_with_the_remedy(self) -> None:
        drawn = draw("cost_speed", summary(CLOUD, measured([10.0] * 6, system="free")), TOKENS)
        assert "config/systems/free.yaml: neither usd_per_hour nor purchase_usd is given" in text(drawn)
        assert "no data: config/systems/free.yaml: neither" in text(
            draw("cost_speed", summary(measured([10.0] * 6, system="free")), TOKENS)
        )

    def test_what_was_assumed_stands_below(self) -> None:
        said = text(draw("cost_speed", summary(OWN), TOKENS, "column"))
        assert "replace it by your own invoice" in said and "0.15 USD/kWh" in said


class TestBreakEven:
    def test_the_crossing_is_where_both_cost_the_same(self) -> None:
        drawn = draw("break_even", summary(OWN, CLOUD), PAIR)
        [[share, usd]] = points(drawn)
        assert (share, usd) == pytest.approx((100 / 3.45, 100))
        owned, rented = drawn.axes[0].lines[:2]
        for line in (owned, rented):
            assert np.interp(share, line.get_xdata(), line.get_ydata()) == pytest.approx(usd, rel=0.01)

    def test_bars_are_the_sensitivity(self) -> None:
        bars = draw("break_even", summary(OWN, CLOUD), {**PAIR, "sensitivity_percent": 50}).axes[1].patches
        ends = {round(bar.get_x() + bar.get_width(), 3) for bar in bars}
        assert {round(100 * part / 3.45, 3) for part in (0.5, 1.5)} <= ends  # of the purchase price
        assert round(100 / (3.6 * 1.5 - 0.15), 3) in ends

    def test_of_several_runs_the_owned_machines_fastest(self) -> None:
        slow = [measured([5.0] * 6, system=system, precision="fp16") for system in ("own", "cloud")]
        said = figure("break_even").describe(summary(), PAIR, cost=priced(summary(*slow, OWN, CLOUD)))
        assert "int8" in said and "fp16" not in said

    def test_a_loss_is_said_and_no_crossing_drawn(self) -> None:
        drawn = draw("break_even", summary(OWN, measured([20.0] * 6, system="cloud")), PAIR)
        assert points(drawn)
        drawn = draw("break_even", summary(OWN, measured([40.0] * 6, system="cloud")), PAIR, "column")
        assert not points(drawn)
        assert "Owning never pays" in text(drawn) and "never to never" not in text(drawn)

    def test_without_rates_the_speed_may_be_taken_for_granted(self) -> None:
        drawn = draw("break_even", summary(), {**PAIR, "speed_ratio": 2}, named=["own", "cloud"])
        [[share, usd]] = points(drawn)
        assert (share, usd) == pytest.approx((100 / 7.05, 3.6))
        assert "taken to be 2 times as fast" in text(drawn)

    def test_rates_come_before_what_is_taken_for_granted(self) -> None:
        drawn = draw("break_even", summary(OWN, CLOUD), {**PAIR, "speed_ratio": 2})
        assert "taken to be" not in text(drawn)

    @pytest.mark.parametrize(
        ("options", "named", "why"),
        [
            (PAIR, ["own", "cloud"], "no rate of the same work on both"),
            ({**PAIR, "owned": "free"}, ["free", "cloud"], "config/systems/free.yaml: neither"),
            ({"owned": "cloud", "rented": "own", "speed_ratio": 1}, ["own", "cloud"], "cloud must have a purchase_usd"),
        ],
    )
    def test_what_is_missing_is_said(self, options: dict[str, Any], named: list[str], why: str) -> None:
        assert f"no data: {why}" in text(draw("break_even", summary(), options, named=named))
        assert why in figure("break_even").describe(summary(), options, cost=priced(summary(), named=named))

    def test_a_failed_run_is_said_beside_what_is_taken_for_granted(self) -> None:
        rows = summary(OWN, failed(system="cloud"))
        assert "failed: parity" in text(draw("break_even", rows, {**PAIR, "speed_ratio": 1}))


def test_levels_are_told_apart() -> None:
    rows = summary(*(served("requests_per_s", 10.0 * level, level, system="cloud") for level in (1, 4)))
    said = figure("cost_speed").describe(summary(), {"metric": "requests_per_s"}, cost=priced(rows))
    assert "4 at once" in said.replace("\u00a0", " ")
    assert not math.isnan(priced(rows)["usd"].iloc[1])
