"""The summary: one row per run, kind of environment, load level and metric, recomputed from the raw samples."""

import csv
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from cotejo import record, tasks
from cotejo.environment import merge_key
from cotejo.files import digest
from cotejo.stats import SAMPLE_FLOORS, median_interval
from cotejo.verdict import NOT_MEASURED, SEPARATOR, Finding, Verdict, floor_finding, judge, level_findings, run_verdict

if TYPE_CHECKING:
    from cotejo.tasks import Metric

# What a row says of its run, as the sheet has it.
SETTINGS = (
    "study", "run", "digest", "name", "model", "architecture", "task", "weights", "scale", "dataset", "backend",
    "precision", "compute_precision", "device", "cores",
)  # fmt: skip
COLUMNS = (
    *SETTINGS, "system", "cpus", "level", "metric", "unit", "better", "median", "low", "high", "values",
    "repeats", "attempts", "failures", "requests", "failed_requests", "measured_s",
    "verdict", "reasons", "marks", "environment",
)  # fmt: skip
COUNTS = ("cpus", "repeats", "attempts", "failures", "requests", "failed_requests")
NUMBERS = (*COUNTS, "median", "low", "high", "measured_s")

_PERCENTILE = re.compile(r"_p(\d+)(?:_|$)")


@dataclass(frozen=True)
class Attempt:
    """A record, failed or whole, with the metrics of its load levels recomputed from its samples."""

    record: Mapping[str, Any]
    environment: str  # the short digest of its merge key
    metrics: Mapping[str, Sequence["Metric"]]  # by level


def read_attempt(path: Path) -> Attempt:
    """A record file with its samples; CotejoError where either is missing or damaged."""
    facts = record.read(path)
    metrics: dict[str, Sequence[Metric]] = {}
    if facts["status"] == "ok":
        samples = record.read_samples(path, facts)
        task = tasks.task(facts["run"]["task"])
        for level in facts["levels"]:
            of_level = samples[samples["level"] == level["level"]]
            metrics[level["level"]] = task.metrics(of_level, level, facts["run"])
    return Attempt(facts, digest(merge_key(facts), 6), metrics)


def summarise(
    runs: Sequence[Mapping[str, Any]], attempts: Iterable[Attempt], thresholds: Mapping[str, float]
) -> pd.DataFrame:
    """The summary's rows (columns COLUMNS) in the order of the sheet's runs.

    Attempts of runs, or of settings, that are not in the sheet are left out. A run without any gets a row saying so.
    """
    by_run: dict[tuple[str, str], list[Attempt]] = {(run["id"], run["digest"]): [] for run in runs}
    for attempt in attempts:
        by_run.get((attempt.record["run"]["id"], attempt.record["run"]["digest"]), []).append(attempt)
    rows = [row for run in runs for row in _run_rows(run, by_run[run["id"], run["digest"]], thresholds)]
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(dict.fromkeys(COUNTS, "Int64"))


def _run_rows(
    run: Mapping[str, Any], attempts: Sequence[Attempt], thresholds: Mapping[str, float]
) -> Iterator[dict[str, Any]]:
    settings = {key: run["id" if key == "run" else key] for key in SETTINGS}
    if not attempts:
        yield settings | {"verdict": NOT_MEASURED, "attempts": 0, "failures": 0}
    groups: dict[tuple[str, str], list[Attempt]] = {}
    for attempt in sorted(attempts, key=lambda attempt: attempt.record["repeat"]):
        groups.setdefault((attempt.record["system"], attempt.environment), []).append(attempt)
    for (system, environment), group in sorted(groups.items()):
        for row in _group_rows(group, thresholds):
            yield settings | {"system": system, "environment": environment} | row


