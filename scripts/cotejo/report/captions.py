"""What figures and results are called and said to show, in the report and in Snakemake's own (`snakemake --report`)."""

import csv
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cotejo.figures import figure
from cotejo.report.drawing import words_of

UNMARKED = "no verdict"

_SPECIAL = re.compile(r"([\\`*_|<>\[\]:])")


def described(entry: Mapping[str, Any]) -> dict[str, str]:
    """One figure: its name, its title, its caption where the study gives one."""
    kind = figure(entry["kind"])
    return {
        "name": entry["name"],
        "title": entry.get("title", kind.TITLE),
        "caption": entry.get("caption", ""),
    }


def captions(title: str, question: str, entries: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """What a study's captions say, as reStructuredText: of its figures, by their names, and of its `report`."""
    told = [described(entry) for entry in entries]
    of_figures = {one["name"]: plain(f"{one['title']}. {one['caption']}".strip()) for one in told}
    return {"report": plain(f"{title}. {question}".strip()), **of_figures}


def plain(text: str) -> str:
    """A text as reStructuredText that means just that, whatever stands in it, in one line."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))


def worth_of_figure(drawing: Path) -> str:
    """The verdicts that an .svg figure names: "noisy, smoke"."""
    from cotejo.verdict import WORDS

    words = words_of(drawing)
    return ", ".join(word for word in WORDS if f"({word})" in words) or UNMARKED


def worth_of_study(verdicts: Path) -> str:
    """How many runs and load levels have which verdict, by a study's verdicts.csv: "3 noisy, 1 smoke"."""
    from cotejo.verdict import NOT_MEASURED, WORDS

    with verdicts.open(newline="", encoding="utf-8") as stream:
        found = Counter(row["verdict"] for row in csv.DictReader(stream))
    return ", ".join(f"{found[word]} {word}" for word in (*WORDS, NOT_MEASURED) if found[word]) or "nothing measured"
