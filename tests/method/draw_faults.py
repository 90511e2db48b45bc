"""The figures of docs/method.md that show what goes wrong without a rule: drawn from `faults`, the same each time.

.venv/bin/python tests/method/draw_faults.py
"""

import math
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if __name__ == "__main__":
    sys.path += [str(Path(__file__).resolve().parents[2] / folder) for folder in ("", "scripts", "tests/unit")]

from cotejo.command import ROOT
from cotejo.figures import style
from tests.method import faults

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FOLDER = ROOT / "docs" / "images"
LOOKS = style.STYLES["full"]
TITLES = {
    "floors": "What a 99th percentile of few requests is",
    "loads": "One server, as an open and as a closed load see it",
    "requests": "Intervals over requests, and over repeats",
    "warmup": "A warm-up that is measured too",
    "stopping": "Stopping where it first looks narrow",
}
CAPTIONS = {"requests": "over all requests", "repeats": "over six repeats", "naive": "as soon as it looks narrow",
            "ours": "Cotejo's rule"}  # fmt: skip
HEIGHT_IN = 2.4


def floors_figure(found: Mapping[int, faults.Spread]) -> "Figure":
    """Left what is estimated, right how often there is nothing of the tail in it, both over the number of requests."""
    note = (
        f"Log-normal times (sigma {faults.SIGMA:g}), 4,000 trials. Bars hold nine of ten estimates, points are their "
        "medians. Right: how often the slowest of so many requests lies below the true p99, exactly. "
        f"Dotted: the floor, {faults.FLOOR} requests, at which that is 1 %."
    )
    figure, (estimates, missed) = _panels("floors", note, (3, 2))
    tint = style.PALETTE[0]
    _bars(estimates, {n: faults.Share(*(100 * value for value in one)) for n, one in found.items()}, tint, "o", "")
    estimates.axhline(100, color=style.MUTED, linewidth=0.8)
    n = np.geomspace(20, 2000, 100)
    missed.plot(n, [100 * faults.chance_of_no_tail(each) for each in n], color=style.PALETTE[1])
    for panel in (estimates, missed):
        panel.axvline(faults.FLOOR, color=style.MUTED, linewidth=0.8, linestyle=":")
        panel.set(xscale="log", xlabel="requests")
        panel.set_xticks([20, 100, 459, 2000], ["20", "100", "459", "2,000"])
        panel.minorticks_off()
    estimates.set_ylabel("estimate,\n% of the true p99")
    missed.set(ylabel="none beyond\nthe true p99, %", ylim=(0, 100))
    return figure


def loads_figure(open_loads: Mapping[float, faults.Latencies], closed: Mapping[int, faults.Latencies]) -> "Figure":
    """The p99 over what the server answers: an open load's line, and a closed load's points at its end."""
    note = (
        "A server whose requests take a second on average (exponential). Open: they come at random, at a share of what "
        "it can do; the line is exact (M/M/1), points are 12 simulated runs of 20,000 requests, bars hold nine of ten. "
        "Closed: so many are always there, each sent when another was answered, so that the server is never idle."
    )
    figure, (axes,) = _panels("loads", note, (1,))
    shares = np.linspace(0.02, 0.975, 200)
    exact = [-math.log(0.01) / (1 - each) for each in shares]
    axes.plot(100 * shares, exact, color=style.PALETTE[0], linewidth=1, label="open: p99 from when it was due")
    _bars(axes, {100 * one.per_s: faults.Share(*one.p99_s) for one in open_loads.values()}, style.PALETTE[0], "o", "")
    points = {100 * one.per_s: faults.Share(*one.p99_s) for one in closed.values()}
    _bars(axes, points, style.PALETTE[1], "D", "closed: p99 of so many at once")
    for at_once, one in closed.items():
        place = (105, one.p99_s.median)
        axes.annotate(f"{at_once} at once", (100, one.p99_s.median), place, va="center", fontsize=LOOKS.note_pt)
    axes.set(
        xlabel="answered, % of what the server can do", ylabel="p99 of the latency, s", yscale="log", xlim=(0, 120)
    )
    axes.set_yticks([5, 10, 20, 50, 100], ["5", "10", "20", "50", "100"])
    axes.minorticks_off()
    axes.legend(loc="upper left", handlelength=1.2)
    return figure


def requests_figure(found: faults.Coverages) -> "Figure":
    note = (
        f"{faults.REPEATS} processes of {faults.REQUESTS} requests, whose times vary by {100 * faults.WITHIN:g}\u00a0% "
        "within a process; 1,000 trials for each point, whose bars are 95 % intervals. Dotted: what they promise."
    )
    figure, (axes,) = _panels("requests", note, (1,))
    for place, (name, shares) in enumerate(found.items()):
        _bars(axes, _percents({100 * x: one for x, one in shares.items()}), style.PALETTE[place], "oD"[place],
              CAPTIONS[name], joined=True)  # fmt: skip
    _promised(axes)
    axes.set(xlabel="variation between processes, %", ylabel="intervals that hold\nthe true median, %")
    return figure


