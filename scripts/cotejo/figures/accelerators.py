"""Metrics against the number of GPUs that a model is divided over, beside what ideal scaling would give."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from cotejo.figures.options import BY, COMMON, METRICS
from cotejo.figures.panels import (
    MOST_LINES,
    NARROW_IN,
    Item,
    Line,
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
    value_of,
)
from cotejo.figures.published import marks_of, published_note, published_sentence, shapes
from cotejo.figures.select import Entry, entries, no_values, note, sentence
from cotejo.figures.style import Style, empty
from cotejo.labels import level_label, value_label
from cotejo.stand_in import asked

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLE = "Throughput and latency by the number of GPUs, beside ideal scaling"
DRAWN = ("requests_per_s", "latency_mean_ms")
OPTIONS: dict[str, Any] = {
    "metrics": {**METRICS, "default": list(DRAWN)},
    "by": {**BY, "default": ["client"]},
    **COMMON,
}
INPUTS = ("published",)
WITHOUT = ("accelerators", "split", "device", "name")  # told by the axis


def draw(summary: "pd.DataFrame", options: Mapping[str, Any], style: Style, *, published: "pd.DataFrame") -> "Figure":
    """A panel for each metric, a line for each thing that `by` names; dotted, what its first point would become."""
    title, metrics = options.get("title", TITLE), options.get("metrics", DRAWN)
    options = {"by": OPTIONS["by"]["default"], **options}
    options |= {"by": _by(summary, options, metrics)}
    to_show = entries(summary, options, metrics, without=(*WITHOUT, "nodes"), most=MOST_LINES)
    found, told = _named(to_show, options["by"])
    marks = marks_of(published, options, metrics, found)
    everything: list[Item] = [*found, *marks]
    items = [item for item in everything if not math.isnan(place_of(item))]
    shown = [metric for metric in metrics if any(metric_of(item) == metric and not item.gap for item in items)]
    if not shown:
        return empty(style, title, no_values(found, " or ".join(metrics)))
    looks = looks_of(items)
    wide = style.width_in > NARROW_IN
    columns = min(2, len(shown)) if wide else 1
    gaps = {metric: gaps_by_line(_of(items, metric), place_of) for metric in shown}
    deepest = max(map(len, gaps.values()))
    rows = math.ceil(len(shown) / columns)
    plot_in = style.width_in * (0.3 if wide else 0.5)
    height_in = plot_in + (2.5 + deepest) * style.line_in
    lines = [
        *said_of_gaps(found, _key_of),
        *told,
        *_nodes(found, options["by"]),
        note(found, options, "Mark", WITHOUT),
        *published_note(marks, found),
    ]
    several = any(len(_valued(line)) > 1 for metric in shown for line in lines_of(_of(items, metric), place_of))
    handles = handles_of(found, marks, looks, "in proportion to GPUs, from the line's first" if several else "")
    if deepest:
        handles.append(cross())
    figure, grid = panels_below_legend(style, title, "\n".join(lines), handles, [height_in] * rows, columns)
    for axes in grid.ravel()[len(shown) :]:
        axes.remove()
    for axes, metric in zip(grid.ravel(), shown, strict=False):
        members = _of(items, metric)
        _panel(axes, members, looks, shapes(marks), metric)
        name_values(axes, *value_label_of(members, metric), style, plot_in)
        gap_rows(axes, gaps[metric], looks, style.line_in / height_in)
    settle(figure)
    return figure


def describe(summary: "pd.DataFrame", options: Mapping[str, Any], *, published: "pd.DataFrame") -> str:
    """Every point in words."""
    metrics = options.get("metrics", DRAWN)
    by = (*options.get("by", OPTIONS["by"]["default"]), "accelerators")
    found = entries(summary, {**options, "by": by}, metrics)
    marks = marks_of(published, {**options, "by": by}, metrics)
    measured = [(metric, [entry for entry in found if entry.row["metric"] == metric]) for metric in metrics]
    said = [sentence(members, metric) for metric, members in measured if members]
    said += [f"{entry.label} {entry.gap}." for entry in found if not entry.row["metric"]]
    return " ".join([*said, *filter(None, (published_sentence(marks, metric) for metric in metrics))]) or "No data."


def place_of(item: Item) -> float:
    """On how many GPUs; what stands in for one counts as that. NaN on the CPU, which has no place among them."""
    wanted = asked(item.row) if isinstance(item, Entry) else item.row
    count = str(wanted["accelerators"] or "0")
    return float(count) if count != "0" else math.nan


def _by(summary: "pd.DataFrame", options: Mapping[str, Any], metrics: Sequence[str]) -> list[str]:
    """What lines are drawn by. Nodes go with the number of GPUs, unless as many GPUs are on unlike numbers of nodes."""
    found = entries(summary, options, metrics, without=(*WITHOUT, "nodes"))
    nodes: dict[tuple[str, float], set[str]] = {}
    for entry in found:
        nodes.setdefault((entry.of_run, place_of(entry)), set()).add(asked(entry.row)["nodes"])
    alike = all(len(numbers) == 1 for numbers in nodes.values())
    return [*options["by"]] if alike else [*options["by"], "nodes"]


def _nodes(found: Sequence[Entry], by: Sequence[str]) -> list[str]:
    """On how many nodes the GPUs are, where lines aren't drawn by it; nothing where all are on one."""
    told = {place_of(entry): asked(entry.row)["nodes"] for entry in found if asked(entry.row)["nodes"]}
    places = [f"{place:g} GPUs on {value_label('nodes', told[place])}" for place in sorted(told)]
    return [f"{', '.join(places)}."] if places and "nodes" not in by else []


