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
) -> Iterator[tuple[dict[str, str], list[Path]]]:
    """Draw a study's figures into a folder; of each {name, title, caption}, for the page, and its files.

    Its name there has the study's, too, for all of them stand on one page.
    """
    for drawing in _drawings(study, paper, config):
        style = style_of(look, drawing.width)
        files = [folder / f"{drawing.name}.{form}" for form in formats]
        with applied(style):
            drawn = drawing.draw(style)
            for path, form in zip(files, formats, strict=True):
                with replacing(path) as temporary:
                    save(drawn, temporary, form, drawing.title, drawing.words, style.dpi)
        caption = f"{drawing.title}. Nothing was measured for it."
        yield {"name": f"{study.name}-{drawing.name}", "title": drawing.title, "caption": caption}, files


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