def warmup_figure(found: Mapping[float, Mapping[int, faults.Spread]]) -> "Figure":
    """Left one run's requests, right by how much the measured rate is off, with and without the warm-up in it."""
    note = (
        f"A process whose first requests take {1 + faults.SLOWER:g} times as long as its later ones (time constant "
        f"{faults.WARM_S:g} s). Right: 40 trials for each point, bars hold nine of ten. "
        "A longer window only dilutes a warm-up; leaving it out removes it."
    )
    figure, (times, errors) = _panels("warmup", note, (2, 3))
    ended_s, times_s = faults.warming_up(np.random.default_rng(7), 40)
    times.plot(ended_s[::3], 1000 * times_s[::3], ".", color=style.PALETTE[0], markersize=2)
    left_out = max(found)
    times.axvspan(0, left_out, color=style.GRID, alpha=0.6, linewidth=0)
    times.set(xlabel="ended after, s (grey: left out)", ylabel="every third request, ms", ylim=(0, None))
    for place, (warmup_s, shares) in enumerate(found.items()):
        label = f"first {warmup_s:g} s left out" if warmup_s else "measured from the start"
        of_percent = {w: faults.Share(*(100 * value for value in one)) for w, one in shares.items()}
        _bars(errors, of_percent, style.PALETTE[place], "oD"[place], label, joined=True)
    errors.axhline(0, color=style.MUTED, linewidth=0.8)
    errors.set(xscale="log", xlabel="measured for, s", ylabel="rate, % off the warm one's")
    errors.set_xticks(list(faults.WINDOWS_S), [str(each) for each in faults.WINDOWS_S])
    errors.minorticks_off()
    errors.legend(loc="lower right", handlelength=1.2)
    return figure


def stopping_figure(found: faults.Coverages) -> "Figure":
    note = (
        "Requests that resemble the one before (AR(1)), measured until the 95 % interval of their median is within "
        f"{100 * faults.ASKED:g}\u00a0% of it; 400 trials for each point, whose bars are 95 % intervals. "
        "Dotted: what the interval promises."
    )
    figure, (axes,) = _panels("stopping", note, (1,))
    for place, (name, shares) in enumerate(found.items()):
        _bars(axes, _percents(shares), style.PALETTE[place], "oD"[place], CAPTIONS[name], joined=True)
    _promised(axes)
    axes.set(xlabel="correlation of neighbours", ylabel="intervals that hold\nthe true median, %")
    return figure


def _panels(name: str, note: str, widths: tuple[int, ...]) -> "tuple[Figure, list[Axes]]":
    figure, axes = style.canvas(LOOKS, TITLES[name], note, HEIGHT_IN)
    axes.remove()
    panels = list(figure.subplots(1, len(widths), width_ratios=widths, squeeze=False)[0])
    for panel in panels:
        panel.grid(True)
    return figure, panels


def _percents(shares: Mapping[float, faults.Share]) -> dict[float, faults.Share]:
    return {x: faults.Share(*(100 * value for value in one)) for x, one in shares.items()}


def _bars(
    axes: "Axes", shown: Mapping[float, faults.Share], tint: str, mark: str, label: str, joined: bool = False
) -> None:
    """Points with their bars."""
    x, values = list(shown), np.array(list(shown.values()))
    off = np.abs(values[:, [0, 2]] - values[:, [1]]).T
    line = "-" if joined else ""
    axes.errorbar(
        x, values[:, 1], off, fmt=mark, linestyle=line, color=tint, markersize=3.5, linewidth=1, capsize=2, label=label
    )


def _promised(axes: "Axes") -> None:
    axes.axhline(95, color=style.MUTED, linewidth=0.8, linestyle=":")
    axes.set_ylim(0, 102)
    axes.legend(loc="lower left", handlelength=1.2)


def main() -> None:
    with style.applied(LOOKS):
        figures = {
            "floors": floors_figure(faults.estimates_of_p99()),
            "loads": loads_figure(faults.open_loads(), faults.closed_loads()),
            "requests": requests_figure(faults.coverage_of_intervals()),
            "warmup": warmup_figure(faults.errors_of_rates()),
            "stopping": stopping_figure(faults.coverage_of_stops()),
        }
        for name, figure in figures.items():
            path = FOLDER / f"method-{name}.svg"
            style.save(figure, path, "svg", TITLES[name])
            print(path)


if __name__ == "__main__":
    main()
