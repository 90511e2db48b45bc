"""What memory costs in time: training time against the peak of GPU memory, by how a model is divided."""

import math
from collections.abc import Mapping, Sequence
from itertools import product
from string import ascii_lowercase
from typing import TYPE_CHECKING, Any, NamedTuple

from cotejo.figures.hover import tell
from cotejo.figures.marks import handles_of_published, unpublishable
from cotejo.figures.options import COMMON, METRIC
from cotejo.figures.panels import NARROW_IN, Item, metric_of, panels_below_legend, said_of_gaps, settle
from cotejo.figures.place_texts import place_texts
from cotejo.figures.published import (
    DASHES,
    MARKERS,
    Mark,
    both_out_of_memory,
    counterpart,
    marks_of,
    published_note,
    published_sentence,
)
from cotejo.figures.select import Entry, Row, entries, first_of, known, no_values, note, sentence
from cotejo.figures.style import FAILED, MUTED, Style, colours, empty
from cotejo.figures.trained import GIB, Point
from cotejo.labels import accelerators_label, value_label
from cotejo.stand_in import asked

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLE = "Training time against the peak of GPU memory, by model and by how it is divided"
TIME, MEMORY = "train_s", "gpu_memory_peak_mib"
OPTIONS: dict[str, Any] = {
    "time": {**METRIC, "description": "The metric upwards, a time.", "default": TIME},
    "memory": {**METRIC, "description": "The metric to the right, in MiB; drawn in GiB.", "default": MEMORY},
    **COMMON,
}
INPUTS = ("published",)
BY = ("model", "split", "accelerators")
MOST_RUNS = 36
MOST_NAMES = 9  # that find room beside their marks
WIDE = 20  # beyond this ratio of the longest time to the shortest, the axis is logarithmic
OOM = "OOM"
STRIP = 0.16  # of the axes: where what has no time, or no memory, stands
ASIDE = (0.5, 0.2, 0.8)  # of that strip: where, one after another, marks stand


def draw(summary: "pd.DataFrame", options: Mapping[str, Any], style: Style, *, published: "pd.DataFrame") -> "Figure":
    """A mark for each run, published ones joined in the document's order; what has no time, or no memory, aside."""
    title = options.get("title", TITLE)
    found, marks = _shown(summary, options, published)
    points = [point for point in points_of(found, marks, options) if point.drawn]
    if not points:
        return empty(style, title, no_values(found, " or ".join(_metrics(options))))
    colour = colours(point.model for point in points)
    names, told = _names(points)
    gaps = said_of_gaps([entry for entry in found if not entry.row["metric"]], lambda entry: (entry.label, ""))
    lines = [
        *told,
        *gaps,
        *both_out_of_memory(found, marks),
        note(found, {**options, "by": BY}, "Mark"),
        *published_note(_valued(marks), found),
    ]
    plot_in = style.width_in * (0.45 if style.width_in > NARROW_IN else 0.8)
    figure, ((axes,),) = panels_below_legend(
        style, title, "\n".join(lines), _handles(found, marks, colour), [plot_in + 3 * style.line_in], 1
    )
    places = _draw(axes, points, colour)
    settle(figure)
    place_texts(axes, [(place, names[point.how]) for point, place in zip(points, places, strict=True)], places)
    return figure


def _names(points: Sequence[Point]) -> tuple[dict[str, str], list[str]]:
    """What stands beside the marks: how each run was divided, or a letter for that where there are many."""
    ways = dict.fromkeys(point.how for point in points)
    if len(points) <= MOST_NAMES:
        return dict(zip(ways, ways, strict=True)), []
    names = (*ascii_lowercase, *map("".join, product(ascii_lowercase, repeat=2)))
    letters = dict(zip(ways, names, strict=False))
    return letters, [f"{'; '.join(f'{letter}: {way}' for way, letter in letters.items())}."]


def describe(summary: "pd.DataFrame", options: Mapping[str, Any], *, published: "pd.DataFrame") -> str:
    """Every time and memory in words."""
    found, marks = _shown(summary, options, published)
    said = []
    for metric in _metrics(options):
        members = [entry for entry in found if entry.row["metric"] == metric]
        said += [sentence(members, metric)] if members else []
        said.append(published_sentence([mark for mark in marks if mark.metric == metric], metric))
    gaps = dict.fromkeys(f"{entry.label} {entry.gap}." for entry in found if not entry.row["metric"])
    return " ".join(filter(None, [*said, *gaps, *both_out_of_memory(found, marks)])) or "No data."


