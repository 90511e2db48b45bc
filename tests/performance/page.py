"""The table of docs/performance.md, between two marks in its text."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

BEGIN, END = "<!-- benchmarks: begin -->", "<!-- benchmarks: end -->"


@dataclass(frozen=True)
class Comparison:
    """One number of ours against another's, once per repetition and in the same unit."""

    what: str
    against: str
    unit: str
    ours: Sequence[float]
    theirs: Sequence[float]
    target: float
    at_most: bool = False  # the ratio must not exceed the target; else it must reach it

    def ratios(self) -> list[float]:
        return [ours / theirs for ours, theirs in zip(self.ours, self.theirs, strict=True)]

    def met(self) -> bool:
        ratio = statistics.median(self.ratios())
        return ratio <= self.target if self.at_most else ratio >= self.target


def table(comparisons: Sequence[Comparison]) -> str:
    """A Markdown table: medians of both sides, and the median of the ratios with the least and the greatest of them."""
    lines = [
        "| Cotejo's | against | Cotejo | other | ratio | least to greatest | target | |",
        "|---|---|--:|--:|--:|--:|--:|---|",
    ]
    for each in comparisons:
        ratios = each.ratios()
        ours, theirs = (f"{statistics.median(side):.4g} {each.unit}" for side in (each.ours, each.theirs))
        lines.append(
            f"| {each.what} | {each.against} | {ours} | {theirs} | **{statistics.median(ratios):.3f}** "
            f"| {min(ratios):.3f} to {max(ratios):.3f} | {'≤' if each.at_most else '≥'} {each.target:g} "
            f"| {'met' if each.met() else '**missed**'} |"
        )
    return "\n".join(lines)


def replace_between_marks(page: Path, text: str, marks: tuple[str, str] = (BEGIN, END)) -> None:
    """Put text between the marks of a page; ValueError where it lacks them."""
    before, begin, rest = page.read_text(encoding="utf-8").partition(marks[0])
    _, end, after = rest.partition(marks[1])
    if not begin or not end:
        raise ValueError(f"{page}: lacks the line {marks[0]} or {marks[1]}. Restore both")
    page.write_text(f"{before}{begin}\n\n{text}\n\n{end}{after}", encoding="utf-8")
