"""Where a request's time goes inside a server: waiting against computing, at each load."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from cotejo.figures.levels import describe_levels, of_servers
from cotejo.figures.marks import bar, bar_axes, gap_text, handles_of_bars
from cotejo.figures.options import BY, COMMON
from cotejo.figures.panels import panels_below_legend, settle
from cotejo.figures.select import MOST_LABELS, no_values, note
from cotejo.figures.style import Style, colours, empty

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

TITLE = "Waiting and computing inside the server, by load"
PARTS = {"queue_ms": "waiting in the queue", "compute_ms": "computing"}
OPTIONS: dict[str, Any] = {"by": BY, **COMMON}
THICKNESS = 0.36


def draw(summary: "pd.DataFrame", options: Mapping[str, Any], style: Style) -> "Figure":
    """Two bars for each run and level; a level that failed is a labelled gap."""
    title = options.get("title", TITLE)
    found = of_servers(summary, options, list(PARTS), without=(), most=MOST_LABELS)
    if all(entry.gap for entry in found):
        return empty(style, title, no_values(found, "queue_ms or compute_ms"))
    names = list(dict.fromkeys(entry.label for entry in found))
    labels = [style.wrapped(name, 0.34) for name in names]
    colour = dict(zip(PARTS, colours(PARTS.values()).values(), strict=True))
    text = f"By the server's own counters, the warm-up of each level included.\n{note(found, options, 'Bar')}"
    gaps = {entry.label: style.wrapped(entry.gap, 0.5) for entry in found if entry.gap}
    lines = max(text.count("\n") + 1 for text in (*labels, *gaps.values()))
    height_in = (len(names) * max(2.4, lines + 0.6) + 3) * style.line_in
    handles = handles_of_bars(found, {PARTS[metric]: shade for metric, shade in colour.items()})
    figure, ((axes,),) = panels_below_legend(style, title, text, handles, [height_in], 1)
    for entry in found:
        place = names.index(entry.label)
        if entry.gap:
            gap_text(axes, place, gaps[entry.label], entry)
        else:
            aside = (list(PARTS).index(entry.row["metric"]) - 0.5) * 0.4
            bar(axes, place + aside, entry, colour[entry.row["metric"]], thickness=THICKNESS)
    quantity = "Mean time of a request (ms); lower is better"
    bar_axes(figure, axes, range(len(names)), labels, (-0.5, len(names) - 0.5), quantity)
    settle(figure)
    return figure


def describe(summary: "pd.DataFrame", options: Mapping[str, Any]) -> str:
    """Every bar in words."""
    return " ".join(describe_levels(summary, options, list(PARTS))) or "No data."
