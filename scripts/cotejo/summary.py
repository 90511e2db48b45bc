"""The summary: one row per run, origin, kind of environment, load level and metric, recomputed from the raw samples."""

import csv
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from cotejo import record, serving_metrics, tasks
from cotejo.distribution import Distribution, distribution
from cotejo.environment import merge_key
from cotejo.errors import CotejoError
from cotejo.files import digest
from cotejo.floors import floor_of
from cotejo.load import levels_of
from cotejo.serving_metrics import Seen
from cotejo.stand_in import why_not
from cotejo.stats import median_interval
from cotejo.steadiness import Steadiness, steadiness
from cotejo.summary_lines import SETTINGS, settings_of, unmeasured_rows
from cotejo.telemetry.metrics import resource_metrics
from cotejo.verdict import (
    SEPARATOR,
    Evidence,
    Finding,
    Verdict,
    floor_finding,
    judge,
    level_findings,
    run_verdict,
)

if TYPE_CHECKING:
    from cotejo.tasks import Metric

COLUMNS = (
    *SETTINGS, "origin", "system", "cpus", "level", "load", "concurrency", "rate_rps", "inputs", "source", "metric",
    "unit", "better", "median", "low", "high", "values", "repeats", "attempts", "failures", "requests",
    "failed_requests", "measured_s", "ended", "order", "verdict", "reasons", "marks", "environment",
)  # fmt: skip
COUNTS = ("cpus", "concurrency", "repeats", "attempts", "failures", "requests", "failed_requests")
NUMBERS = (*COUNTS, "rate_rps", "median", "low", "high", "measured_s")

Key = tuple[str, str, str, int]

_PERCENTILE = re.compile(r"_p(\d+)(?:_|$)")


@dataclass(frozen=True)
class Measured:
    """What one load level of a record amounts to; its samples themselves are not kept."""

    source: str  # of the metrics: "samples", which they are recomputed from, or "client", which said them
    metrics: Sequence["Metric"]  # the headline first
    counted: Sequence["Metric"]  # by the server
    resources: Sequence["Metric"]  # from the telemetry
    steadiness: Steadiness
    seen: Seen | None  # by the client of a server
    distribution: Distribution | None  # of the requests' latencies


@dataclass(frozen=True)
class Attempt:
    """A record, failed or whole, with what its load levels amount to."""

    record: Mapping[str, Any]
    environment: str  # the short digest of its merge key
    levels: Mapping[str, Measured]
    origin: str = ""  # the name of the import that it comes from; empty for those measured here

    @property
    def machine(self) -> tuple[str, str]:
        """What measured it: origin and system."""
        return (self.origin, self.record["system"])

    @property
    def key(self) -> Key:
        """What tells it from all others: its machine, its run, its repeat."""
        return (*self.machine, record.folder_name(self.record["run"]), self.record["repeat"])


def read_attempt(path: Path, origin: str = "") -> Attempt:
    """A record file with its samples; CotejoError where either is missing, damaged, or not where it belongs."""
    facts = record.read(path)
    _check_place(path, facts)
    levels: dict[str, Measured] = {}
    if facts["status"] == "ok":
        samples = record.read_samples(path, facts)
        for level in facts["levels"]:
            of_level = samples[samples["level"] == level["level"]]
            levels[level["level"]] = measure_of(of_level, level, facts["run"])
    return Attempt(facts, digest(merge_key(facts), 6), levels, origin)


def measure_of(samples: pd.DataFrame, level: Mapping[str, Any], run: Mapping[str, Any]) -> Measured:
    """What one level of a record amounts to, from its samples (samples.csv's columns) and as the record has it."""
    served = run.get("server") is not None
    metrics_of = serving_metrics.metrics if served else tasks.task(run["task"]).metrics
    return Measured(
        "client" if served and samples.empty else "samples",
        metrics_of(samples, level, run),
        serving_metrics.server_metrics(level),
        resource_metrics(level, level["requests"] - level["failed_requests"], run.get("nodes", 1)),
        steadiness(samples, level),
        serving_metrics.seen(samples, level) if served else None,
        distribution(samples),
    )


