"""Horizontal bars in rows: each row has a name and, below each other, a bar for each thing that it names."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cotejo.figures.marks import bar, bar_axes, gap_text, handles_of_bars, handles_of_published, published_bar
from cotejo.figures.panels import NARROW_IN, panels_below_legend, settle
from cotejo.figures.published import Mark, better_of, shapes
from cotejo.figures.select import Entry, axis_text
from cotejo.figures.style import Style
from cotejo.labels import axis_label, unit_label

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# In lines of text: a measured bar, a published one, what is between two rows, and the value axis.
BAR, PUBLISHED, BETWEEN, AXIS = 1.3, 1.25, 0.6, 3.2
LABELS, GAPS = 0.34, 0.5  # of the figure's width


@dataclass(frozen=True)
class Lane:
    """One bar, or what stands where one would be."""

    what: Entry | Mark
    colour: str


@dataclass
class Place:
    """A row: its name, and its bars from the top."""

    label: str
    lanes: list[Lane] = field(default_factory=list)


def draw_places(
    style: Style, title: str, text: str, places: Sequence[Place], colour: Mapping[str, str], machines: bool = True
) -> "Figure":
    """A figure of these rows; the legend names the colours given, and whose published values are, unless rows do."""
    from matplotlib.ticker import MaxNLocator

    lanes = [lane for place in places for lane in place.lanes]
    found = [lane.what for lane in lanes if isinstance(lane.what, Entry)]
    marks = [lane.what for lane in lanes if isinstance(lane.what, Mark)]
    labels = [style.wrapped(place.label, LABELS) for place in places]
    gaps = {id(lane): style.wrapped(lane.what.gap, GAPS) for lane in lanes if lane.what.gap}
    heights = [
        max(sum(_height(lane, gaps.get(id(lane), "")) for lane in place.lanes), label.count("\n") + 1) + BETWEEN
        for place, label in zip(places, labels, strict=True)
    ]
    handles = [*handles_of_bars(found, colour), *handles_of_published(marks, machines)]
    figure, ((axes,),) = panels_below_legend(style, title, text, handles, [(sum(heights) + AXIS) * style.line_in], 1)
    shape = shapes(marks, machines)
    repeats_differ = len({entry.row["repeats"] for entry in found if not entry.gap}) > 1
    top, middles = 0.0, []
    for place, height in zip(places, heights, strict=True):
        middles.append(top + height / 2)
        below = middles[-1] - sum(_height(lane, gaps.get(id(lane), "")) for lane in place.lanes) / 2
        for lane in place.lanes:
            tall = _height(lane, gaps.get(id(lane), ""))
            _draw(axes, lane, below + tall / 2, gaps.get(id(lane), ""), shape, repeats_differ)
            below += tall
        top += height
    axes.xaxis.set_major_locator(MaxNLocator(nbins=5 if style.width_in < NARROW_IN else 8, steps=[1, 2, 2.5, 5, 10]))
    for middle, height in zip(middles[:-1], heights, strict=False):
        axes.axhline(middle + height / 2, color="#eeeeee", linewidth=0.6, zorder=0)
    quantity = ",\n".join(value_axis(found, marks).rsplit(", ", 1 if style.width_in < NARROW_IN else 0))
    bar_axes(figure, axes, middles, labels, (0, top), quantity)
    settle(figure)
    return figure


def value_axis(found: Sequence[Entry], marks: Sequence[Mark]) -> str:
    """The value axis's label: as measured, or else as published."""
    if any(not entry.gap for entry in found):
        return axis_text(found)
    metric = next(mark.metric for mark in marks)
    return axis_label(metric, unit_label(metric), better_of(metric))


def _height(lane: Lane, gap: str) -> float:
    return max(PUBLISHED if isinstance(lane.what, Mark) else BAR, gap.count("\n") + 1.2)


def _draw(axes: "Axes", lane: Lane, place: float, gap: str, shape: Mapping[str, str], n: bool) -> None:
    what = lane.what
    if isinstance(what, Mark):
        if gap:
            gap_text(axes, place, f"published: {gap}", what)
        else:
            published_bar(axes, place, what, lane.colour, shape[what.machine], thickness=0.9)
    elif gap:
        gap_text(axes, place, gap, what)
    else:
        bar(axes, place, what, lane.colour, thickness=0.9, n=n)
