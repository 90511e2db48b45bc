"""What was published, as figures draw it: beside what was measured, and never joined with it.

A published mark is a diamond, or another shape that nothing measured has, and its line is dashed.
"""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cotejo.figures.select import DEFAULT_BY, Entry, Row
from cotejo.labels import metric_label, number, unit_label, value_label
from cotejo.stand_in import asked

if TYPE_CHECKING:
    import pandas as pd

# A published row's name of what a summary calls otherwise, and what of a study's `where` counts for published rows too:
# their machine and their client are the document's.
COLUMN = {"name": "run"}
WHERE = ("name", "model", "task", "backend", "precision", "accelerators", "split")
# In these a published row and a measured one may agree, as far as the former says.
AGREEING = ("model", "backend", "precision", "accelerators", "split")
# What is said once under a figure that shows published values alone.
COMMON = ("task", "model", "backend", "precision", "client")
# What tells published values of one metric apart.
KEYS = ("system", "run", "model", "backend", "precision", "accelerators", "split", "client", "concurrency", "ours")

# What a number of requests is told of.
COUNTED_BY = ("system", "model", "backend", "precision", "accelerators", "split", "client", "concurrency")

MARKERS = "Dph8*"  # by machine; none of them is one of ours
DASHES = (0, (4, 1.6))


@dataclass(frozen=True)
class Mark:
    """A published value as drawn, in the unit of our metric; or what the document prints instead of one."""

    label: str  # the measured thing that it stands beside, or its own name where nothing of that was measured
    row: Row
    iterations: Sequence[float] = field(default=())  # the single passes that it is the mean of, in their order
    pale: bool = False  # too little was measured for it

    @property
    def metric(self) -> str:
        return str(self.row["ours"])

    @property
    def value(self) -> float:
        return float(self.row["in_ours"])

    @property
    def machine(self) -> str:
        return str(self.row["machine"])

    @property
    def gap(self) -> str:
        """What is printed where a value would be; empty where there is one."""
        if not math.isnan(self.value):
            return ""
        return "out of memory" if self.out_of_memory else "without a value"

    @property
    def out_of_memory(self) -> bool:
        return bool(self.row["value"] == "OOM")


def marks_of(
    published: "pd.DataFrame", options: Mapping[str, Any], metrics: Sequence[str], found: Sequence[Entry] = ()
) -> list[Mark]:
    """The published values of these metrics, in the document's order, labelled as what of `found` they stand beside."""
    rows: list[Row] = [*_matching(published, options.get("where", {})).to_dict("records")]  # type: ignore[list-item]
    rows = [row for row in rows if row["ours"] in metrics]
    passes: dict[tuple[str, ...], list[float]] = {}
    for row in rows:
        if row["statistic"].startswith("iteration"):
            passes.setdefault(_key(row), []).append(row["in_ours"])
    by = options.get("by", DEFAULT_BY)
    return [
        Mark(_label(row, found, by), row, passes.get(_key(row), ()))
        for row in rows
        if not row["statistic"].startswith("iteration")
    ]


def _matching(published: "pd.DataFrame", where: Mapping[str, Any]) -> "pd.DataFrame":
    """The rows that fit a study's `where`, as far as they say; rows that no run re-measures belong to no figure."""
    published = published[published["run"] != ""]
    for column in (column for column in where if column in WHERE):
        allowed = where[column] if isinstance(where[column], list) else [where[column]]
        published = published[published[COLUMN.get(column, column)].isin([*map(str, allowed), ""])]
    return published


def _key(row: Row) -> tuple[str, ...]:
    return tuple(row[key] for key in KEYS)


def _label(row: Row, found: Sequence[Entry], by: Sequence[str]) -> str:
    entry = counterpart(row, found)
    return entry.label if entry else named(row, by)


def named(row: Row, columns: Iterable[str]) -> str:
    """A published row by these columns of a summary, as far as it has them."""
    texts = (value_label(column, row.get(COLUMN.get(column, column), "")) for column in columns)
    return " · ".join(filter(None, texts))


def counterpart(row: Row, found: Sequence[Entry]) -> Entry | None:
    """What of `found` was measured, or was to be, of the published row's run; the one that agrees with it the most."""
    of_run = [entry for entry in found if entry.row["name"] == row["run"]]
    return max(of_run, key=lambda entry: _agreement(row, entry.row), default=None)


