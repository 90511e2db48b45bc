"""The page of the re-analysis: one file that loads nothing, every text in it escaped."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from cotejo.published import check as words
from cotejo.published.check import VERDICTS, Check
from cotejo.published.groups import Paper
from cotejo.report.page import environment

TITLE = "What was published, on paper alone"
QUESTION = (
    "What the documents' own numbers do and do not support: every derived figure is computed again from the rows that "
    "it derives from, as far as their rounding lets it be known. Nothing here was measured."
)
COMMAND = "snakemake --cores 1 published"
MEANINGS = {
    words.DISAGREES: "What is printed can't follow from the other printed rows, whatever their rounding.",
    words.UNSUPPORTED: "The document's own numbers say otherwise than its words.",
    words.TOO_FEW: "Samples, or repeats, too few for what is printed.",
    words.UNTOLD: "The document lacks what it takes to tell.",
    words.AGREES: "What is printed can be what follows from the other rows.",
    words.SUPPORTED: "The document's own numbers say the same as its words.",
    words.DERIVED: "Follows from the rows; the document doesn't print it.",
}
SECTIONS = (
    ("Disagreements", "Printed, and computed from the other printed rows.", (words.DISAGREES,)),
    (
        "What the numbers do not support",
        "Statements against the numbers, and percentiles or intervals of too few samples.",
        (words.UNSUPPORTED, words.TOO_FEW),
    ),
    ("What the numbers do support", "Statements that the numbers bear out.", (words.SUPPORTED,)),
)
PARTS = {
    "Computed again": (words.DISAGREES, words.AGREES),
    "Statements": (words.UNSUPPORTED, words.SUPPORTED),
    "What follows": (words.DERIVED,),
    "What can't be told": (words.TOO_FEW, words.UNTOLD),
}


def page(
    papers: Sequence[Paper],
    findings: Mapping[str, Sequence[Check]],
    figures: Mapping[str, Sequence[Mapping[str, Any]]],
    rows: Mapping[str, str],
) -> str:
    """The HTML: by study its findings, its figures (as `cotejo.report.drawing.drawn` has them), its rows' address."""
    everything = [(study, check) for study, checks in findings.items() for check in checks]
    counts = Counter(check.verdict for _, check in everything)
    content = {
        "title": TITLE,
        "question": QUESTION,
        "command": COMMAND,
        "verdicts": [{"word": word, "count": counts[word], "text": MEANINGS[word]} for word in VERDICTS],
        "sections": [
            {"title": title, "text": text, "checks": _cells(everything, verdicts)} for title, text, verdicts in SECTIONS
        ],
        "studies": [_study(paper, findings[paper.study], figures[paper.study], rows[paper.study]) for paper in papers],
    }
    return environment(Path(__file__).parent).get_template("published.html.jinja").render(content)


def _study(paper: Paper, checks: Sequence[Check], figures: Sequence[Mapping[str, Any]], rows: str) -> dict[str, Any]:
    counts = Counter(check.verdict for check in checks)
    parts = [
        {"title": title, "checks": _cells([(paper.study, check) for check in checks], verdicts)}
        for title, verdicts in PARTS.items()
    ]
    return {
        "name": paper.study,
        "title": paper.title,
        "counts": ", ".join(f"{counts[word]} {word}" for word in VERDICTS if counts[word]),
        "rows": rows,
        "figures": figures,
        "parts": [part for part in parts if part["checks"]],
    }


def _cells(checks: Iterable[tuple[str, Check]], verdicts: Sequence[str]) -> list[dict[str, str]]:
    """Those of these verdicts, the worst first, as the table has them: one line for all that differ in the subject."""
    chosen = [(study, check) for study, check in checks if check.verdict in verdicts]
    lines: dict[tuple[str, Check], list[str]] = {}
    for study, check in sorted(chosen, key=lambda item: VERDICTS.index(item[1].verdict)):
        lines.setdefault((study, replace(check, subject="")), []).append(check.subject)
    return [_cell(study, replace(check, subject="; ".join(subjects))) for (study, check), subjects in lines.items()]


def _cell(study: str, check: Check) -> dict[str, str]:
    cell = {
        name: getattr(check, name) for name in ("check", "subject", "formula", "verdict", "printed", "unit", "note")
    }
    return {**cell, "study": study, "found": check.found_text, "bounds": check.bounds_text}
