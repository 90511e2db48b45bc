"""How times and rates of single requests are distributed, by their percentiles."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

from cotejo.figures.levels import key_of, load_of
from cotejo.figures.options import BY, COMMON
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
    settle,
    value_label_of,
    value_of,
)
from cotejo.figures.published import (
    Mark,
    marks_of,
    published_note,
    published_sentence,
    requests_of,
    shapes,
)
from cotejo.figures.select import Entry, entries, no_values, note, sentence
from cotejo.figures.style import Style, empty
from cotejo.floors import floor_of
from cotejo.labels import load_label

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLE = "Percentiles of single requests' times and rates"
# The metrics of each thing that percentiles are told of.
OF = {"latency": "latency_p{}_ms", "first-token": "ttft_p{}_ms", "characters": "characters_p{}_per_s"}
DRAWN = ("latency", "characters")
PERCENTILES = (1, 5, 10, 50, 90, 95, 99)
OPTIONS: dict[str, Any] = {
    "of": {
        "description": "What the percentiles are of, a panel for each: times of whole requests, times to the first "
        "token, the rate of characters within a request.",
        "type": "array",
        "minItems": 1,
        "uniqueItems": True,
        "items": {"enum": list(OF)},
        "default": list(DRAWN),
    },
    "percentiles": {
        "description": "Which percentiles, from the lowest to the highest.",
        "type": "array",
        "minItems": 2,
        "uniqueItems": True,
        "items": {"type": "integer", "minimum": 1, "maximum": 99},
        "default": list(PERCENTILES),
    },
    "by": {**BY, "default": ["backend"]},
    **COMMON,
}
INPUTS = ("published",)
WITHOUT = ("load",)  # told by the panels
WIDE = 8  # beyond this ratio of the highest value to the lowest, the axis is logarithmic


def draw(summary: "pd.DataFrame", options: Mapping[str, Any], style: Style, *, published: "pd.DataFrame") -> "Figure":
    """A panel for each thing that percentiles are of and each kind of load, a line for each thing that `by` names."""
    title = options.get("title", TITLE)
    options = {"by": OPTIONS["by"]["default"], **options}
    metrics = _metrics(options)
    found = entries(summary, options, list(metrics), without=WITHOUT, most=MOST_LINES)
    marks, of_published = _judged(marks_of(published, options, list(metrics), found), published, metrics)
    items: list[Item] = [*found, *marks]
    valued = [item for item in items if not item.gap]
    shown_of = dict.fromkeys((metrics[metric_of(item)][0], load_of(item)) for item in valued)
    panels = sorted(shown_of, key=lambda panel: list(options.get("of", DRAWN)).index(panel[0]))
    if not panels:
        return empty(style, title, no_values(found, " or ".join(options.get("of", DRAWN))))
    looks = looks_of([item for item in items if metric_of(item)])
    members = {
        (of, load): [item for item in items if load_of(item) == load and metrics.get(metric_of(item), ("",))[0] == of]
        for of, load in panels
    }
    deepest = max(len(_gaps(shown, metrics)) for shown in members.values())
    plot_in = style.width_in * (0.3 if style.width_in > NARROW_IN else 0.55)
    height_in = plot_in + (2.5 + deepest) * style.line_in
    lines = [
        *_said_of_gaps(found, metrics),
        note(found, options, "Mark", WITHOUT),
        *published_note(marks, found),
        *of_published,
    ]
    handles = handles_of(found, marks, looks)
    if deepest:
        handles.append(cross())
    figure, grid = panels_below_legend(style, title, "\n".join(lines), handles, [height_in] * len(panels), 1)
    for axes, (panel, shown) in zip(grid.ravel(), members.items(), strict=True):
        _panel(axes, shown, looks, shapes(marks), metrics)
        name, better = value_label_of(shown, metric_of(shown[0]))
        plain = re.sub(", (median|p[0-9]+)", "", name)
        name_values(axes, plain, f"{load_label(panel[1])}; {better}", style, plot_in)
        gap_rows(axes, _gaps(shown, metrics), looks, style.line_in / height_in)
    settle(figure)
    return figure


def describe(summary: "pd.DataFrame", options: Mapping[str, Any], *, published: "pd.DataFrame") -> str:
    """Every point in words."""
    options = {"by": OPTIONS["by"]["default"], **options}
    metrics = list(_metrics(options))
    found = entries(summary, options, metrics)
    marks = marks_of(published, options, metrics, found)
    parts = [(metric, [entry for entry in found if entry.row["metric"] == metric]) for metric in metrics]
    said = [sentence(members, metric) for metric, members in parts if members]
    said += [f"{entry.label} {entry.gap}." for entry in found if not entry.row["metric"]]
    return " ".join([*said, *filter(None, (published_sentence(marks, metric) for metric in metrics))]) or "No data."


def _metrics(options: Mapping[str, Any]) -> dict[str, tuple[str, int]]:
    """What each metric that is drawn tells: of what, and which percentile."""
    chosen = options.get("percentiles", PERCENTILES)
    return {OF[of].format(q): (of, q) for of in options.get("of", DRAWN) for q in sorted(chosen)}


def _judged(
    marks: Sequence[Mark], published: "pd.DataFrame", metrics: Mapping[str, tuple[str, int]]
) -> tuple[list[Mark], list[str]]:
    """The marks, pale where the document's requests are too few for the percentile, and what must be said of that."""
    judged: list[Mark] = []
    few: dict[str, None] = {}
    for mark in marks:
        percentile, requests = metrics[mark.metric][1], requests_of(mark.row, published)
        floor = floor_of(percentile)
        pale = requests is not None and requests < floor
        judged.append(replace(mark, pale=pale))
        few |= {f"p{percentile} is of {requests} requests, but takes {floor}": None} if pale else {}
    lines = [f"Pale: the published {'; '.join(few)}."] if few else []
    if any(requests_of(mark.row, published) is None for mark in marks):
        lines.append("Of how many requests published percentiles are isn't told, so they may be of too few.")
    return judged, lines


