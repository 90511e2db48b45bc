"""What the answers of a report speak of: runs as they were measured, with every setting that tells them apart."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from cotejo.labels import mark_label, metric_label, number, value_label
from cotejo.report.results import interval, parts
from cotejo.run_id import LEFT_OUT
from cotejo.summary_lines import SETTINGS

Row = Mapping[str, Any]
Sheet = Sequence[Mapping[str, str]]

# What runs of one comparison share, whatever they are compared for: else it would not be the same work.
SAME_WORK = ("task", "weights", "scale", "dataset", "load", "instead_of")
# The axes of a study, by what they are called in the table of answers. A row of the summary has the first two kinds of
# columns, its line in the sheet the others.
AXES: Mapping[str, tuple[str, ...]] = {
    "machine": ("origin", "system"),
    "placement": ("device", "accelerators", "nodes", "split", "processes", "executor", "split_layers", "gpu_layers"),
    "backend": ("server", "backend", "provider", "api"),
    "precision": ("precision", "compute_precision"),
    "cores": ("cores",),
    "client": ("client",),
    "model": ("model",),
}
# These bring options of their own, which the other side lacks.
WITH_OPTIONS = ("backend", "client", "placement")
_BOOKKEEPING = (
    "id", "digest", "rank", "name", "study", "task", "architecture", "format", "model_digest", "dataset_digest",
    "needs", "measured_as", "concurrency", "rate_rps", *SAME_WORK, *LEFT_OUT,
)  # fmt: skip
_NO_OPTION = frozenset([*_BOOKKEEPING, *(key for keys in AXES.values() for key in keys)])
# A line of the sheet is of one system, and may be of another than the row.
_IN_SUMMARY = [key for keys in AXES.values() for key in keys if key in SETTINGS] + ["origin", "system"]
_OWN_WORDS = {
    "latency_mean_ms": "mean latency", "train_s": "training time", "real_time_factor": "real-time factor",
    "pass_s": "time of a pass",
}  # fmt: skip


@dataclass(frozen=True)
class Run:
    """A run on one machine, in one kind of environment: its rows by load level and metric, each with its values."""

    row: Row  # one that speaks for it
    levels: Mapping[str, Mapping[str, Row]]  # by level, the metrics that have a value, the headline first
    settings: Mapping[str, Any]  # the row's own and the sheet's, as text; blank where a run has no such setting

    @cached_property
    def options(self) -> dict[str, str]:
        """The settings that belong to no axis with a name."""
        return {key: value for key, value in self.settings.items() if key not in _NO_OPTION and value}

    @cached_property
    def along(self) -> dict[str, tuple[str, ...]]:
        """What the run has in each axis."""
        return {axis: tuple(str(self.settings.get(key, "")) for key in keys) for axis, keys in AXES.items()}

    @cached_property
    def work(self) -> tuple[str, ...]:
        """What all that it may be compared with must share."""
        return tuple(str(self.row[key]) for key in SAME_WORK)


def measured_runs(summary: Iterable[Row], sheet: Sheet) -> list[Run]:
    """The runs that have a value, in the study's order. `summary`: rows as `read_summary` gives them."""
    lines = {(line["id"], line["digest"]): line for line in sheet}
    groups: dict[tuple[str, ...], dict[str, dict[str, Row]]] = {}
    for row in summary:
        if row["metric"] and not math.isnan(row["median"]):
            key = tuple(row[name] for name in ("run", "digest", "origin", "system", "environment"))
            groups.setdefault(key, {}).setdefault(row["level"], {})[row["metric"]] = row
    runs = []
    for levels in groups.values():
        row = next(iter(next(iter(levels.values())).values()))
        line = lines.get((row["run"], row["digest"]), {})
        runs.append(Run(row, levels, {**line, **{key: row[key] for key in _IN_SUMMARY}}))
    return runs


def in_one_environment(runs: Sequence[Run]) -> list[Run]:
    """Without those that their machine measured in several environments: which of them is meant can't be told."""
    keys = [tuple(run.row[name] for name in ("run", "digest", "origin", "system")) for run in runs]
    found = Counter(keys)
    return [run for run, key in zip(runs, keys, strict=True) if found[key] == 1]


def values(row: Row) -> list[float]:
    """The single repeats' values."""
    return [float(text) for text in row["values"].split()]


def quantity(metric: str) -> str:
    """A metric within a sentence: "throughput", "median latency", "p99 latency", "peak memory (resident)"."""
    if metric in _OWN_WORDS:
        return _OWN_WORDS[metric]
    what, _, which = metric_label(metric).partition(", ")
    what = what if what[:2].isupper() or what.startswith("PCIe") else what[0].lower() + what[1:]
    if which in ("median", "mean") or (which[:1] == "p" and which[1:].isdigit()):
        return f"{which} {what}"
    return f"{what} ({which})" if which else what


def amount(row: Row) -> str:
    """A median with its unit and its interval: "31.2 tokens/s (30.8 to 31.9)"."""
    between = interval(row["low"], row["high"])
    return f"{number(row['median'])}\u00a0{row['unit']}{f' ({between})' if between else ''}"


def part(column: str, row: Row) -> str:
    """One setting in a few words, empty where there is nothing to say."""
    if column == "accelerators" and not row["accelerators"]:
        return "CPU" if row["device"] == "cpu" else "1\u00a0GPU"
    value = str(row.get(column) or "")
    return value_label(column, value) if value else ""


def task_label(task: str) -> str:
    return "Fine-tuning" if task == "fine-tuning" else task.replace("-", " ").capitalize()


def marks_of(row: Row) -> list[str]:
    """What a row's numbers are not, in words."""
    return [mark_label(mark) for mark in parts(row["marks"])]


def listed(words: Sequence[str], most: int = 5) -> str:
    """Words as a sentence lists them; of many the first, and how many more."""
    shown = [*words] if len(words) <= most else [*words[: most - 1], f"{len(words) - most + 1} more"]
    return f"{', '.join(shown[:-1])} and {shown[-1]}" if len(shown) > 1 else "".join(shown)


def counted(count: int, one: str, several: str = "") -> str:
    """A number with its noun."""
    return f"{count}\u00a0{one if count == 1 else several or f'{one}s'}"
