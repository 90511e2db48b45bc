"""Panels under one legend, and the lines in them: what was measured solid, what was published dashed."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from cotejo.figures.hover import tell_each
from cotejo.figures.marks import handles_of_lines, handles_of_published, point, published_point, shifted
from cotejo.figures.published import DASHES, Mark, better_of
from cotejo.figures.select import Entry, listed
from cotejo.figures.style import FAILED, PALETTE, Style, canvas, text_width_in, wrapped
from cotejo.figures.telling import of_entry
from cotejo.labels import metric_label, unit_label

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MARKERS = "os^vPX"  # none of them is one of published marks
DODGE_PT, MOST_DODGE_PT = 3, 14  # between lines, and of all: equal values must not hide one another
MOST_LINES = len(PALETTE) * len(MARKERS)  # that colours and markers tell apart
NARROW_IN = 5  # a figure that has no room for panels beside each other

Looks = Mapping[str, tuple[str, str]]  # by label: colour and marker
# Of a legend: a line in lines of text; its marks and what is between two of its parts, in widths of the text's size.
LEGEND_LINE, HANDLE_EM, BETWEEN_EM = 1.25, 1.8, 1.6

Item = Entry | Mark
PlaceOf = Callable[[Item], float]
Gaps = Mapping[str, Sequence[tuple[float, Entry]]]  # by line


@dataclass(frozen=True)
class Line:
    """What one line connects, by place; `machine` is whose it is where it was published, and empty of ours."""

    label: str
    machine: str
    points: Sequence[tuple[float, Item]]


def lines_of(items: Sequence[Item], place_of: PlaceOf) -> list[Line]:
    """A line for each label, and each machine that published something; what has no place is on none."""
    groups: dict[tuple[str, str], list[tuple[float, Item]]] = {}
    for item in items:
        place = place_of(item)
        if not math.isnan(place):
            machine = item.machine if isinstance(item, Mark) else ""
            groups.setdefault((item.label, machine), []).append((place, item))
    return [Line(*key, sorted(points, key=lambda each: each[0])) for key, points in groups.items()]


def draw_lines(axes: "Axes", lines: Sequence[Line], looks: Looks, shape: Mapping[str, str]) -> None:
    """Every line, broken where it has no value, each a little aside, and the value axis's limits."""
    labels = list(looks)
    dodge_pt = min(DODGE_PT, MOST_DODGE_PT / max(1, len(labels)))
    reached = [0.0]
    for line in (line for line in lines if line.label in looks):
        colour, marker = looks[line.label]
        aside = shifted(axes, dodge_pt * (labels.index(line.label) - (len(labels) - 1) / 2))
        dashes = DASHES if line.machine else "-"
        x, y = [place for place, _ in line.points], [value_of(item) for _, item in line.points]
        axes.plot(x, y, color=colour, linewidth=1.0 if line.machine else 1.2, linestyle=dashes, transform=aside)
        for place, item in line.points:
            if item.gap:
                continue
            if isinstance(item, Mark):
                published_point(axes, place, item, colour, shape[line.machine], aside)
                reached += [item.value, *item.iterations]
            else:
                point(axes, place, item, colour, marker, aside)
                reached += [item.row["median"], *item.values]
    axes.set_ylim(0, max(reached) * 1.08 or 1)
    axes.yaxis.set_major_formatter("{x:,g}")
    axes.grid()


def value_of(item: Item) -> float:
    """What is drawn of it; NaN where there is nothing to draw."""
    return item.value if isinstance(item, Mark) else math.nan if item.gap else float(item.row["median"])


def metric_of(item: Item) -> str:
    """Its metric; empty where nothing at all was measured."""
    return item.metric if isinstance(item, Mark) else str(item.row["metric"])


def value_label_of(items: Sequence[Item], metric: str) -> tuple[str, str]:
    """A metric's name with its unit, and which direction is good."""
    row = next((item.row for item in items if isinstance(item, Entry) and not item.gap), None)
    unit, better = (row["unit"], row["better"]) if row else (unit_label(metric), better_of(metric))
    return f"{metric_label(metric)} ({unit})", f"{better} is better"