def _agreement(row: Row, measured: Row) -> int:
    wanted = asked(measured)
    same = sum(row[column] in ("", wanted[column]) for column in AGREEING)
    level = row["concurrency"] in ("", f"{measured['concurrency']:g}")
    return 2 * same + level


def shapes(marks: Iterable[Mark], machines: bool = True) -> dict[str, str]:
    """A marker for each machine whose values are drawn, in their order; more machines than markers begin again.

    One marker for all of them where the figure tells the `machines` by other means.
    """
    names = dict.fromkeys(mark.machine for mark in marks if not mark.gap)
    return {machine: MARKERS[number % len(MARKERS) if machines else 0] for number, machine in enumerate(names)}


def requests_of(row: Row, published: "pd.DataFrame") -> int | None:
    """How many requests a published value is of; None where the document doesn't say."""
    told = published[(published["metric"] == "responses") & (published["statistic"] == "count")]
    for column in COUNTED_BY:
        told = told[told[column] == row[column]]
    return int(told["value"].iloc[0]) if len(told) else None


def both_out_of_memory(found: Sequence[Entry], marks: Sequence[Mark]) -> list[str]:
    """A sentence naming the runs that ran out of memory here as they did where they were published."""
    both = dict.fromkeys(
        entry.label
        for mark in marks
        if mark.out_of_memory and (entry := counterpart(mark.row, found)) and entry.out_of_memory
    )
    return [f"Out of memory here, and where it was published: {', '.join(both)}."] if both else []


def published_note(marks: Sequence[Mark], found: Sequence[Entry]) -> list[str]:
    """What must stand under published marks: that they have no interval, and why ours can't be set against them."""
    if not marks:
        return []
    lines = [f"{', '.join(labels)}: published, but {gap}." for gap, labels in _without_value(marks).items()]
    if not found:
        rows = [mark.row for mark in marks]
        alike = [column for column in COMMON if len({row[column] for row in rows}) == 1]
        lines.append(named(rows[0], alike))
    text = "Published values come without an interval"
    if any(mark.iterations for mark in marks):
        text += "; small dots: the document's single passes, the first one filled"
    lines.append(f"{text}.")
    beside = [(mark, counterpart(mark.row, [entry for entry in found if not entry.gap])) for mark in marks]
    unlike = dict.fromkeys(reason for mark, entry in beside if entry for reason in _unlike(mark.row, entry.row))
    if unlike:
        lines.append(f"Not comparable with what was published: {', '.join(unlike)}.")
    return lines


def _without_value(marks: Iterable[Mark]) -> dict[str, dict[str, None]]:
    """What is published without a value, by what stands there instead."""
    gaps: dict[str, dict[str, None]] = {}
    for mark in marks:
        if mark.gap:
            gaps.setdefault(mark.gap, {})[mark.label] = None
    return gaps


def _unlike(row: Row, measured: Row) -> list[str]:
    reasons = {
        "measured on another machine": measured["system"] != row["system"],
        "synthetic weights": measured["weights"] == "synthetic",
        "own weights": measured["weights"] == "own",
        "small scale": measured["scale"] == "small",
        "not all settings as the study asks for them": bool(measured["instead_of"]),
    }
    return [reason for reason, holds in reasons.items() if holds]


def published_sentence(marks: Sequence[Mark], metric: str) -> str:
    """The values in words: "Published: Throughput: cpu 10.3 requests/s (Chameleon P100 node), …"."""
    parts = [
        f"{_told(mark)} {mark.gap or f'{number(mark.value)} {unit_label(metric)}'} ({mark.machine})"
        for mark in marks
        if mark.metric == metric
    ]
    return f"Published: {metric_label(metric)}: {'; '.join(parts)}." if parts else ""


def _told(mark: Mark) -> str:
    level = mark.row["concurrency"]
    return f"{mark.label}, {level}\u00a0at\u00a0once" if level else mark.label


def better_of(metric: str) -> str:
    """Which direction of one of our metrics is good: of rates more is better, of times and of memory less."""
    return "higher" if re.search(r"_per_s$|_percent$", metric) else "lower"
