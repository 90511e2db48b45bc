"""How one result is drawn, the same in every kind of figure: its worth shows at a glance, and a failure never hides.

Each mark tells what it stands for when one points at it.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from cotejo.figures.hover import tell
from cotejo.figures.published import DASHES, Mark, shapes
from cotejo.figures.select import Entry
from cotejo.figures.style import FAILED, HATCH, INK, MUTED
from cotejo.figures.telling import of_entry, of_mark
from cotejo.labels import number

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.transforms import Transform

PALE = 0.4
VALUE = "value"  # the label of the texts that `room_for_values` makes room for


def bar(axes: "Axes", place: float, entry: Entry, colour: str, thickness: float, n: bool = False) -> None:
    """A horizontal bar from 0 to the median with whisker, repeats and value; hatched unless publishable."""
    median = entry.row["median"]
    face, hatch = (colour, None) if entry.publishable else ("white", HATCH)
    drawn = axes.barh(place, median, height=thickness, linewidth=0.8, facecolor=face, edgecolor=colour, hatch=hatch)
    tell(drawn[0], of_entry(entry))
    ends = [median, *entry.values]
    if entry.interval:
        reach = [[median - entry.interval[0]], [entry.interval[1] - median]]
        axes.errorbar(median, place, xerr=reach, color=INK, linewidth=1, capsize=2, capthick=1, zorder=4)
    if len(entry.values) > 1:
        spread = np.linspace(-0.3, 0.3, len(entry.values)) * thickness
        axes.scatter(entry.values, place + spread, s=7, facecolor="white", edgecolor=INK, linewidth=0.5, zorder=3)
    repeats = f" (n = {entry.row['repeats']:.0f})" if n else ""
    text = number(median) + repeats
    axes.annotate(text, (max(ends), place), xytext=(4, 0), textcoords="offset points", va="center", label=VALUE)


def gap_text(axes: "Axes", place: float, text: str, what: Entry | Mark) -> None:
    """What stands where a bar would be, had it a value: its gap, in so many lines as there is room for."""
    failed = isinstance(what, Entry) and what.failed
    shown, colour = (f"✗ {text}", FAILED) if failed else (text, MUTED)
    words = axes.annotate(
        shown, (0, place), xytext=(4, 0), textcoords="offset points", va="center", color=colour, style="italic"
    )
    tell(words, of_entry(what) if isinstance(what, Entry) else of_mark(what))


def published_bar(axes: "Axes", place: float, mark: Mark, colour: str, marker: str, thickness: float) -> None:
    """A dashed line from 0 to an open mark at the published value, with the document's single passes."""
    axes.plot([0, mark.value], [place, place], color=colour, linewidth=1, linestyle=DASHES, zorder=2)
    if mark.iterations:
        spread = np.linspace(-0.3, 0.3, len(mark.iterations)) * thickness
        faces = [INK, *["white"] * (len(mark.iterations) - 1)]
        axes.scatter(mark.iterations, place + spread, s=7, color=faces, edgecolor=INK, linewidth=0.5, zorder=5)
    shape = axes.scatter(
        [mark.value], [place], s=28, marker=marker, facecolor="white", edgecolor=colour, linewidth=1.1, zorder=4
    )
    tell(shape, of_mark(mark))
    end = max([mark.value, *mark.iterations])
    axes.annotate(number(mark.value), (end, place), xytext=(5, 0), textcoords="offset points", va="center", label=VALUE)


def shifted(axes: "Axes", points: float) -> "Transform":
    """Data coordinates, drawn some points to the right."""
    from matplotlib.transforms import ScaledTranslation

    return axes.transData + ScaledTranslation(points / 72, 0, axes.figure.dpi_scale_trans)


def point(axes: "Axes", x: float, entry: Entry, colour: str, marker: str, place: "Transform") -> None:
    """A median with whisker and repeats, upright at x of the coordinates `place`; hollow unless publishable."""
    median = entry.row["median"]
    axes.scatter(
        [x] * len(entry.values), entry.values, s=5, color=colour, alpha=0.45, linewidth=0, zorder=3, transform=place
    )
    if entry.interval:
        reach = [[median - entry.interval[0]], [entry.interval[1] - median]]
        axes.errorbar(x, median, yerr=reach, color=colour, linewidth=1, capsize=2.5, zorder=3, transform=place)
    face = colour if entry.publishable else "white"
    shape = axes.scatter(
        [x], [median], s=30, marker=marker, facecolor=face, edgecolor=colour, linewidth=1.2, zorder=4, transform=place
    )
    tell(shape, of_entry(entry))


def published_point(axes: "Axes", x: float, mark: Mark, colour: str, marker: str, place: "Transform") -> None:
    """An open mark at x of the coordinates `place`, with the document's single passes."""
    if mark.iterations:
        passes = [x] * len(mark.iterations)
        axes.scatter(passes, mark.iterations, s=5, color=colour, linewidth=0, zorder=3, transform=place)
    shape = axes.scatter(
        [x], [mark.value], s=26, marker=marker, facecolor="white", edgecolor=colour, linewidth=1.1, zorder=4,
        transform=place, alpha=PALE if mark.pale else 1,
    )  # fmt: skip
    tell(shape, of_mark(mark))


