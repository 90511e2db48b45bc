"""Whether enough was measured, and what failed of it."""

import math
from collections import Counter
from collections.abc import Mapping

from cotejo.verdict.evidence import Check, Evidence, Finding

# As config/config.yaml has them, with their reasons.
THRESHOLDS: Mapping[str, float] = {"repeats": 6, "duration_s": 600}


def failures(evidence: Evidence, thresholds: Mapping[str, float]) -> list[Finding]:
    """Attempts that measured nothing."""
    attempts = evidence.records
    failed = Counter(record["reason"] for record in attempts if record["status"] == "failed")
    return [Finding("publishable", f"{n} of {len(attempts)} repeats failed: {slug}") for slug, n in failed.items()]


def failed_requests(evidence: Evidence, thresholds: Mapping[str, float]) -> list[Finding]:
    """Requests without an answer: they show, and condemn only a level that has no others."""
    failed, attempts = (sum(part[key] for part in evidence.levels) for key in ("failed_requests", "requests"))
    if not failed:
        return []
    return [Finding("failed" if failed == attempts else "publishable", f"{failed} of {attempts} requests failed")]


def repeats(evidence: Evidence, thresholds: Mapping[str, float]) -> list[Finding]:
    """The number of whole repeats."""
    found, least = len(evidence.levels), thresholds["repeats"]
    return [Finding("smoke", f"repeats {found} < {least:g}")] if found < least else []


def duration(evidence: Evidence, thresholds: Mapping[str, float]) -> list[Finding]:
    """The measured time, summed over the repeats, unless each of them ended because its percentile was known."""
    levels, least_s = evidence.levels, thresholds["duration_s"]
    duration_s = sum(part["duration_s"] for part in levels)
    if duration_s >= least_s or (levels and all(part["ended_by"] == "interval" for part in levels)):
        return []
    shown_s = math.floor(duration_s * 10) / 10  # rounded down: never "600 s < 600 s"
    return [Finding("smoke", f"duration {shown_s:g} s < {least_s:g} s")]


CHECKS: tuple[Check, ...] = (failures, failed_requests, repeats, duration)
