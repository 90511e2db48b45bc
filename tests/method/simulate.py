"""The numbers and the figure of docs/method.md, by simulation with fixed seeds: the same each time, in some minutes.

.venv/bin/python tests/method/simulate.py
"""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if __name__ == "__main__":
    sys.path += [str(Path(__file__).resolve().parents[2] / folder) for folder in ("", "scripts", "tests/unit")]

from cotejo.command import ROOT
from cotejo.difference import difference
from cotejo.figures import style
from cotejo.stats import percentile_ms
from tests.method import queues
from tests.method.distributions import DISTRIBUTIONS, coverage, covered
from tests.method.workloads import CLEAN, REPEATS, Times, alarms, normal, ramp, stalled, unsteady

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PAGE = ROOT / "docs" / "method.md"
FIGURE = ROOT / "docs" / "images" / "method-power.svg"

TRIALS = 2000
RUNS = 2000  # of six repeats, where each repeat has requests

QUANTILES = ((50, 6), (50, 11), (90, 44), (95, 90), (99, 459))

NOISES = (0.01, 0.02, 0.05, 0.1)
REPEAT_NUMBERS = (4, 6, 10, 20)
EFFECTS = (0, 0.005, 0.01, 0.015, 0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.3, 0.5)
TABLED = (0, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2)

REQUESTS = (20, 100, 2000)
OF_SERVERS = (100, 500, 2000)  # requests a repeat of a server's level
GROWTHS = (0.05, 0.1, 0.2, 0.4)

Power = dict[tuple[float, int, float], float]


def table(heads: Sequence[str], rows: Sequence[Sequence[str]], aligned: str) -> str:
    """Markdown; `aligned` has l or r for the first columns, and its last letter for all that follow."""
    rules = [{"l": "---", "r": "--:"}[side] for side in aligned.ljust(len(heads), aligned[-1])]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (heads, rules, *rows))


def percent(share: float, digits: int = 1) -> str:
    return f"{share * 100:.{digits}f} %"


def coverage_table() -> str:
    exact = ["any continuous one, exactly", *(percent(coverage(q, n)) for q, n in QUANTILES)]
    rows = [
        [name, *(percent(covered(name, q, n, TRIALS, seed=place)) for q, n in QUANTILES)]
        for place, name in enumerate(DISTRIBUTIONS)
    ]
    return table(["distribution", *(f"p{q} of {n}" for q, n in QUANTILES)], [*rows, exact], "lr")


def simulated_power() -> Power:
    """How often two sets of repeats of log-normal noise are told apart, by noise, repeats of each, and effect."""
    found = {}
    rng = np.random.default_rng(1)
    for noise in NOISES:
        for repeats in REPEAT_NUMBERS:
            for effect in EFFECTS:
                sides = np.exp(np.sqrt(np.log1p(noise**2)) * rng.standard_normal((2, TRIALS, repeats)))
                ps = [difference(*pair).p for pair in zip(sides[0], (1 + effect) * sides[1], strict=True)]
                found[noise, repeats, effect] = float(np.mean(np.array(ps) <= 0.05))
    return found


def power_table(power: Power) -> str:
    heads = ["noise", "repeats of each", *("none" if effect == 0 else f"{effect * 100:g} %" for effect in TABLED)]
    rows = [
        [f"{noise * 100:g} %", str(repeats), *(percent(power[noise, repeats, effect], 0) for effect in TABLED)]
        for noise in NOISES
        for repeats in REPEAT_NUMBERS
    ]
    return table(heads, rows, "r")


def power_figure(power: Power) -> "Figure":
    """A panel for each number of repeats, a line for each noise: how often a slowdown of some size is found."""
    looks = style.STYLES["full"]
    title = "How large a slowdown is found, and how often"
    note = (
        "Two sets of so many repeats each, with log-normal noise, compared by the exact Mann-Whitney test at 5 %: "
        f"{TRIALS} trials for each point. Noise: the coefficient of variation between repeats. Dotted: nine of ten."
    )
    figure, axes = style.canvas(looks, title, note, 2.6)
    axes.remove()
    panels = figure.subplots(1, len(REPEAT_NUMBERS), sharey=True)
    colour = style.colours(f"{noise * 100:g} %" for noise in NOISES)
    shown = [effect for effect in EFFECTS if effect]
    for panel, repeats in zip(panels, REPEAT_NUMBERS, strict=True):
        for (name, tint), noise, mark in zip(colour.items(), NOISES, "osD^", strict=True):
            found = [power[noise, repeats, effect] * 100 for effect in shown]
            panel.plot([effect * 100 for effect in shown], found, color=tint, marker=mark, markersize=3, label=name)
        panel.axhline(90, color=style.MUTED, linewidth=0.8, linestyle=":")
        panel.set_xscale("log")
        panel.set_xticks([0.5, 2, 5, 20, 50], ["0.5", "2", "5", "20", "50"])
        panel.minorticks_off()
        panel.set_ylim(0, 102)
        panel.grid(True)
        panel.set_title(f"{repeats} repeats", fontsize=looks.text_pt)
        panel.set_xlabel("slowdown, %")
    panels[0].set_ylabel("found, %")
    panels[-1].legend(title="noise", loc="center left", bbox_to_anchor=(1, 0.5), handlelength=1.5)
    return figure


