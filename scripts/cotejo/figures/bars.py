"""Horizontal bars of one metric."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from cotejo.figures.options import BY, COMMON, METRIC
from cotejo.figures.published import marks_of, named, published_note, published_sentence
from cotejo.figures.rows import Lane, Place, draw_places
from cotejo.figures.select import DEFAULT_BY, entries, no_values, note, sentence
from cotejo.figures.style import Style, colours, empty

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

TITLE = "One metric side by side, by backend and precision or by any other columns"
OPTIONS: dict[str, Any] = {"metric": METRIC, "by": BY, **COMMON}
REQUIRED = ("metric",)
INPUTS = ("published",)


def draw(summary: "pd.DataFrame", options: Mapping[str, Any], style: Style, *, published: "pd.DataFrame") -> "Figure":
    """One bar for each row of the metric, in the summary's order; below it, what was published of the same."""
    title, metric = options.get("title", TITLE), options["metric"]
    found = entries(summary, options, [metric])
    marks = marks_of(published, options, [metric], found)
    if all(entry.gap for entry in found) and all(mark.gap for mark in marks):
        return empty(style, title, no_values(found, metric))
    first = options.get("by", DEFAULT_BY)[:1]
    groups = {mark.label: named(mark.row, first) for mark in marks} | {entry.label: entry.group for entry in found}
    colour = colours([*(entry.group for entry in found), *(groups[mark.label] for mark in marks)])
    places = [Place(entry.label, [Lane(entry, colour[entry.group])]) for entry in found]
    # A document that prints no value prints it on none of its machines: once is enough to say so.
    valued = [mark for mark in marks if not mark.gap]
    valueless = {(mark.label, mark.gap): mark for mark in marks if mark.gap}
    for mark in [*valued, *valueless.values()]:
        place = next((place for place in places if place.label == mark.label), None)
        if place is None:
            place = Place(mark.label)
            places.append(place)
        place.lanes.append(Lane(mark, colour[groups[mark.label]]))
    text = "\n".join([note(found, options, "Bar"), *published_note(valued, found)])
    return draw_places(style, title, text, places, {})


def describe(summary: "pd.DataFrame", options: Mapping[str, Any], *, published: "pd.DataFrame") -> str:
    """Every bar in words."""
    found = entries(summary, options, [options["metric"]])
    marks = marks_of(published, options, [options["metric"]], found)
    return f"{sentence(found, options['metric'])} {published_sentence(marks, options['metric'])}".strip()
