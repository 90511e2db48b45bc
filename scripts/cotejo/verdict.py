"""What a result is worth, and why: a word and the reasons for it.

Each check looks at the records of one run that may be merged, and returns findings. The worst word among them is the
verdict; a finding that costs nothing is still printed among the reasons. A new check is a function added to CHECKS.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from cotejo.stats import SAMPLE_FLOORS

Record = Mapping[str, Any]

WORDS = ("failed", "noisy", "unsteady", "smoke", "publishable")  # the worst first
NOT_MEASURED = "not measured"  # no verdict: there is nothing to judge
SEPARATOR = "; "  # between reasons, and between marks, in a cell of the summary

# As config/config.yaml has them, for commands run by hand.
THRESHOLDS: Mapping[str, float] = {"repeats": 6, "duration_s": 600}


class Finding(NamedTuple):
    """The best word that a result may still get, and the reason."""

    word: str
    reason: str


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


def level_findings(records: Sequence[Record], level: str, thresholds: Mapping[str, float]) -> list[Finding]:
    """What all checks say of one load level of records that may be merged, the failed attempts among them."""
    return [finding for check in CHECKS for finding in check(records, level, thresholds)]


def floor_finding(percentile: int, samples: int) -> Finding:
    """A percentile left blank for the `samples` of its shortest repeat."""
    return Finding("smoke", f"samples {samples} < {SAMPLE_FLOORS[percentile]} for p{percentile}")


def _failures(records: Sequence[Record], level: str, thresholds: Mapping[str, float]) -> list[Finding]:
    failed = Counter(record["reason"] for record in records if record["status"] == "failed")
    return [Finding("publishable", f"{n} of {len(records)} repeats failed: {slug}") for slug, n in failed.items()]


def _failed_requests(records: Sequence[Record], level: str, thresholds: Mapping[str, float]) -> list[Finding]:
    levels = _levels(records, level)
    failed, attempts = sum(part["failed_requests"] for part in levels), sum(part["requests"] for part in levels)
    if not failed:
        return []
    return [Finding("failed" if failed == attempts else "publishable", f"{failed} of {attempts} requests failed")]


def _repeats(records: Sequence[Record], level: str, thresholds: Mapping[str, float]) -> list[Finding]:
    repeats, least = len(_levels(records, level)), thresholds["repeats"]
    return [Finding("smoke", f"repeats {repeats} < {least:g}")] if repeats < least else []


def _duration(records: Sequence[Record], level: str, thresholds: Mapping[str, float]) -> list[Finding]:
    duration_s, least_s = sum(part["duration_s"] for part in _levels(records, level)), thresholds["duration_s"]
    shown_s = math.floor(duration_s * 10) / 10  # rounded down: never "600 s < 600 s"
    return [Finding("smoke", f"duration {shown_s:g} s < {least_s:g} s")] if duration_s < least_s else []


def _levels(records: Sequence[Record], level: str) -> list[Mapping[str, Any]]:
    """One load level of each record that is whole."""
    return [
        part for record in records if record["status"] == "ok" for part in record["levels"] if part["level"] == level
    ]


Check = Callable[[Sequence[Record], str, Mapping[str, float]], list[Finding]]
CHECKS: tuple[Check, ...] = (_failures, _failed_requests, _repeats, _duration)
