"""What a result is worth, and why: a word and the reasons for it.

Each check looks at one load level of the records of one run that may be merged, and returns findings. The worst word
among them is the verdict; a finding that costs nothing is still printed among the reasons. A new check is a function in
one of this package's modules, listed in that module's CHECKS; the bounds it needs stand in the module's THRESHOLDS.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from cotejo.floors import floor_of
from cotejo.verdict import amount, gpus, learning, quiet, serving, steady
from cotejo.verdict.evidence import Check, Evidence, Finding, Record

__all__ = [
    "CHECKS", "NOT_MEASURED", "SEPARATOR", "THRESHOLDS", "WORDS", "Check", "Evidence", "Finding", "Record", "Verdict",
    "floor_finding", "judge", "level_findings", "run_verdict",
]  # fmt: skip

WORDS = ("failed", "noisy", "unsteady", "smoke", "publishable")  # the worst first
NOT_MEASURED = "not measured"  # no verdict: there is nothing to judge
SEPARATOR = "; "  # between reasons, and between marks, in a cell of the summary

_MODULES = (amount, learning, steady, serving, quiet, gpus)
CHECKS: tuple[Check, ...] = tuple(check for module in _MODULES for check in module.CHECKS)
# As config/config.yaml has them, for commands run by hand.
THRESHOLDS: Mapping[str, float] = {key: value for module in _MODULES for key, value in module.THRESHOLDS.items()}


class Verdict(NamedTuple):
    """A word, and the reasons that a reader must know, most damaging first."""

    word: str
    reasons: tuple[str, ...]


def judge(findings: Iterable[Finding]) -> Verdict:
    """The worst word among the findings; publishable where there is none."""
    ordered = sorted(findings, key=lambda finding: WORDS.index(finding.word))
    return Verdict(ordered[0].word if ordered else "publishable", tuple(finding.reason for finding in ordered))


def run_verdict(records: Sequence[Record]) -> Verdict | None:
    """`failed` with the slugs of the reasons where every attempt failed, else None: its levels are judged instead."""
    if any(record["status"] == "ok" for record in records):
        return None
    return judge(Finding("failed", slug) for slug in Counter(record["reason"] for record in records))


def level_findings(evidence: Evidence, thresholds: Mapping[str, float]) -> list[Finding]:
    """What all checks say of one load level. `thresholds` has every key of THRESHOLDS."""
    return [finding for check in CHECKS for finding in check(evidence, thresholds)]


def floor_finding(percentile: int, samples: int) -> Finding:
    """A percentile left blank for the `samples` of its shortest repeat."""
    return Finding("smoke", f"samples {samples} < {floor_of(percentile)} for p{percentile}")
