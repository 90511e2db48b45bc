"""Metrics against the load: a panel for each metric and kind of load, a line for each run.

Closed and open loads never share a panel: their percentiles are not of the same thing.
"""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from cotejo.figures.marks import handles_of_lines, point, shifted
from cotejo.figures.select import Entry, entries, no_values, note, sentence
from cotejo.figures.style import FAILED, PALETTE, Style, canvas, empty
from cotejo.labels import level_label, load_label, metric_label

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

MARKERS = "osD^vP"
DODGE_PT, MOST_DODGE_PT = 3, 14  # between lines, and of all: equal values must not hide one another
MOST_TICKS = 10
NARROW_IN = 5  # a figure that has no room for panels beside each other
WIDE = 16  # beyond this ratio of the highest level to the lowest, the axis is logarithmic

# By load: the column that has a level's place, and what that axis is called.
PLACES = {
    "closed": ("concurrency", "Requests at once"),
    "open": ("rate_rps", "Requests asked for in a second"),
}
WITHOUT = ("level", "load")  # told by the panels and their axes
Looks = Mapping[str, tuple[str, str]]


def draw_panels(
    summary: "pd.DataFrame", options: Mapping[str, Any], metrics: Sequence[str], style: Style, title: str
) -> "Figure":
    """A column of panels for each load, or all below each other where the figure is narrow."""
    found = of_servers(summary, options, metrics)
    shown = [metric for metric in metrics if any(e.row["metric"] == metric and not e.gap for e in found)]
    if not shown:
        return empty(style, title, no_values(found, " or ".join(metrics)))
    loads = [load for load in PLACES if any(entry.row["load"] == load and not entry.gap for entry in found)]
    looks = looks_of([entry for entry in found if entry.row["load"] in loads])
    columns = len(loads) if style.width_in > NARROW_IN else 1
    rows = [[(metric, load)] for load in loads for metric in shown]
    if columns > 1:
        rows = [[(metric, load) for load in loads] for metric in shown]

    gap_in, axis_in = style.line_in, 2.5 * style.line_in
    plot_in = style.width_in * (0.28 if style.width_in > NARROW_IN else 0.5)
    heights = [plot_in + gap_in * max(len(gaps_of(found, *panel)) for panel in row) for row in rows]
    text = "\n".join(filter(None, [*said_of_gaps(found), note(found, options, "Mark", WITHOUT)]))
    handles = handles_of_lines(found, looks, ideal=False)
    if any(gaps_of(found, *panel) for row in rows for panel in row):
        handles.append(cross())
    figure, grid = panels_below_legend(style, title, text, handles, [height + axis_in for height in heights], columns)
    for axes_row, row, height_in in zip(grid, rows, heights, strict=True):
        for axes, (metric, load) in zip(axes_row, row, strict=True):
            _panel(axes, found, looks, metric, load)
            _gap_rows(axes, gaps_of(found, metric, load), looks, gap_in / height_in)
    settle(figure)
    return figure


