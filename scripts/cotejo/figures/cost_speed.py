"""Cost against speed: every rate of a study on every machine that has a price."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cotejo.cost import WORKS, usd_per_unit
from cotejo.cost_rows import PUBLISHED, price_of
from cotejo.cost_words import hour_of_work
from cotejo.figures.costs import cost_axis, entries_of, handle, note_of, nothing_priced, said_of_gaps, told, usd
from cotejo.figures.hover import tell
from cotejo.figures.marks import unpublishable
from cotejo.figures.options import BY, COMMON, METRIC
from cotejo.figures.panels import MOST_LINES, panels_below_legend, settle
from cotejo.figures.select import DEFAULT_BY, Entry, first_of
from cotejo.figures.style import INK, MUTED, Style, colours, empty
from cotejo.figures.telling import between, value, worth
from cotejo.labels import axis_label, number

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

TITLE = "Cost against speed, by machine"
INPUTS = ("cost",)
OPTIONS: dict[str, Any] = {
    "metric": {**METRIC, "description": "The speed: a metric that has a cost.", "enum": list(WORKS)},
    "by": BY,
    **COMMON,
}
REQUIRED = ("metric",)

MARKERS, OF_PUBLISHED = "os^vPX", "Dph8*"  # by run; those of published ones nothing measured has
WIDE = 8  # beyond this ratio of the largest to the smallest, the axes are logarithmic
MOST_NUMBERED = 9


def draw(summary: "pd.DataFrame", options: Mapping[str, Any], style: Style, *, cost: "pd.DataFrame") -> "Figure":
    """A mark for each rate; on one machine all lie on one line, for there cost is its price over the rate."""
    title, metric = options.get("title", TITLE), options["metric"]
    found = first_of(entries_of(cost, options, [metric]), MOST_LINES, lambda entry: entry.label)
    shown = [entry for entry in found if not entry.gap]
    if not shown:
        return empty(style, title, nothing_priced(found, _records(cost)) or f"no value of {metric}")
    colour = colours(entry.group for entry in shown)
    looks = _looks(shown)
    best = front(shown)
    text = [_said_of(best), *note_of(found, [entry.row for entry in shown], options.get("by", DEFAULT_BY))]
    plot_in = style.width_in * 0.55
    figure, grid = panels_below_legend(
        style, title, "\n".join(filter(None, text)), _handles(shown, colour, looks), [plot_in + 2.5 * style.line_in], 1
    )
    axes = grid[0, 0]
    _scales(axes, shown)
    _lines(axes, shown, colour, metric)
    for entry in shown:
        _point(axes, entry, colour[entry.group], looks[_run(entry)])
    _front(axes, best)
    axes.set_xlabel(axis_label(metric, shown[0].row["unit"], shown[0].row["better"]))
    axes.set_ylabel(cost_axis(WORKS[metric].unit, style, plot_in))
    axes.grid()
    settle(figure)
    return figure


def describe(summary: "pd.DataFrame", options: Mapping[str, Any], *, cost: "pd.DataFrame") -> str:
    """Every mark in words."""
    metric = options["metric"]
    found = first_of(entries_of(cost, options, [metric]), MOST_LINES, lambda entry: entry.label)
    parts = []
    for entry in (entry for entry in found if not entry.gap):
        worth = "" if entry.publishable else f" ({entry.row['verdict']})"
        speed = f"{number(entry.row['median'])} {entry.row['unit']}"
        parts.append(f"{told(entry)}: {speed} at {usd(entry.row['usd'])}{worth}")
    said = [f"Cost per {WORKS[metric].unit}: {'; '.join(parts)}."] if parts else []
    return " ".join([*said, *said_of_gaps(found)]) or "No data."


def front(shown: Sequence[Entry]) -> list[Entry]:
    """Those that none beats in both cost and speed, the cheapest first (Pareto's front)."""
    sign = 1 if WORKS[shown[0].row["metric"]].rate else -1
    best: list[Entry] = []
    for entry in sorted(shown, key=lambda entry: (entry.row["usd"], -sign * entry.row["median"])):
        if not best or sign * entry.row["median"] > sign * best[-1].row["median"]:
            best.append(entry)
    return best


def _records(table: "pd.DataFrame") -> list[Mapping[str, Any]]:
    return [*table.to_dict("records")]  # type: ignore[list-item]


def _said_of(best: Sequence[Entry]) -> str:
    """What the numbered marks are."""
    parts = [
        f"{n}: {told(e)}, {number(e.row['median'])}\u00a0{e.row['unit']} at {usd(e.row['usd'])}"
        for n, e in enumerate(best[:MOST_NUMBERED], start=1)
    ]
    return f"None is both faster and cheaper than {'; '.join(parts)}."


def _run(entry: Entry) -> tuple[str, bool]:
    """What has a marker of its own: a run, and whether it was published."""
    return entry.label, entry.row["basis"] == PUBLISHED


def _looks(shown: Sequence[Entry]) -> dict[tuple[str, bool], str]:
    """The marker of each run; more runs than markers begin again."""
    looks: dict[tuple[str, bool], str] = {}
    for label, published in dict.fromkeys(_run(entry) for entry in shown):
        markers = OF_PUBLISHED if published else MARKERS
        looks[label, published] = markers[sum(other == published for _, other in looks) % len(markers)]
    return looks


def _handles(
    shown: Sequence[Entry], colour: Mapping[str, str], looks: Mapping[tuple[str, bool], str]
) -> "list[Line2D]":
    found = [handle(name, color=shade) for name, shade in colour.items()]
    for (label, published), marker in looks.items():
        face = {} if published else {"markerfacecolor": "white"}
        found.append(handle(f"{label}, published" if published else label, marker=marker, linestyle="", **face))
    if words := unpublishable([entry for entry in shown if entry.row["basis"] != PUBLISHED]):
        found.append(handle(f"hollow: {words}", marker="o", linestyle="", markerfacecolor="white"))
    if any(not math.isnan(entry.row["purchase_usd"]) for entry in shown):
        found.append(handle("owned: down to always at work", linestyle=":"))
    return found


def _scales(axes: "Axes", shown: Sequence[Entry]) -> None:
    """Both axes alike: logarithmic, where each machine's line is straight, or from zero where all is of one size."""
    from matplotlib.ticker import LogLocator, NullFormatter

    wide = any(max(values) / min(values) > WIDE for values in _spans(shown, ("median",), ("usd",)))
    spans = _spans(shown, ("low", "median", "high"), ("usd_low", "usd", "usd_high"))
    spans[1].extend(_always(entry) for entry in shown)
    for axis, values, limit, scale in (
        (axes.xaxis, spans[0], axes.set_xlim, axes.set_xscale),
        (axes.yaxis, spans[1], axes.set_ylim, axes.set_yscale),
    ):
        low, high = min(values), max(values)
        if wide:
            scale("log")
            spare = max((high / low) ** 0.1, 1.25)
            limit(low / spare, high * spare)
            axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axis.set_minor_formatter(NullFormatter())
        else:
            limit(0, high * 1.15)
        axis.set_major_formatter("{x:,g}")


def _spans(shown: Sequence[Entry], *columns: Sequence[str]) -> list[list[float]]:
    """All values that the rows have in each group of columns."""
    return [[e.row[name] for e in shown for name in names if not math.isnan(e.row[name])] for names in columns]


def _always(entry: Entry) -> float:
    """What the same work costs on a machine that works always."""
    row = entry.row
    if math.isnan(row["purchase_usd"]):
        return float(row["usd"])
    return usd_per_unit(price_of(row).usd_per_hour(1), row["metric"], row["median"])


def _lines(axes: "Axes", shown: Sequence[Entry], colour: Mapping[str, str], metric: str) -> None:
    """For each machine, what work costs on it at any speed."""
    import numpy as np

    left, right = axes.get_xlim()
    speeds = np.geomspace(max(left, right / 1000), right, 200)
    for name, hour in dict.fromkeys((entry.group, round(hour_of_work(entry.row), 9)) for entry in shown):
        line = [usd_per_unit(hour, metric, speed) for speed in speeds]
        axes.plot(speeds, line, color=colour[name], linewidth=0.9, alpha=0.55, zorder=2, scalex=False, scaley=False)


def _point(axes: "Axes", entry: Entry, colour: str, marker: str) -> None:
    """A rate and its cost, with the interval of both along the machine's line; hollow unless publishable."""
    row, published = entry.row, entry.row["basis"] == PUBLISHED
    if entry.interval:
        import numpy as np

        ends = np.geomspace(row["low"], row["high"], 20)
        along = [usd_per_unit(hour_of_work(row), row["metric"], speed) for speed in ends]
        axes.plot(ends, along, color=colour, linewidth=3.2, alpha=0.45, solid_capstyle="butt", zorder=3)
    if not math.isnan(row["purchase_usd"]):
        axes.plot([row["median"]] * 2, [row["usd"], _always(entry)], color=colour, linewidth=1, linestyle=":", zorder=3)
    face = colour if entry.publishable or published else "white"
    shape = axes.scatter(
        [row["median"]], [row["usd"]], s=22 if published else 30, marker=marker,
        facecolor=face, edgecolor=colour, linewidth=1.2, zorder=4,
    )  # fmt: skip
    tell(shape, _told_of(entry))


def _told_of(entry: Entry) -> str:
    """A rate and what it costs, in words, each with its interval."""
    row = entry.row
    cost = f"{usd(row['usd'])} per {WORKS[row['metric']].unit}"
    if row["basis"] == PUBLISHED:
        return f"published: {told(entry)}: {number(row['median'])} {row['unit']} at {cost}, without an interval"
    interval = f" ({between(row['usd_low'], row['usd_high'])})" if entry.interval else ""
    return f"{told(entry)}: {value(entry)} at {cost}{interval}, {worth(row)}"


def _front(axes: "Axes", best: Sequence[Entry]) -> None:
    """The steps from one unbeaten mark to the next, and their numbers."""
    x, y = [entry.row["median"] for entry in best], [entry.row["usd"] for entry in best]
    axes.plot(x, y, color=INK, linewidth=0.8, linestyle="--", drawstyle="steps-post", zorder=2)
    for place, entry in enumerate(best[:MOST_NUMBERED], start=1):
        axes.annotate(
            str(place), (entry.row["median"], entry.row["usd"]), xytext=(5, 5), textcoords="offset points",
            color=MUTED, fontweight="bold",
        )  # fmt: skip