def place_of(percentile: int) -> float:
    """Where a percentile lies on an axis on which a normal distribution would be a straight line."""
    return NormalDist().inv_cdf(percentile / 100)


def _gaps(items: Sequence[Item], metrics: Mapping[str, tuple[str, int]]) -> Gaps:
    """The percentiles without a value, by line."""
    return gaps_by_line([item for item in items if metric_of(item)], lambda item: place_of(metrics[metric_of(item)][1]))


def _said_of_gaps(found: Sequence[Entry], metrics: Mapping[str, tuple[str, int]]) -> list[str]:
    """A sentence for each run that lacks percentiles, naming them with the reasons."""
    runs: dict[str, dict[str, dict[str, None]]] = {}
    for entry in (entry for entry in found if entry.gap):
        percentile = metrics.get(metric_of(entry))
        reason = re.sub(r"^no value: | for p[0-9]+$", "", entry.gap)
        lacking = runs.setdefault(" · ".join(filter(None, key_of(entry))), {}).setdefault(reason, {})
        lacking |= {f"p{percentile[1]}": None} if percentile else {}
    return [
        f"{where}: {'; '.join(_lacking(list(percentiles), why) for why, percentiles in gaps.items())}."
        for where, gaps in runs.items()
    ]


def _lacking(percentiles: Sequence[str], why: str) -> str:
    """Percentiles that are missing, or a whole run where none is named."""
    return f"no {', '.join(percentiles)} ({why})" if percentiles else why


def _panel(
    axes: "Axes",
    members: Sequence[Item],
    looks: Looks,
    shape: Mapping[str, str],
    metrics: Mapping[str, tuple[str, int]],
) -> None:
    """One thing's percentiles, of one kind of load."""
    draw_lines(axes, lines_of(members, lambda item: place_of(metrics[metric_of(item)][1])), looks, shape)
    values = [value_of(item) for item in members if not item.gap]
    if min(values) > 0 and max(values) > WIDE * min(values):
        axes.set_yscale("log")
        axes.set_ylim(min(values) / 1.3, max(values) * 1.3)
        axes.yaxis.set_major_formatter("{x:,g}")
    shown = sorted({metrics[metric_of(item)][1] for item in members})
    axes.set_xticks([place_of(q) for q in shown], [str(q) for q in shown])
    axes.set_xlim(place_of(shown[0]) - 0.3, place_of(shown[-1]) + 0.3)
    axes.set_xlabel("Percentile of the requests")