def gap_strip(axes: "Axes", gaps: Sequence[tuple[float, Entry]], colour: Mapping[str, str], share: float) -> None:
    """Under the value axis's zero, one row for each run without a value: a cross at its x, and the reason.

    `share` is the part of the axes' height that one row takes: no data is drawn there, so nothing can hide it.
    """
    top = axes.get_ylim()[1]
    row = top * share / (1 - share * len(gaps))
    middle = sum(axes.get_xlim()) / 2
    if gaps:
        axes.axhspan(-row * len(gaps), 0, color="#f3f3f3", linewidth=0, zorder=0)
    for place, (x, entry) in enumerate(gaps):
        y = -row * (place + 0.5)
        cross = axes.scatter([x], [y], marker="x", s=18, color=colour[entry.label], linewidth=1.4, zorder=5)
        tell(cross, of_entry(entry))
        side, shift = ("left", 6) if x <= middle else ("right", -6)
        axes.annotate(
            entry.gap, (x, y), xytext=(shift, 0), textcoords="offset points", ha=side, va="center", zorder=5,
            color=FAILED if entry.failed else MUTED, style="italic",
        )  # fmt: skip
    axes.set_yticks([tick for tick in axes.get_yticks() if 0 <= tick <= top])
    axes.set_ylim(-row * len(gaps), top)


def handles_of_bars(found: Sequence[Entry], colour: Mapping[str, str]) -> "list[Artist]":
    """The parts of a legend of bars."""
    from matplotlib.patches import Patch

    handles: list[Artist] = [Patch(color=shade, label=name) for name, shade in colour.items()]
    words = unpublishable(found)
    if words:
        handles.append(Patch(facecolor="white", edgecolor=MUTED, hatch=HATCH, linewidth=0.8, label=words))
    return handles


def handles_of_published(marks: Sequence[Mark], machines: bool = True) -> "list[Artist]":
    """What a legend says of published marks: whose machine each shape is, unless the figure says that itself."""
    from matplotlib.lines import Line2D

    return [
        Line2D(
            [], [], color=MUTED, linestyle=DASHES, linewidth=1, marker=marker, markersize=5, markerfacecolor="white",
            label=f"published: {machine}" if machines else "published",
        )
        for machine, marker in list(shapes(marks, machines).items())[: None if machines else 1]
    ]  # fmt: skip


def legend_of_lines(
    axes: "Axes", found: Sequence[Entry], looks: Mapping[str, tuple[str, str]], ideal: bool, columns: int
) -> None:
    """Above the axes, name each line by its (colour, marker); then say what dotted lines and hollow marks are."""
    axes.legend(
        handles=handles_of_lines(found, looks, "in proportion to cores" if ideal else ""), loc="lower left",
        bbox_to_anchor=(-0.02, 1), ncols=columns, handlelength=1.8, borderaxespad=0.3,
    )  # fmt: skip


def handles_of_lines(found: Sequence[Entry], looks: Mapping[str, tuple[str, str]], ideal: str) -> "list[Artist]":
    """The parts of a legend of lines; `ideal` is what dotted ones are, empty where there are none."""
    from matplotlib.lines import Line2D

    measured = {entry.label for entry in found}
    handles: list[Artist] = []
    for label, (colour, marker) in looks.items():
        own = {"marker": marker, "linestyle": "-"} if label in measured else {"marker": "", "linestyle": DASHES}
        line = Line2D([], [], color=colour, markersize=5, linewidth=1.2, markerfacecolor="white", label=label)
        line.set(**own)
        handles.append(line)
    if ideal:
        handles.append(Line2D([], [], color=MUTED, linestyle=":", linewidth=1, label=ideal))
    words = unpublishable(found)
    if words:
        mark = Line2D([], [], marker="o", markersize=5, linestyle="", markerfacecolor="white", markeredgecolor=MUTED)
        mark.set_label(f"hollow: {words}")
        handles.append(mark)
    return handles


def unpublishable(found: Sequence[Entry]) -> str:
    """What hatched and hollow marks mean in this figure; empty where there are none."""
    words = dict.fromkeys(entry.row["verdict"] for entry in found if not entry.gap and not entry.publishable)
    return f"{', '.join(words)} (not publishable)" if words else ""


def bar_axes(
    figure: "Figure",
    axes: "Axes",
    places: Sequence[float],
    labels: Sequence[str],
    ends: tuple[float, float],
    quantity: str,
) -> None:
    """Axes of horizontal bars: a label at each place from the upper of the `ends` on, the values from 0, their name."""
    axes.set_yticks(places, labels)
    axes.set_ylim(ends[1], ends[0])
    axes.set_xlim(left=0)
    axes.xaxis.set_major_formatter("{x:,g}")
    axes.set_xlabel(quantity)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x")
    room_for_values(figure, axes)


def room_for_values(figure: "Figure", axes: "Axes") -> None:
    """Widen the value axis until every value written beside its bar lies inside the axes."""
    from matplotlib.text import Annotation

    texts = [text for text in axes.texts if isinstance(text, Annotation) and text.get_label() == VALUE]
    for _ in range(2):  # the axes' own width changes a little with its ticks
        figure.draw_without_rendering()
        width = axes.get_window_extent().width
        # A text begins at x and is as wide as it is whatever the scale: solve x / limit + its width / width = 1.
        room = [(text.get_window_extent().width + figure.dpi * 6 / 72) / width for text in texts]
        axes.set_xlim(right=max(text.xy[0] / (1 - min(0.8, part)) for text, part in zip(texts, room, strict=True)) or 1)
