"""Metrics against the load: a panel for each metric and kind of load, a line for each run.

Closed and open loads never share a panel: their percentiles are not of the same thing.
"""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cotejo.figures.panels import (
    MOST_LINES,
    NARROW_IN,
    Gaps,
    Item,
    Looks,
    cross,
    draw_lines,
    gap_rows,
    gaps_by_line,
    handles_of,
    lines_of,
    looks_of,
    metric_of,
    name_values,
    panels_below_legend,
    said_of_gaps,
    settle,
    value_label_of,
)
from cotejo.figures.published import Mark, marks_of, published_note, published_sentence, shapes
from cotejo.figures.select import MOST_LABELS, Entry, entries, no_values, note, sentence
from cotejo.figures.style import Style, empty, wrapped
from cotejo.labels import level_label, load_label

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_TICKS = 10
WIDE = 16  # beyond this ratio of the highest level to the lowest, the axis is logarithmic

# By load: the column that has a level's place, and what that axis is called.
PLACES = {
    "closed": ("concurrency", "Requests at once"),
    "open": ("rate_rps", "Requests asked for in a second"),
}
WITHOUT = ("level", "load")  # told by the panels and their axes


def draw_panels(
    summary: "pd.DataFrame",
    published: "pd.DataFrame",
    options: Mapping[str, Any],
    metrics: Sequence[str],
    style: Style,
    title: str,
) -> "Figure":
    """A column of panels for each load, or all below each other where the figure is narrow."""
    found = of_servers(summary, options, metrics)
    marks = published_levels(published, options, metrics, found)
    items: list[Item] = [*found, *marks]
    valued = [item for item in items if not item.gap]
    shown = [metric for metric in metrics if any(metric_of(item) == metric for item in valued)]
    if not shown:
        return empty(style, title, no_values(found, " or ".join(metrics)))
    loads = [load for load in PLACES if any(load_of(item) == load for item in valued)]
    looks = looks_of([item for item in items if load_of(item) in loads])
    columns = len(loads) if style.width_in > NARROW_IN else 1
    rows = [[(metric, load)] for load in loads for metric in shown]
    if columns > 1:
        rows = [[(metric, load) for load in loads] for metric in shown]

    gap_in, axis_in = style.line_in, 2.5 * style.line_in
    plot_in = style.width_in * (0.28 if style.width_in > NARROW_IN else 0.5)
    heights = [plot_in + gap_in * max(len(gaps_of(found, *panel)) for panel in row) for row in rows]
    lines = [*said_of_gaps(found, key_of), note(found, options, "Mark", WITHOUT), *published_note(marks, found)]
    handles = handles_of(found, marks, looks)
    if any(gaps_of(found, *panel) for row in rows for panel in row):
        handles.append(cross())
    figure, grid = panels_below_legend(
        style, title, "\n".join(lines), handles, [height + axis_in for height in heights], columns
    )
    for axes_row, row, height_in in zip(grid, rows, heights, strict=True):
        for axes, (metric, load) in zip(axes_row, row, strict=True):
            members = [item for item in items if load_of(item) == load and metric_of(item) in ("", metric)]
            _panel(axes, members, looks, shapes(marks), load)
            name_load(axes, load, style, columns)
            name, better = value_label_of(members, metric)
            name_values(axes, name, f"{load_label(load)}; {better}", style, height_in)
            gap_rows(axes, gaps_of(found, metric, load), looks, gap_in / height_in)
    settle(figure)
    return figure


def describe_panels(
    summary: "pd.DataFrame", published: "pd.DataFrame", options: Mapping[str, Any], metrics: Sequence[str]
) -> str:
    """Every point in words, each with its level."""
    marks = published_levels(published, options, metrics, of_servers(summary, options, metrics))
    told = [published_sentence(marks, metric) for metric in metrics]
    return " ".join(filter(None, [*describe_levels(summary, options, metrics), *told])) or "No data."


def describe_levels(summary: "pd.DataFrame", options: Mapping[str, Any], metrics: Sequence[str]) -> list[str]:
    """What was measured in words, a sentence for each metric, and one for each run that has none."""
    found = of_servers(summary, options, metrics, without=(), most=MOST_LABELS)
    parts = [(metric, [entry for entry in found if entry.row["metric"] == metric]) for metric in metrics]
    gaps = [f"{entry.label} {entry.gap}." for entry in found if not entry.row["metric"]]
    return [*(sentence(members, metric) for metric, members in parts if members), *gaps]


def of_servers(
    summary: "pd.DataFrame",
    options: Mapping[str, Any],
    metrics: Sequence[str],
    without: Sequence[str] = WITHOUT,
    most: int = MOST_LINES,
) -> list[Entry]:
    """What a figure of these metrics shows of runs that have a server."""
    return entries(summary[summary["server"] != ""], options, metrics, without=without, most=most)


def published_levels(
    published: "pd.DataFrame", options: Mapping[str, Any], metrics: Sequence[str], found: Sequence[Entry]
) -> list[Mark]:
    """What was published of these metrics at some number of requests at once."""
    return [mark for mark in marks_of(published, options, metrics, found) if mark.row["concurrency"]]


def load_of(item: Item) -> str:
    """How requests arrived; of documents we have closed loops alone."""
    return "closed" if isinstance(item, Mark) else str(item.row["load"])


def place_of(item: Item, load: str) -> float:
    """Where a level lies on its load's axis; NaN where it was of another load, or none."""
    return float(item.row[PLACES[load][0]]) if load_of(item) == load else math.nan


def gaps_of(found: Sequence[Entry], metric: str, load: str) -> Gaps:
    """A panel's levels without a value, by line."""
    of_panel = [entry for entry in found if entry.row["load"] == load and entry.row["metric"] in ("", metric)]
    return gaps_by_line(of_panel, lambda entry: place_of(entry, load))


def key_of(entry: Entry) -> tuple[str, str]:
    """A run and its level in words."""
    return entry.label, level_label(entry.row["level"])


def _panel(axes: "Axes", members: Sequence[Item], looks: Looks, shape: Mapping[str, str], load: str) -> None:
    """One metric of one load."""
    draw_lines(axes, lines_of(members, lambda item: place_of(item, load)), looks, shape)
    _load_axis(axes, sorted({place_of(item, load) for item in members}), load)


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


def name_load(axes: "Axes", load: str, style: Style, columns: int) -> None:
    """Name the axis of a load, in lines that are no longer than one of so many panels beside each other is wide."""
    width_in = style.width_in / columns - 6.5 * style.line_in  # beside the values and their name
    axes.set_xlabel("\n".join(wrapped(f"{PLACES[load][1]} ({load_label(load)})", width_in, style.text_pt)))