def _named(found: Sequence[Entry], by: Sequence[str]) -> tuple[list[Entry], list[str]]:
    """The entries with labels of the columns of `by` alone, and sentences with the rest, where these tell lines apart.

    Long labels would fill the legend: what the lines differ in besides stands below.
    """
    columns = [{column: asked(entry.row)[column] for column in by} for entry in found]
    short = [" · ".join(value_label(column, value) for column, value in row.items() if value) for row in columns]
    rest: dict[str, set[str]] = {}
    loads: dict[str, dict[str, None]] = {}
    for entry, label in zip(found, short, strict=True):
        rest.setdefault(label, set()).add(entry.of_run)
        load = value_label("load", entry.row["load"])
        level = level_label(entry.row["level"]) if entry.row["level"] != entry.row["load"] else ""
        loads.setdefault(label, {})[", ".join(filter(None, [load, level]))] = None
    valued = [(entry, label) for entry, label in zip(found, short, strict=True) if not entry.gap]
    places = [(label, place_of(entry), entry.row["metric"]) for entry, label in valued]
    if any(len(whole) > 1 for whole in rest.values()) or len(set(places)) < len(places):
        return list(found), []
    told = [(label, [*rest[label], *filter(None, loads[label])]) for label in rest]
    lines = [f"{label}: {', '.join(parts).removeprefix(label).removeprefix(' · ')}." for label, parts in told]
    return [replace(entry, label=label) for entry, label in zip(found, short, strict=True)], lines


def _key_of(entry: Entry) -> tuple[str, str]:
    return entry.label, f"{place_of(entry):g}\u00a0GPU{'s' if place_of(entry) != 1 else ''}"


def _of(items: Sequence[Item], metric: str) -> list[Item]:
    """What belongs to a metric's panel: its values, and what has no value of any."""
    return [item for item in items if metric_of(item) in ("", metric)]


def _valued(line: Line) -> list[tuple[float, float]]:
    return [(place, value_of(item)) for place, item in line.points if not math.isnan(value_of(item))]


def _panel(axes: "Axes", members: Sequence[Item], looks: Looks, shape: Mapping[str, str], metric: str) -> None:
    """One metric: every line, and dotted its ideal."""
    lines = lines_of(members, place_of)
    draw_lines(axes, lines, looks, shape)
    places = sorted({place_of(item) for item in members})
    top = axes.get_ylim()[1]
    _, better = value_label_of(members, metric)
    measured = {line.label for line in lines if not line.machine and sum(not item.gap for _, item in line.points) > 1}
    for line in (line for line in lines if not line.machine or line.label not in measured):
        reach = _ideal(line, places, better.startswith("higher"))
        axes.plot(*reach, color=looks[line.label][0], linewidth=1, linestyle=":", zorder=1)
        top = max([top, *(1.08 * value for value in reach[1])])
    axes.set_ylim(0, top)
    axes.set_xticks(places, [f"{place:g}" for place in places])
    margin = 0.1 * (places[-1] - places[0]) or 0.5
    axes.set_xlim(places[0] - margin, places[-1] + margin)
    axes.set_xlabel("GPUs")


def _ideal(line: Line, places: Sequence[float], rises: bool) -> tuple[list[float], list[float]]:
    """What a line's first value would become in proportion to the GPUs; nothing for a line of one place."""
    valued = _valued(line)
    if len(valued) < 2:
        return [], []
    (first, value), last = valued[0], places[-1]
    reach = [first + (last - first) * step / 50 for step in range(51)]
    return reach, [value * (place / first if rises else first / place) for place in reach]