def _check_place(path: Path, facts: Mapping[str, Any]) -> None:
    """A copy of a record under another name would count one repeat twice, or as another run's."""
    own = Path(facts["system"], record.folder_name(facts["run"]), f"r{facts['repeat']}.json")
    if path.parts[-3:] != own.parts:
        raise CotejoError(f"{path}: is the record of {own}, which it isn't called. Move it there, or delete this copy")


def summarise(
    runs: Sequence[Mapping[str, Any]], attempts: Iterable[Attempt], thresholds: Mapping[str, float]
) -> pd.DataFrame:
    """The summary's rows (columns COLUMNS) in the order of the sheet's runs, all systems of one run together.

    Attempts of runs, or of settings, that are not in the sheet are left out; those of unlike origins are never merged.
    A run without any gets a row saying so; one that some of the sheet's systems measured, a row for each that didn't.
    """
    lines: dict[str, list[Mapping[str, Any]]] = {}
    for run in runs:
        lines.setdefault(record.folder_name(run), []).append(run)
    by_run: dict[str, list[Attempt]] = {folder: [] for folder in lines}
    for attempt in attempts:
        by_run.get(record.folder_name(attempt.record["run"]), []).append(attempt)
    places = measured_order(chain.from_iterable(by_run.values()))
    rows = [row for folder in lines for row in _run_rows(lines[folder], by_run[folder], places, thresholds)]
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(dict.fromkeys(COUNTS, "Int64"))


def measured_order(attempts: Iterable[Attempt]) -> dict[Key, int]:
    """The place of each attempt, by its key, in the order in which its machine measured them all, counted from 1."""
    by_machine: dict[tuple[str, str], list[Attempt]] = {}
    for attempt in sorted(attempts, key=lambda attempt: attempt.record["started_at"]):
        by_machine.setdefault(attempt.machine, []).append(attempt)
    return {attempt.key: place for members in by_machine.values() for place, attempt in enumerate(members, 1)}


def _run_rows(
    lines: Sequence[Mapping[str, Any]],
    attempts: Sequence[Attempt],
    places: Mapping[Key, int],
    thresholds: Mapping[str, float],
) -> Iterator[dict[str, Any]]:
    """The rows of one run, which has a line in the sheet for each system."""
    by_system = {line["system"]: settings_of(line) for line in lines}
    anywhere = next((settings for settings in by_system.values() if not why_not(settings)), settings_of(lines[0]))
    groups: dict[tuple[str, str, str], list[Attempt]] = {}
    for attempt in sorted(attempts, key=lambda attempt: attempt.record["repeat"]):
        groups.setdefault((*attempt.machine, attempt.environment), []).append(attempt)
    for (origin, system, environment), group in sorted(groups.items()):
        order = " ".join(str(places[attempt.key]) for attempt in group)
        facts = {"origin": origin, "system": system, "environment": environment, "order": order}
        for row in _group_rows(group, thresholds):
            yield by_system.get(system, anywhere) | facts | row
    yield from unmeasured_rows(by_system, {attempt.machine for attempt in attempts})


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
    levels = dict.fromkeys([*usual_levels(records[0]["run"]), *(level for each in whole for level in each.levels)])
    for level in (level for level in levels if any(level in attempt.levels for attempt in whole)):
        measured = [attempt.levels[level] for attempt in whole if level in attempt.levels]
        for row in _level_rows(records, measured, level, thresholds):
            yield facts | row


def usual_levels(run: Mapping[str, Any]) -> list[str]:
    """The levels of a run in the order that people expect; a record has them as they were measured."""
    if run.get("server") is not None:
        return [level.name for level in levels_of(run)]
    return list(tasks.task(run["task"]).LEVELS)


