"""One metric against the number of pinned cores."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cotejo.figures.marks import gap_strip, legend_of_lines, point, shifted
from cotejo.figures.options import BY, COMMON, METRIC
from cotejo.figures.panels import MOST_LINES
from cotejo.figures.select import Entry, axis_text, entries, no_values, note, sentence
from cotejo.figures.style import PALETTE, Style, canvas, colours, empty
from cotejo.labels import value_label

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLE = "One metric by the number of pinned cores, beside ideal scaling"
OPTIONS: dict[str, Any] = {"metric": METRIC, "by": BY, **COMMON}
REQUIRED = ("metric",)
MARKERS = "osD^vP"
DODGE_PT = 4  # between lines, in points: equal values must not hide one another


def draw(summary: "pd.DataFrame", options: Mapping[str, Any], style: Style) -> "Figure":
    """A line for each thing that `by` names; dotted, what its first point would become in proportion to the cores."""
    title = options.get("title", TITLE)
    found = entries(summary, options, [options["metric"]], without=["cores"], most=MOST_LINES)
    if all(entry.gap for entry in found):
        return empty(style, title, no_values(found, options["metric"]))
    lines: dict[str, list[Entry]] = {}
    for entry in found:
        lines.setdefault(entry.label, []).append(entry)
    colour = colours(lines)
    looks = {
        label: (colour[label], MARKERS[(number + number // len(PALETTE)) % len(MARKERS)])
        for number, label in enumerate(lines)
    }
    gaps = [(_cores(entry), entry) for entry in found if entry.gap and not math.isnan(_cores(entry))]
    nowhere = [
        f"{entry.label}, {value_label('cores', entry.row['cores'])}: {entry.gap}."
        for entry in found
        if math.isnan(_cores(entry))
    ]
    text = "\n".join([*nowhere, note(found, options, "Mark", without=["cores"])])

    ideal = any(_reaches(members) for members in lines.values())
    columns = 1 if style.width_in < 5 else 2
    height_in = style.width_in * (0.6 if style.width_in < 5 else 0.45)
    gap_in = 1.5 * style.line_in
    above_in = math.ceil((len(lines) + 2) / columns) * 1.15 * style.line_in + 3 * style.line_in
    figure, axes = canvas(style, title, text, height_in + len(gaps) * gap_in + above_in)
    for number, (label, members) in enumerate(lines.items()):
        _line(axes, members, *looks[label], shift_pt=DODGE_PT * (number - (len(lines) - 1) / 2))
    axes.set_xticks(sorted({_cores(entry) for entry in found if not math.isnan(_cores(entry))}))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_major_formatter("{x:,g}")
    axes.set_ylim(bottom=0)
    axes.margins(x=0.12)
    axes.set_xlabel("Pinned cores (logical CPUs)")
    axes.set_ylabel("\n".join(axis_text(found).rsplit(", ", 1)))
    axes.grid()
    gap_strip(axes, gaps, colour, gap_in / (height_in + len(gaps) * gap_in))
    legend_of_lines(axes, found, looks, ideal, columns)
    return figure


def describe(summary: "pd.DataFrame", options: Mapping[str, Any]) -> str:
    """Every point in words."""
    return sentence(entries(summary, options, [options["metric"]]), options["metric"])


def _line(axes: "Axes", members: Sequence[Entry], colour: str, marker: str, shift_pt: float) -> None:
    """One line with its points, broken where a run has no value, and the ideal that starts at its first point."""
    members = sorted((entry for entry in members if not math.isnan(_cores(entry))), key=_cores)
    cores = [_cores(entry) for entry in members]
    medians = [math.nan if entry.gap else entry.row["median"] for entry in members]
    aside = shifted(axes, shift_pt)
    axes.plot(cores, medians, color=colour, linewidth=1.2, transform=aside)
    shown = _shown(members)
    for x, entry in shown:
        point(axes, x, entry, colour, marker, aside)
    reached = [(x, y) for x, entry in shown for y in (entry.row["median"], *entry.values)]
    if _reaches(members):
        first, row = shown[0][0], shown[0][1].row
        # Not a straight line for times, which fall with the inverse of the cores.
        reach = [first + (cores[-1] - first) * step / 50 for step in range(51)]
        factors = [x / first if row["better"] == "higher" else first / x for x in reach]
        ideal = [row["median"] * factor for factor in factors]
        reached += zip(reach, ideal, strict=True)
        axes.plot(reach, ideal, color=colour, linewidth=1, linestyle=":", zorder=1, transform=aside)
    # What is drawn aside doesn't count for the axes' limits by itself.
    axes.update_datalim([*reached, *((x, 0) for x in cores)])
    axes.autoscale_view()


def _shown(members: Sequence[Entry]) -> list[tuple[float, Entry]]:
    """What of a line has a value, by its cores."""
    placed = [(_cores(entry), entry) for entry in members if not entry.gap and not math.isnan(_cores(entry))]
    return sorted(placed, key=lambda each: each[0])


def _reaches(members: Sequence[Entry]) -> bool:
    """Whether a line has an ideal: a first value, and more cores than it has."""
    shown, cores = _shown(members), [_cores(entry) for entry in members if not math.isnan(_cores(entry))]
    return bool(shown) and shown[0][0] < max(cores)


def _cores(entry: Entry) -> float:
    """How many CPUs a run was pinned to; NaN where it never came so far and doesn't say a number."""
    asked = entry.row["cores"]
    return float(asked) if math.isnan(entry.row["cpus"]) and asked.isdigit() else float(entry.row["cpus"])
