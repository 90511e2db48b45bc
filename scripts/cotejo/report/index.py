"""The index over studies: what it says of each stands in its report's head, written and read here."""

import os
from collections.abc import Mapping, Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from cotejo.errors import CotejoError
from cotejo.report.page import environment

# The facts in a report's head, each a meta element of this name.
FACTS = ("description", "cotejo-answer", "cotejo-verdicts", "cotejo-marks", "cotejo-measured")
ANSWER_LENGTH = 400


def head(content: Mapping[str, Any], answers: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """What a report's head says of it, by FACTS, from what the report itself says."""
    counts = [f"{verdict['count']} {verdict['word']}" for verdict in content["verdicts"]]
    marks = [*([content["overlay"]] if content["overlay"] else []), *content["marks"]]
    first = answers[0]["text"] if answers else ""
    return {
        "description": content["question"],
        "cotejo-answer": first if len(first) <= ANSWER_LENGTH else f"{first[:ANSWER_LENGTH]}…",
        "cotejo-verdicts": ", ".join(counts),
        "cotejo-marks": "; ".join(marks),
        "cotejo-measured": content["period"],
    }


def read_head(path: Path) -> dict[str, str]:
    """A report's title and the FACTS in its head, empty where it doesn't say; CotejoError where it is no report."""
    reader = _Head()
    reader.feed(path.read_text(encoding="utf-8"))
    reader.close()
    if not reader.title:
        raise CotejoError(f"{path}: title: '': it is no report. Delete it, so that it is made again, or move it away")
    return {"title": " ".join(reader.title.split()), **{name: reader.facts.get(name, "") for name in FACTS}}


def index(reports: Sequence[Path], published: Path | None, output: Path) -> str:
    """The page over these reports, and over the page of what was published, with links relative to its own place."""

    def link(path: Path) -> str:
        return Path(os.path.relpath(path, output.parent)).as_posix()

    studies = [{"name": path.parent.name, "link": link(path), **_named(read_head(path))} for path in sorted(reports)]
    template = environment().get_template("index.html.jinja")
    return template.render(title="Studies", studies=studies, published=link(published) if published else "")


def _named(facts: Mapping[str, str]) -> dict[str, str]:
    names = {"description": "question"}
    return {names.get(name, name.removeprefix("cotejo-")): text for name, text in facts.items()}


class _Head(HTMLParser):
    """The title and the meta elements of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.title = ""
        self.facts: dict[str, str] = {}
        self._within_title = False
        self._within_head = True

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "body":
            self._within_head = False
        self._within_title = self._within_head and tag == "title"
        attributes = dict(attrs)
        if self._within_head and tag == "meta" and attributes.get("name"):
            self.facts[str(attributes["name"])] = attributes.get("content") or ""

    def handle_endtag(self, tag: str) -> None:
        self._within_title = False

    def handle_data(self, data: str) -> None:
        if self._within_title:
            self.title += data
