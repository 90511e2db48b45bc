"""Where the time of one frame goes: a bar for each stage."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from cotejo.figures.marks import bar, bar_axes, gap_text, handles_of_bars
from cotejo.figures.options import BY, COMMON
from cotejo.figures.panels import panels_below_legend, settle
from cotejo.figures.select import Entry, entries, no_values, note, sentence
from cotejo.figures.style import Style, colours, empty
from cotejo.labels import metric_label

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

TITLE = "The time that each stage of a frame takes"
MOST_RUNS = 20  # each has a bar in every stage
STAGES = ("decode", "preprocess", "inference", "postprocess", "encode")
OPTIONS: dict[str, Any] = {
    "stages": {
        "description": "The stages, from first to last: each is a metric `<stage>_p50_ms`.",
        "type": "array",
        "minItems": 1,
        "uniqueItems": True,
        "items": {"type": "string", "pattern": "^[a-z][a-z0-9_]*$", "x-pattern": "must be the name of a stage"},
        "default": list(STAGES),
    },
    "by": BY,
    **COMMON,
}


def draw(summary: "pd.DataFrame", options: Mapping[str, Any], style: Style) -> "Figure":
    """A group of bars for each stage, one for each thing that `by` names; below them the runs that have no times."""
    title = options.get("title", TITLE)
    found = _entries(summary, options)
    if all(entry.gap for entry in found):
        return empty(style, title, no_values(found, "any stage"))
    metrics = [metric for metric in _metrics(options) if any(entry.row["metric"] == metric for entry in found)]
    names = list(dict.fromkeys(entry.label for entry in found if not entry.gap))
    gaps = [entry for entry in found if entry.gap]
    colour = colours(names)
    text = f"Stages overlap: their times don't add up to the time between two frames.\n{note(found, options, 'Bar')}"
    rows = len(metrics) * max(1.0, 0.6 * len(names) + 0.4)
    handles = handles_of_bars(found, colour if len(names) > 1 else {})
    height_in = (1.8 * (rows + len(gaps)) + 3) * style.line_in
    figure, ((axes,),) = panels_below_legend(style, title, text, handles, [height_in], 1)

    pitch = 0.8 / len(names)
    for entry in found:
        if not entry.gap:
            place = metrics.index(entry.row["metric"]) + (names.index(entry.label) - (len(names) - 1) / 2) * pitch
            bar(axes, place, entry, colour[entry.label], thickness=pitch * 0.85)
    for number, entry in enumerate(gaps):
        gap_text(axes, len(metrics) + number, entry.gap, entry)
    labels = [metric_label(metric).removesuffix(", median") for metric in metrics]
    labels += [style.wrapped(entry.label, 0.34) for entry in gaps]
    quantity = "Median time of a frame (ms), lower is better"
    bar_axes(figure, axes, range(len(labels)), labels, (-0.5, len(labels) - 0.5), quantity)
    settle(figure)
    return figure


def describe(summary: "pd.DataFrame", options: Mapping[str, Any]) -> str:
    """Every bar in words."""
    found = _entries(summary, options)
    parts = [(metric, [entry for entry in found if entry.row["metric"] == metric]) for metric in _metrics(options)]
    gaps = [f"{entry.label} {entry.gap}." for entry in found if not entry.row["metric"]]
    return " ".join([*(sentence(members, metric) for metric, members in parts), *gaps])


def _metrics(options: Mapping[str, Any]) -> list[str]:
    return [f"{stage}_p50_ms" for stage in options.get("stages", STAGES)]


def _entries(summary: "pd.DataFrame", options: Mapping[str, Any]) -> list[Entry]:
    """The stages of the whole pipeline, unless a level is asked for: a level of inference alone has but one stage."""
    where = {"level": "end-to-end", **options.get("where", {})}
    return entries(summary, {**options, "where": where}, _metrics(options), most=MOST_RUNS)