def looks_of(items: Sequence[Item]) -> Looks:
    """A colour and a marker for each line; where the colours begin again, the markers don't.

    A line that is only published, and without any value, has none.
    """
    drawn = [item for item in items if isinstance(item, Entry) or not item.gap]
    labels, colours, markers = dict.fromkeys(item.label for item in drawn), len(PALETTE), len(MARKERS)
    return {
        label: (PALETTE[place % colours], MARKERS[(place + place // colours) % markers])
        for place, label in enumerate(labels)
    }


def handles_of(found: Sequence[Entry], marks: Sequence[Mark], looks: Looks, ideal: str = "") -> "list[Artist]":
    """A legend's parts: each line, what dotted and hollow ones are, whose the published ones are."""
    handles = handles_of_lines(found, looks, ideal)
    return [*handles, *handles_of_published(marks)]


def said_of_gaps(found: Sequence[Entry], key_of: Callable[[Entry], tuple[str, str]]) -> list[str]:
    """A sentence for each reason that something has no value, naming the lines and places that have none."""
    whole = {key_of(entry) for entry in found if entry.gap and (not entry.row["metric"] or "failed" in entry.gap[:6])}
    reasons: dict[str, dict[str, None]] = {}
    for entry in found:
        if entry.gap:
            metric = "" if key_of(entry) in whole else f"{metric_label(entry.row['metric'])}: "
            reasons.setdefault(f"{metric}{entry.gap}", {})[" · ".join(filter(None, key_of(entry)))] = None
    return [f"{listed(where)}: {reason}." for reason, where in reasons.items()]


def cross() -> "Artist":
    """What a legend says of crosses."""
    from matplotlib.lines import Line2D

    return Line2D([], [], marker="x", markersize=5, linestyle="", color=FAILED, label="no value, see below")


def gaps_by_line(found: Sequence[Item], place_of: PlaceOf) -> Gaps:
    """What was measured, or was to be, without a value: by line, each with its place."""
    gaps: dict[str, list[tuple[float, Entry]]] = {}
    for item in found:
        if isinstance(item, Entry) and item.gap:
            gaps.setdefault(item.label, []).append((place_of(item), item))
    return gaps


def gap_rows(axes: "Axes", gaps: Gaps, looks: Looks, share: float) -> None:
    """Under the value axis's lower end, a row of crosses for each line that has no value somewhere.

    `share` is the part of the axes' height that one row takes: no data is drawn there, so nothing can hide it.
    """
    if not gaps:
        return
    base, top = axes.get_ylim()
    forth, back = (math.log10, lambda height: 10**height) if axes.get_yscale() == "log" else (float, float)
    row = (forth(top) - forth(base)) * share / (1 - share * len(gaps))
    bottom = back(forth(base) - row * len(gaps))
    axes.axhspan(bottom, base, color="#f3f3f3", linewidth=0, zorder=0)
    for number, (label, members) in enumerate(gaps.items()):
        places, height = [place for place, _ in members], back(forth(base) - row * (number + 0.5))
        crosses = axes.scatter(
            places, [height] * len(places), marker="x", s=18, color=looks[label][0], linewidth=1.4, zorder=5
        )
        tell_each(crosses, [of_entry(entry) for _, entry in members])
    axes.set_yticks([tick for tick in axes.get_yticks() if base <= tick <= top])
    axes.set_ylim(bottom, top)


def panels_below_legend(
    style: Style, title: str, text: str, handles: "Sequence[Artist]", heights_in: Sequence[float], columns: int
) -> "tuple[Figure, np.ndarray]":
    """A figure with a legend across it, and below it a grid of axes (rows, columns), each row of its height."""
    from matplotlib.legend import Legend
    from matplotlib.transforms import blended_transform_factory

    lines = _legend_lines(handles, style)
    heights = [LEGEND_LINE + max(str(handle.get_label()).count("\n") for handle in line) for line in lines]
    legend_in = (sum(heights) + 0.5) * style.line_in if lines else 0.01
    figure, frame = canvas(style, title, text, legend_in + sum(heights_in))
    frame.remove()
    grid = figure.add_gridspec(len(heights_in) + 1, columns, height_ratios=[legend_in, *heights_in])
    panels = np.array(
        [[figure.add_subplot(grid[row + 1, column]) for column in range(columns)] for row in range(len(heights_in))]
    )
    top = figure.add_subplot(grid[0, :])
    top.set_axis_off()
    above = 0.0
    for line, height in zip(lines, heights, strict=True):
        legend = Legend(
            top, line, [str(handle.get_label()) for handle in line], loc="upper left", ncols=len(line),
            handlelength=HANDLE_EM, columnspacing=BETWEEN_EM, borderaxespad=0, borderpad=0,
            bbox_to_anchor=(0.02, 1 - above * style.line_in / legend_in),
            bbox_transform=blended_transform_factory(figure.transFigure, top.transAxes),
        )  # fmt: skip
        legend.set_in_layout(False)  # it is as wide as it is: no panel must make room for it
        top.add_artist(legend)
        above += height
    return figure, panels


def _legend_lines(handles: "Sequence[Artist]", style: Style) -> "list[list[Artist]]":
    """The legend's parts in lines that are no wider than the figure; a wider part's own text is broken."""
    lines: list[list[Artist]] = []
    room_in, before_in = 0.96 * style.width_in, (HANDLE_EM + 0.8) * style.text_pt / 72
    taken_in = math.inf
    for handle in handles:
        broken = wrapped(str(handle.get_label()), room_in - before_in, style.text_pt)
        handle.set_label("\n".join(broken))
        part_in = before_in + max(text_width_in(text, style.text_pt) for text in broken)
        if taken_in + part_in > room_in:
            lines.append([])
            taken_in = 0
        lines[-1].append(handle)
        taken_in += part_in + BETWEEN_EM * style.text_pt / 72
    return lines


def name_values(axes: "Axes", name: str, says: str, style: Style, height_in: float) -> None:
    """Name the value axis, in lines that are no longer than the axis is high."""
    broken = [line for text in (f"{name},", says) for line in wrapped(text, height_in, style.text_pt)]
    axes.set_ylabel("\n".join(broken))


def settle(figure: "Figure") -> None:
    """Lay the panels out for good: what the solver finds for several differs in the last digits from run to run."""
    from matplotlib.transforms import Bbox

    engine = figure.get_layout_engine()
    assert engine is not None
    engine.execute(figure)  # not by drawing, which would go on without a layout where it fails
    figure.set_layout_engine("none")
    for axes in figure.axes:
        axes.set_position(Bbox(np.round(axes.get_position().get_points(), 4)))