def alarms_table() -> str:
    rows = []
    for place, (name, draw) in enumerate(CLEAN.items()):
        found = [alarms(draw, n, RUNS, seed=10 * n + place) for n in REQUESTS]
        rows.append([name, *(percent(len(reasons) / RUNS) for reasons in found)])
    return table(["requests' times", *(f"{n} requests a repeat" for n in REQUESTS)], rows, "lr")


def queues_table() -> str:
    runs = RUNS // 10
    rows = []
    for place, (name, draw) in enumerate(queues.CLEAN.items()):
        found = [queues.alarms(draw, n, runs, seed=10 * n + place) for n in OF_SERVERS]
        rows.append([name, *(percent(len(reasons) / runs) for reasons in found)])
    return table(["requests of a server", *(f"{n} requests a repeat" for n in OF_SERVERS)], rows, "lr")


def drift_table() -> str:
    """How often a drift is found: shared by all repeats, or in one of them."""
    rows = []
    for noise, n in ((0.02, 20), (0.05, 20), (0.05, 100), (0.1, 100), (0.1, 2000)):
        for where, drifting in (("all six", REPEATS), ("one", 1)):
            found = [found_share(noise, n, growth, drifting) for growth in GROWTHS]
            rows.append([percent(noise, 0), str(n), where, *(percent(share, 0) for share in found)])
    heads = ["noise", "requests a repeat", "repeats that drift", *(percent(growth, 0) for growth in GROWTHS)]
    return table(heads, rows, "rrlr")


def found_share(noise: float, n: int, growth: float, drifting: int) -> float:
    rng, runs = np.random.default_rng(n), RUNS // 10

    def repeat(place: int) -> Times:
        times = normal(rng, n, noise)
        return ramp(times, growth) if place < drifting else times

    found = [unsteady([repeat(place) for place in range(REPEATS)]) for _ in range(runs)]
    return sum(any(reason.startswith("drift: ") for reason in reasons) for reasons in found) / runs


def stalls_table() -> str:
    """Six repeats of 100 s, single-stream, with a stall of 200 ms every 5 s."""
    rows = []
    for request_s in (0.01, 0.02, 0.05, 0.1, 0.2):
        rng = np.random.default_rng(3)
        clean = [request_s * normal(rng, round(100 / request_s), 0.05) for _ in range(REPEATS)]
        slowed = [stalled(times, every_s=5, stall_s=0.2) for times in clean]
        p99s = (np.median([percentile_ms(times, 99) or np.nan for times in sides]) for sides in (clean, slowed))
        shown = ("blank" if np.isnan(p99) else f"{p99:.0f} ms" for p99 in p99s)
        rows.append([f"{request_s * 1000:g} ms", *shown, "; ".join(unsteady(slowed))])
    return table(["request", "p99 without stalls", "p99 with them", "unsteady for"], rows, "rrrl")


def replace_between_marks(page: Path, name: str, text: str) -> None:
    """Put text between a name's marks on a page; ValueError where it lacks them."""
    marks = [f"<!-- {name}: {end} -->" for end in ("begin", "end")]
    before, begin, rest = page.read_text(encoding="utf-8").partition(marks[0])
    _, end, after = rest.partition(marks[1])
    if not begin or not end:
        raise ValueError(f"{page}: lacks the line {marks[0]} or {marks[1]}. Restore both")
    page.write_text(f"{before}{begin}\n\n{text}\n\n{end}{after}", encoding="utf-8")


def main() -> None:
    power = simulated_power()
    with style.applied(style.STYLES["full"]):
        style.save(power_figure(power), FIGURE, "svg", "How large a slowdown is found, and how often")
    parts: dict[str, Callable[[], str]] = {
        "coverage": coverage_table,
        "power": lambda: power_table(power),
        "drift": drift_table,
        "stalls": stalls_table,
        "alarms": alarms_table,
        "queues": queues_table,
    }
    for name, made in parts.items():
        replace_between_marks(PAGE, name, made())
        print(f"{PAGE}: {name}")


if __name__ == "__main__":
    main()