def _level_rows(
    records: Sequence[Mapping[str, Any]], measured: Sequence[Measured], level: str, thresholds: Mapping[str, float]
) -> Iterator[dict[str, Any]]:
    """The rows of one load level: one for each metric, and one without a metric if no request succeeded."""
    by_name = _by_name([one.metrics for one in measured])
    headline = next(iter(by_name.values()), [])
    values = _values(headline) if len(_values(headline)) == len(measured) else []
    better = headline[0].better if values else ""
    seen = [one.seen for one in measured if one.seen is not None]
    told = {name: _values(metrics) for name, metrics in by_name.items()}
    evidence = Evidence(records, level, [one.steadiness for one in measured], values, better, seen, told)
    parts = evidence.levels
    facts = {
        "level": level,
        **_load_cells(records[0]["run"], parts[0]),
        "repeats": len(parts),
        "requests": sum(part["requests"] for part in parts),
        "failed_requests": sum(part["failed_requests"] for part in parts),
        "measured_s": sum(part["duration_s"] for part in parts),
        "ended": SEPARATOR.join(f"{word} {n}" for word, n in Counter(part["ended_by"] for part in parts).items()),
    }
    findings = level_findings(evidence, thresholds)
    shortest = min(part["requests"] - part["failed_requests"] for part in parts)
    if not by_name:
        yield facts | _verdict_cells(judge([Finding("failed", "no request succeeded"), *findings]))
    counted, resources = (_seen_by_all([getattr(one, part) for one in measured]) for part in ("counted", "resources"))
    for source, lists in ((measured[0].source, by_name), ("server", counted), ("telemetry", resources)):
        for metrics in lists.values():
            yield facts | {"source": source} | _metric_cells(metrics, findings, len(parts), shortest)


def _load_cells(run: Mapping[str, Any], part: Mapping[str, Any]) -> dict[str, Any]:
    """How requests arrived, of one level of a record; blank in process."""
    if run.get("server") is None:
        return {}
    return {key: part[key] for key in ("load", "concurrency", "rate_rps", "inputs")}


def _seen_by_all(lists: Sequence[Sequence["Metric"]]) -> dict[str, list["Metric"]]:
    """The metrics that every repeat has: some things are seen so seldom that a short window may hold no reading."""
    return {name: metrics for name, metrics in _by_name(lists).items() if len(metrics) == len(lists)}


def _by_name(lists: Sequence[Sequence["Metric"]]) -> dict[str, list["Metric"]]:
    """The repeats' metrics by their names, in the order of the longest list: a repeat leaves out what it can't tell."""
    by_name: dict[str, list[Metric]] = {metric.name: [] for metric in max(lists, key=len)}
    for metric in (metric for metrics in lists for metric in metrics):
        by_name.setdefault(metric.name, []).append(metric)
    return by_name


def _values(metrics: Sequence["Metric"]) -> list[float]:
    """The values of the repeats that have one, in their order."""
    return [metric.value for metric in metrics if metric.value is not None and math.isfinite(metric.value)]


def _metric_cells(
    metrics: Sequence["Metric"], findings: Sequence[Finding], repeats: int, shortest: int
) -> dict[str, Any]:
    """One metric over the repeats. One repeat without a value blanks it: those that have one may be the fast ones.

    Why a value is blank is the first of its reasons.
    `shortest` is the least number of requests that succeeded in a repeat.
    """
    name = metrics[0].name
    values = _values(metrics)
    cells: dict[str, Any] = {"metric": name, "unit": metrics[0].unit, "better": metrics[0].better}
    verdict = judge(findings)
    if verdict.word == "failed":
        return cells | _verdict_cells(verdict)
    if len(values) == repeats:
        median, low, high = median_interval(values)
        cells |= {"median": median, "low": low, "high": high, "values": " ".join(map(repr, values))}
        return cells | _verdict_cells(verdict)
    percentile = _PERCENTILE.search(name)
    if percentile and shortest < floor_of(int(percentile[1])):
        missing = floor_finding(int(percentile[1]), shortest)
    else:
        missing = Finding("smoke", f"no value in {repeats - len(values)} of {repeats} repeats")
    verdict = judge([*findings, missing])
    others = [reason for reason in verdict.reasons if reason != missing.reason]
    return cells | _verdict_cells(Verdict(verdict.word, (missing.reason, *others)))


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