def _group_rows(group: Sequence[Attempt], thresholds: Mapping[str, float]) -> Iterator[dict[str, Any]]:
    """The rows of attempts that may be merged: one if all failed, else one for each level and metric."""
    records = [attempt.record for attempt in group]
    whole = [attempt for attempt in group if attempt.record["status"] == "ok"]
    facts = {
        "cpus": len(records[0]["affinity"]["expected_cpus"]),
        "attempts": len(records),
        "failures": len(records) - len(whole),
        "marks": SEPARATOR.join(dict.fromkeys(mark for record in records for mark in record["marks"])),
    }
    failed = run_verdict(records)
    if failed:
        yield facts | _verdict_cells(failed)
        return
    usual = tasks.task(records[0]["run"]["task"]).LEVELS  # a record has them in the order they were measured in
    levels = dict.fromkeys([*usual, *(level for attempt in whole for level in attempt.metrics)])
    for level in (level for level in levels if any(level in attempt.metrics for attempt in whole)):
        for row in _level_rows(records, whole, level, thresholds):
            yield facts | row


def _level_rows(
    records: Sequence[Mapping[str, Any]], whole: Sequence[Attempt], level: str, thresholds: Mapping[str, float]
) -> Iterator[dict[str, Any]]:
    """The rows of one load level: one for each metric, or one without a metric if no request succeeded."""
    parts = [part for attempt in whole for part in attempt.record["levels"] if part["level"] == level]
    facts = {
        "level": level,
        "repeats": len(parts),
        "requests": sum(part["requests"] for part in parts),
        "failed_requests": sum(part["failed_requests"] for part in parts),
        "measured_s": sum(part["duration_s"] for part in parts),
    }
    findings = level_findings(records, level, thresholds)
    shortest = min(part["requests"] - part["failed_requests"] for part in parts)
    lists = [attempt.metrics.get(level, ()) for attempt in whole]
    # In the order of the longest list: a repeat leaves out the percentiles it hasn't the samples for.
    by_name: dict[str, list[Metric]] = {metric.name: [] for metric in max(lists, key=len)}
    for metric in (metric for metrics in lists for metric in metrics):
        by_name[metric.name].append(metric)
    if not by_name:
        yield facts | _verdict_cells(judge([Finding("failed", "no request succeeded"), *findings]))
    for metrics in by_name.values():
        yield facts | _metric_cells(metrics, findings, len(parts), shortest)


def _metric_cells(
    metrics: Sequence["Metric"], findings: Sequence[Finding], repeats: int, shortest: int
) -> dict[str, Any]:
    """One metric over the repeats. One repeat without a value blanks it: those that have one may be the fast ones.

    `shortest` is the least number of requests that succeeded in a repeat.
    """
    name = metrics[0].name
    values = [metric.value for metric in metrics if metric.value is not None and math.isfinite(metric.value)]
    cells: dict[str, Any] = {"metric": name, "unit": metrics[0].unit, "better": metrics[0].better}
    if len(values) == repeats:
        median, low, high = median_interval(values)
        cells |= {"median": median, "low": low, "high": high, "values": " ".join(map(repr, values))}
        return cells | _verdict_cells(judge(findings))
    percentile = _PERCENTILE.search(name)
    if percentile and shortest < SAMPLE_FLOORS[int(percentile[1])]:
        missing = floor_finding(int(percentile[1]), shortest)
    else:
        missing = Finding("smoke", f"no value in {repeats - len(values)} of {repeats} repeats")
    return cells | _verdict_cells(judge([*findings, missing]))


def _verdict_cells(verdict: Verdict) -> dict[str, str]:
    return {"verdict": verdict.word, "reasons": SEPARATOR.join(verdict.reasons)}


def read_sheet(path: Path) -> list[dict[str, str]]:
    """The runs of a runs.csv, every cell as text."""
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def read_summary(path: Path) -> pd.DataFrame:
    """A summary.csv: NUMBERS as floats (NaN where blank), the rest as text (empty where blank)."""
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    return table.assign(**{name: pd.to_numeric(table[name]) for name in NUMBERS})
