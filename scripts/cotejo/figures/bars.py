"""Horizontal bars of one metric."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from cotejo.figures.marks import bar, gap_text, legend_of_bars, room_for_values
from cotejo.figures.options import BY, COMMON, METRIC
from cotejo.figures.select import axis_text, entries, no_values, note, sentence
from cotejo.figures.style import Style, canvas, colours, empty

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

TITLE = "One metric side by side, by backend and precision or by any other columns"
OPTIONS: dict[str, Any] = {"metric": METRIC, "by": BY, **COMMON}
REQUIRED = ("metric",)


def draw(summary: "pd.DataFrame", options: Mapping[str, Any], style: Style) -> "Figure":
    """One bar for each row of the metric, in the summary's order; a failed run is a labelled gap."""
    title = options.get("title", TITLE)
    found = entries(summary, options, [options["metric"]])
    if all(entry.gap for entry in found):
        return empty(style, title, no_values(found, options["metric"]))
    labels = [style.wrapped(entry.label, 0.34) for entry in found]
    lines = max(label.count("\n") + 1 for label in labels)
    figure, axes = canvas(
        style, title, note(found, options, "Bar"), (len(found) * max(1.8, lines + 0.6) + 4) * style.line_in
    )
    colour = colours(entry.group for entry in found)
    repeats_differ = len({entry.row["repeats"] for entry in found if not entry.gap}) > 1
    for place, entry in enumerate(found):
        if entry.gap:
            gap_text(axes, place, entry.gap)
        else:
            bar(axes, place, entry, colour[entry.group], thickness=0.66, n=repeats_differ)
    axes.set_yticks(range(len(found)), labels)
    axes.set_ylim(len(found) - 0.5, -0.5)
    axes.set_xlim(left=0)
    axes.xaxis.set_major_formatter("{x:,g}")
    axes.set_xlabel(axis_text(found))
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x")
    legend_of_bars(axes, found, {})
    room_for_values(figure, axes)
    return figure


def describe(summary: "pd.DataFrame", options: Mapping[str, Any]) -> str:
    """Every bar in words."""
    return sentence(entries(summary, options, [options["metric"]]), options["metric"])
