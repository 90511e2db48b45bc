"""The figures of the studies as they are with nothing measured: what was published, alone."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from cotejo.figures import figure
from cotejo.figures.inputs import read_inputs, read_rows
from cotejo.figures.style import Style, applied, save, style_of
from cotejo.files import replacing
from cotejo.labels import machine_label
from cotejo.published.analysis import LOGS, Study
from cotejo.published.cost import cost_of, on_paper
from cotejo.published.figures import own_figures
from cotejo.published.groups import Paper
from cotejo.report.page import data_uri

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Drawing(NamedTuple):
    """A figure that can be drawn."""

    name: str
    title: str
    words: str  # the same for who can't see it
    draw: Callable[[Style], "Figure"]
    width: str | None = None


def draw_all(
    study: Study, paper: Paper, config: Path, look: str, formats: Sequence[str], folder: Path
) -> Iterator[dict[str, str]]:
    """Draw a study's figures into a folder, svg among the formats; {title, words, image} of each, for the page."""
    for drawing in _drawings(study, paper, config):
        style = style_of(look, drawing.width)
        with applied(style):
            drawn = drawing.draw(style)
            for form in formats:
                with replacing(folder / f"{drawing.name}.{form}") as temporary:
                    save(drawn, temporary, form, drawing.title, drawing.words, style.dpi)
        yield {"title": drawing.title, "words": drawing.words, "image": data_uri(folder / f"{drawing.name}.svg")}


def _drawings(study: Study, paper: Paper, config: Path) -> Iterator[Drawing]:
    """The study's own figures, then those that only this page has."""
    machines = {system: machine_label(facts) for system, facts in paper.systems.items()}
    there: dict[str, Path | None] = {"published": study.published, "logs": config / LOGS}
    summary = read_rows(None)
    for entry in shown(study.figures, paper):
        kind = figure(entry["kind"])
        inputs = read_inputs(
            kind.INPUTS, {"summary": None, **{name: there.get(name) for name in kind.INPUTS}}, machines
        )
        if "cost" in inputs:
            inputs["cost"] = cost_of(study, config)
        words = kind.describe(summary, entry, **inputs)
        title = entry.get("title", kind.TITLE)
        yield Drawing(entry["name"], title, words, partial(kind.draw, summary, entry, **inputs), entry.get("width"))
    for own in own_figures(paper):
        yield Drawing(own.name, own.title, own.words, own.draw)


def shown(entries: Iterable[Mapping[str, Any]], paper: Paper) -> Iterator[Mapping[str, Any]]:
    """The figures that have something published to show: their kind draws that, and there is some, of their metric."""
    printed = {row["ours"] for group in paper.groups for row in group.rows if row["run"] and row["value"]}
    for entry in entries:
        beside = getattr(figure(entry["kind"]), "INPUTS", ())
        told = {entry["metric"]} & printed if "metric" in entry else printed
        if ("published" in beside and told) or ("logs" in beside and entry.get("logs")) or on_paper(entry):
            yield entry