def points_of(found: Sequence[Entry], marks: Sequence[Mark], options: Mapping[str, Any]) -> list[Point]:
    """The published runs in the document's order, then the measured ones."""
    time, memory = _metrics(options)
    groups: dict[tuple[Any, ...], dict[str, Item]] = {}
    for mark in marks:
        key = ("", *(mark.row[column] for column in ("machine", "run", "accelerators", "split")))
        groups.setdefault(key, {})[mark.metric] = mark
    for entry in found:
        groups.setdefault(_run_of(entry), {})[metric_of(entry) or time] = entry
    points = []
    where = ["system"] if len(known([entry.row for entry in found], "system")) > 1 else []
    for items in groups.values():
        item = next(iter(items.values()))
        wanted, told = _wanted(item), [*BY[1:], *(where if isinstance(item, Entry) else [])]
        how = " · ".join(filter(None, (value_label(column, wanted[column]) for column in told)))
        points.append(Point(wanted["model"], how or accelerators_label("0"), items.get(time), items.get(memory)))
    return points


def _run_of(entry: Entry) -> tuple[str, ...]:
    return tuple(entry.row[column] for column in ("run", "digest", "origin", "system", "environment"))


def _wanted(item: Item) -> Row:
    return asked(item.row) if isinstance(item, Entry) else item.row


def _shown(
    summary: "pd.DataFrame", options: Mapping[str, Any], published: "pd.DataFrame"
) -> tuple[list[Entry], list[Mark]]:
    with_by = {**options, "by": BY}
    everything = entries(summary, with_by, _metrics(options), without=("name",), most=len(summary))
    found = first_of(everything, MOST_RUNS, _run_of)
    return found, [
        Mark(mark.label if counterpart(mark.row, found) else _named(mark.row), mark.row)
        for mark in marks_of(published, with_by, _metrics(options))
    ]


def _named(row: Row) -> str:
    return " · ".join(filter(None, (value_label(column, row[column]) for column in BY)))


def _metrics(options: Mapping[str, Any]) -> tuple[str, str]:
    return options.get("time", TIME), options.get("memory", MEMORY)


def _valued(marks: Sequence[Mark]) -> list[Mark]:
    """What is missing of the published values the figure shows itself."""
    return [mark for mark in marks if not mark.gap]


def _draw(axes: "Axes", points: Sequence[Point], colour: Mapping[str, str]) -> list[tuple[float, float]]:
    """The axes with their strips, the published runs of each model joined, and every mark; where the marks are."""
    scale = _scale(points)
    if scale.log:
        axes.set_yscale("log")
    else:
        axes.set_ylim(0, scale.top)
    axes.set_xlim(0, scale.most)
    axes.set_ylim(scale.base, scale.top)
    axes.set_xticks([tick for tick in axes.get_xticks() if 0 <= tick <= scale.most])
    axes.set_yticks([tick for tick in axes.get_yticks() if scale.base <= tick <= scale.top])
    axes.set_xlim(0, scale.right)
    axes.set_ylim(scale.bottom, scale.top)
    if scale.bottom < scale.base:
        axes.axhspan(scale.bottom, scale.base, color="#f3f3f3", linewidth=0, zorder=0)
        axes.annotate(
            "no time", (0, scale.bottom), xytext=(3, 3), textcoords="offset points", color=MUTED, style="italic"
        )
    if scale.right > scale.most:
        axes.axvspan(scale.most, scale.right, color="#f3f3f3", linewidth=0, zorder=0)
        beside = OOM if all(point.out_of_memory for point in points if point.gib is None) else "no memory"
        axes.annotate(
            beside, (scale.right, scale.top), xytext=(-3, -3), textcoords="offset points", color=MUTED,
            style="italic", ha="right", va="top", rotation=90,
        )  # fmt: skip
    places = _places(points, scale)
    for model, shade in colour.items():
        joined = [
            place
            for point, place in zip(points, places, strict=True)
            if point.published and point.model == model and point.gib is not None and point.minutes is not None
        ]
        axes.plot([x for x, _ in joined], [y for _, y in joined], color=shade, linewidth=0.8, linestyle=DASHES)
    for point, place in zip(points, places, strict=True):
        _mark(axes, point, place, colour[point.model])
    axes.xaxis.set_major_formatter("{x:,g}")
    axes.yaxis.set_major_formatter("{x:,g}")
    axes.grid()
    axes.set_xlabel("Peak memory of one GPU (GiB), lower is better")
    axes.set_ylabel("Training time (minutes), lower is better")
    return places


