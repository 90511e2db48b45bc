"""What more GPUs bring, by machine: one metric on one GPU, on two, and so on."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from cotejo.figures.options import BY, COMMON, METRIC
from cotejo.figures.panels import Item
from cotejo.figures.published import Mark, marks_of, named, published_note, published_sentence
from cotejo.figures.rows import Lane, Place, draw_places
from cotejo.figures.select import Entry, entries, no_values, note, sentence
from cotejo.figures.style import Style, colours, empty
from cotejo.labels import accelerators_label
from cotejo.stand_in import asked

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

TITLE = "One metric on one GPU and on more, by machine"
OPTIONS: dict[str, Any] = {"metric": METRIC, "by": {**BY, "default": ["model"]}, **COMMON}
REQUIRED = ("metric",)
INPUTS = ("published",)
WITHOUT = ("accelerators", "split", "device", "system", "name")  # told by the colours and the rows


def draw(summary: "pd.DataFrame", options: Mapping[str, Any], style: Style, *, published: "pd.DataFrame") -> "Figure":
    """A row for each machine and thing that `by` names, in it a bar for each number of GPUs."""
    title, metric = options.get("title", TITLE), options["metric"]
    found, marks = _shown(summary, options, published)
    if all(entry.gap for entry in found) and all(mark.gap for mark in marks):
        return empty(style, title, no_values(found, metric))
    items: list[Item] = [*marks, *found]
    counts = sorted({_count(item) for item in items}, key=lambda count: (len(count), count))
    colour = dict(zip(counts, colours(map(accelerators_label, counts)).values(), strict=True))
    machines = dict(zip(published["system"], published["machine"], strict=True))
    # What could not be measured stands beside what was, of the same.
    here = {entry.label: str(entry.row["system"]) for entry in found if entry.row["system"]}
    places: dict[tuple[str, str], Place] = {}
    for item in sorted(items, key=lambda item: counts.index(_count(item))):
        system = item.row["system"] or here.get(item.label, "not measured here")
        place = places.setdefault((item.label, system), Place(f"{item.label}\n{machines.get(system, system)}"))
        place.lanes.append(Lane(item, colour[_count(item)]))
    rows = sorted(places, key=lambda key: [label for label, _ in places].index(key[0]))
    text = "\n".join(
        [
            note(found, _options(options), "Bar", WITHOUT),
            *published_note([mark for mark in marks if not mark.gap], found),
        ]
    )
    legend = {accelerators_label(count): shade for count, shade in colour.items()}
    return draw_places(style, title, text, [places[key] for key in rows], legend, machines=False)


def describe(summary: "pd.DataFrame", options: Mapping[str, Any], *, published: "pd.DataFrame") -> str:
    """Every bar in words."""
    metric = options["metric"]
    found = entries(summary, _options(options), [metric])
    marks = marks_of(published, {**options, "by": (*_options(options)["by"], "accelerators")}, [metric])
    return f"{sentence(found, metric)} {published_sentence(marks, metric)}".strip()


def _options(options: Mapping[str, Any]) -> dict[str, Any]:
    return {"by": OPTIONS["by"]["default"], **options}


def _shown(
    summary: "pd.DataFrame", options: Mapping[str, Any], published: "pd.DataFrame"
) -> tuple[list[Entry], list[Mark]]:
    """What was measured, and what was published; both labelled by the columns of `by`."""
    found = entries(summary, _options(options), [options["metric"]], without=WITHOUT)
    marks = marks_of(published, _options(options), [options["metric"]])
    by = _options(options)["by"]
    return found, [Mark(named(mark.row, by), mark.row, mark.iterations) for mark in marks]


def _count(item: Item) -> str:
    """How many GPUs were, or were to be, used: what stands in for a GPU counts as that."""
    wanted = item.row if isinstance(item, Mark) else asked(item.row)
    return str(wanted["accelerators"]) or "0"