def panels_below_legend(
    style: Style, title: str, text: str, handles: "Sequence[Line2D]", heights_in: Sequence[float], columns: int
) -> "tuple[Figure, np.ndarray]":
    """A figure with a legend across it, and below it a grid of axes (rows, columns), each row of its height."""
    widest = max(len(str(handle.get_label())) for handle in handles) + 6  # what the line before it takes
    per_line = max(1, min(len(handles), style.characters(style.width_in) // (widest + 2)))
    legend_in = (math.ceil(len(handles) / per_line) * 1.25 + 0.5) * style.line_in
    figure, frame = canvas(style, title, text, legend_in + sum(heights_in))
    frame.remove()
    grid = figure.add_gridspec(len(heights_in) + 1, columns, height_ratios=[legend_in, *heights_in])
    top = figure.add_subplot(grid[0, :])
    top.set_axis_off()
    legend = top.legend(
        handles=handles, loc="upper left", ncols=per_line, handlelength=1.8, borderaxespad=0, borderpad=0
    )
    legend.set_in_layout(False)  # it is as wide as it is: no panel must make room for it
    return figure, np.array(
        [[figure.add_subplot(grid[row + 1, column]) for column in range(columns)] for row in range(len(heights_in))]
    )


def settle(figure: "Figure") -> None:
    """Lay the panels out for good: what the solver finds for several differs in the last digits from run to run."""
    from matplotlib.transforms import Bbox

    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    for axes in figure.axes:
        axes.set_position(Bbox(np.round(axes.get_position().get_points(), 4)))


def describe_panels(summary: "pd.DataFrame", options: Mapping[str, Any], metrics: Sequence[str]) -> str:
    """Every point in words, each with its level."""
    found = of_servers(summary, options, metrics, without=())
    parts = [(metric, [entry for entry in found if entry.row["metric"] == metric]) for metric in metrics]
    gaps = [f"{entry.label} {entry.gap}." for entry in found if not entry.row["metric"]]
    return " ".join([*(sentence(members, metric) for metric, members in parts if members), *gaps]) or "No data."


def of_servers(
    summary: "pd.DataFrame", options: Mapping[str, Any], metrics: Sequence[str], without: Sequence[str] = WITHOUT
) -> list[Entry]:
    """What a figure of these metrics shows of runs that have a server."""
    return entries(summary[summary["server"] != ""], options, metrics, without=without)


def looks_of(found: Sequence[Entry]) -> Looks:
    """A colour and a marker for each line; where the colours begin again, the markers don't."""
    labels, colours, markers = dict.fromkeys(entry.label for entry in found), len(PALETTE), len(MARKERS)
    return {
        label: (PALETTE[place % colours], MARKERS[(place + place // colours) % markers])
        for place, label in enumerate(labels)
    }


def place_of(entry: Entry, load: str) -> float:
    """Where a level lies on its load's axis; NaN where it was of another load, or none."""
    return float(entry.row[PLACES[load][0]]) if entry.row["load"] == load else math.nan


def gaps_of(found: Sequence[Entry], metric: str, load: str) -> dict[str, list[float]]:
    """The places of a panel's levels without a value, by line."""
    gaps: dict[str, list[float]] = {}
    for entry in found:
        if entry.gap and entry.row["load"] == load and entry.row["metric"] in ("", metric):
            gaps.setdefault(entry.label, []).append(place_of(entry, load))
    return gaps


def said_of_gaps(found: Sequence[Entry]) -> list[str]:
    """A sentence for each reason that something has no value, naming the runs and levels that have none."""
    whole = {key_of(entry) for entry in found if entry.gap and (not entry.row["metric"] or "failed" in entry.gap[:6])}
    reasons: dict[str, dict[str, None]] = {}
    for entry in found:
        if entry.gap:
            metric = "" if key_of(entry) in whole else f"{metric_label(entry.row['metric'])}: "
            reasons.setdefault(f"{metric}{entry.gap}", {})[" · ".join(filter(None, key_of(entry)))] = None
    return [f"{', '.join(where)}: {reason}." for reason, where in reasons.items()]


def key_of(entry: Entry) -> tuple[str, str]:
    """A run and its level in words."""
    return entry.label, level_label(entry.row["level"])


def cross() -> "Line2D":
    """What a legend says of crosses."""
    from matplotlib.lines import Line2D

    return Line2D([], [], marker="x", markersize=5, linestyle="", color=FAILED, label="no value, see below")


def _gap_rows(axes: "Axes", gaps: Mapping[str, Sequence[float]], looks: Looks, share: float) -> None:
    """Under the value axis's zero, a row of crosses for each line that has no value somewhere.

    `share` is the part of the axes' height that one row takes: no data is drawn there, so nothing can hide it.
    """
    if not gaps:
        return
    top = axes.get_ylim()[1]
    row = top * share / (1 - share * len(gaps))
    axes.axhspan(-row * len(gaps), 0, color="#f3f3f3", linewidth=0, zorder=0)
    for number, (label, places) in enumerate(gaps.items()):
        height = [-row * (number + 0.5)] * len(places)
        axes.scatter(places, height, marker="x", s=18, color=looks[label][0], linewidth=1.4, zorder=5)
    axes.set_yticks([tick for tick in axes.get_yticks() if 0 <= tick <= top])
    axes.set_ylim(-row * len(gaps), top)


def _panel(axes: "Axes", found: Sequence[Entry], looks: Looks, metric: str, load: str) -> None:
    """One metric of one load: every run's line, broken where a level has no value."""
    members = [e for e in found if e.row["load"] == load and e.row["metric"] in ("", metric)]
    dodge_pt = min(DODGE_PT, MOST_DODGE_PT / len(looks))
    for number, (label, (colour, marker)) in enumerate(looks.items()):
        own = sorted((e for e in members if e.label == label), key=lambda entry: place_of(entry, load))
        aside = shifted(axes, dodge_pt * (number - (len(looks) - 1) / 2))
        x, y = [place_of(e, load) for e in own], [math.nan if e.gap else e.row["median"] for e in own]
        axes.plot(x, y, color=colour, linewidth=1.2, transform=aside)
        for entry in (entry for entry in own if not entry.gap):
            point(axes, place_of(entry, load), entry, colour, marker, aside)
    _load_axis(axes, sorted({place_of(entry, load) for entry in members}), load)
    shown = [entry for entry in members if not entry.gap]
    top = max([value for e in shown for value in (e.row["median"], *e.values)], default=0)
    axes.set_ylim(0, top * 1.08 or 1)
    row = next((e.row for e in shown), {"unit": "", "better": ""})
    axes.set_ylabel(f"{metric_label(metric)} ({row['unit']}),\n{load_label(load)}; {row['better']} is better")
    axes.yaxis.set_major_formatter("{x:,g}")
    axes.grid()


def _load_axis(axes: "Axes", places: Sequence[float], load: str) -> None:
    """The levels as ticks, as many of them as can be read."""
    from matplotlib.ticker import NullLocator

    wide = places[-1] / places[0] > WIDE
    if wide:
        axes.set_xscale("log")
        axes.xaxis.set_minor_locator(NullLocator())
    spare = (places[-1] / places[0]) ** 0.08 if wide else 1
    margin = 0 if wide else max(0.08 * (places[-1] - places[0]), 0.08 * places[0])
    axes.set_xlim(places[0] / spare - margin, places[-1] * spare + margin)
    ticks = places[:: math.ceil(len(places) / MOST_TICKS)]
    axes.set_xticks(ticks, [f"{place:g}" for place in ticks])
    axes.set_xlabel(f"{PLACES[load][1]} ({load_label(load)})")