class Scale(NamedTuple):
    """The axes' ends: of the values, and of the strips below and beside them for what has none."""

    log: bool
    bottom: float
    base: float
    top: float
    most: float
    right: float


def _scale(points: Sequence[Point]) -> Scale:
    minutes = [point.minutes for point in points if point.minutes is not None] or [1.0]
    most = max([point.gib for point in points if point.gib is not None], default=1.0) * 1.12
    log = max(minutes) > WIDE * min(minutes) > 0
    base, top = (min(minutes) / 1.5, max(minutes) * 1.5) if log else (0.0, max(minutes) * 1.12)
    strip = base / (top / base) ** STRIP if log else -top * STRIP
    below, beside = any(point.minutes is None for point in points), any(point.gib is None for point in points)
    return Scale(log, strip if below else base, base, top, most, most * (1 + STRIP) if beside else most)


def _places(points: Sequence[Point], scale: Scale) -> list[tuple[float, float]]:
    """Where the runs' marks lie: in a strip where one has no value, there a little aside from each other."""
    below = math.sqrt(scale.bottom * scale.base) if scale.log else scale.bottom / 2
    beside = sorted((point for point in points if point.gib is None), key=lambda point: point.minutes or 0)
    places = []
    for point in points:
        x, y = point.gib, point.minutes
        if x is None:
            share = ASIDE[beside.index(point) % len(ASIDE)] if len(beside) > 1 else 0.5
            x = scale.most + share * (scale.right - scale.most)
        places.append((x, below if y is None else y))
    return places


def _mark(axes: "Axes", point: Point, place: tuple[float, float], shade: str) -> None:
    """A diamond where it is published, a circle where it was measured; with a cross where memory did not suffice."""
    x, y = place
    if isinstance(point.any, Mark):
        size = 60 if point.out_of_memory else 30
        shape = axes.scatter(
            [x], [y], marker=MARKERS[0], s=size, facecolor="white", edgecolor=shade, linewidth=1.2, zorder=4
        )
        tell(shape, point.told)
    if point.out_of_memory:
        cross = axes.scatter(
            [x], [y], marker="x", s=12 if point.published else 34, color=shade, linewidth=1.6, zorder=5
        )
        if not point.published:
            tell(cross, point.told)
    if not isinstance(point.any, Entry) or point.out_of_memory:
        return
    for item, unit, along in ((point.memory, GIB, "x"), (point.time, 60.0, "y")):
        if isinstance(item, Entry) and item.interval:
            low, high = item.interval
            reach = [[(item.row["median"] - low) / unit], [(high - item.row["median"]) / unit]]
            axes.errorbar(x, y, **{f"{along}err": reach}, color=shade, linewidth=1, capsize=2, zorder=3)  # type: ignore[arg-type]
    face = shade if point.any.publishable else "white"
    shape = axes.scatter([x], [y], marker="o", s=30, facecolor=face, edgecolor=shade, linewidth=1.2, zorder=4)
    tell(shape, point.told)


def _handles(found: Sequence[Entry], marks: Sequence[Mark], colour: Mapping[str, str]) -> "list[Artist]":
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: list[Artist] = [Patch(color=shade, label=model) for model, shade in colour.items()]
    measured = [entry for entry in found if not entry.gap]
    if measured:
        handles.append(Line2D([], [], linestyle="", marker="o", color=MUTED, markersize=5, label="measured"))
    words = unpublishable(measured)
    if words:
        hollow = Line2D(
            [], [], linestyle="", marker="o", markersize=5, markerfacecolor="white", label=f"hollow: {words}"
        )
        hollow.set_markeredgecolor(MUTED)
        handles.append(hollow)
    handles += handles_of_published(_valued(marks))
    if any(point.out_of_memory for point in points_of(found, marks, {})):
        handles.append(
            Line2D([], [], linestyle="", marker="x", markersize=5, color=FAILED, label=f"out of memory ({OOM})")
        )
    return handles
