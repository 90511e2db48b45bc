"""From the summary to what a figure shows: its rows, what tells them apart, and what must be said beside them."""

import math
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from cotejo.labels import axis_label, level_label, mark_label, metric_label, number, value_label
from cotejo.stand_in import asked, why_not_in_short
from cotejo.verdict import NOT_MEASURED, SEPARATOR

if TYPE_CHECKING:
    import pandas as pd

# Rows that differ in one of these are never drawn as if they were alike: the label gets every one that varies, …
SETTINGS = (
    "origin", "system", "model", "dataset", "weights", "scale", "backend", "provider", "server", "client",
    "precision", "compute_precision", "device", "accelerators", "nodes", "split", "processes", "cores", "load",
    "inputs", "level",
)  # fmt: skip
# … and, where two labels are still equal, what is needed of these.
LAST_RESORT = ("name", "environment", "run")

# What a figure names once under it, where all its rows have the same.
COMMON = (
    "model", "dataset", "backend", "provider", "server", "client", "precision", "system", "origin", "device",
    "accelerators",
    "nodes", "split", "processes", "cores", "load", "level",
)  # fmt: skip
# What only a load level that was measured has.
OF_LEVELS = ("load", "inputs", "level")
DEFAULT_BY = ("backend", "precision")
# What a figure has room for: bars, or other things that labels name, and names in one sentence of its note.
MOST_LABELS, MOST_NAMED = 100, 20
# Where something is measured: what stands in for a GPU stands in its place.
PLACEMENT = ("device", "accelerators", "split")

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Entry:
    """One row of the summary as drawn: with a value, or with the reason that there is none."""

    label: str
    group: str  # what gives it its colour
    row: Row
    gap: str  # "failed: parity", "not measured", …; empty where there is a value
    of_run: str = ""  # the label without the load level
    left_out: int = 0  # how many further labels its figure has no room for

    @property
    def publishable(self) -> bool:
        return self.row["verdict"] == "publishable"

    @property
    def failed(self) -> bool:
        """Whether it has no value because something went wrong, not because it was not to be measured here."""
        return bool(self.gap) and self.row["verdict"] != NOT_MEASURED

    @property
    def out_of_memory(self) -> bool:
        return self.failed and "out-of-memory" in self.row["reasons"].split(SEPARATOR)

    @property
    def interval(self) -> tuple[float, float] | None:
        low, high = self.row["low"], self.row["high"]
        return None if math.isnan(low) else (low, high)

    @property
    def failures(self) -> list[str]:
        """What failed beside the values, repeats or requests, and of what: repeats have all levels of their run."""
        found = [reason for reason in self.row["reasons"].split(SEPARATOR) if " failed" in reason]
        level = level_label(self.row["level"]) if self.row["load"] else ""
        of_level = " · ".join(filter(None, [self.of_run, level]))
        return [f"{self.of_run if 'repeats failed' in reason else of_level}: {reason}." for reason in found]

    @property
    def values(self) -> list[float]:
        """The single repeats' values."""
        return [float(text) for text in self.row["values"].split()]


def matching(summary: "pd.DataFrame", where: Mapping[str, Any]) -> "pd.DataFrame":
    """The rows that fit a study's `where`. A row without a level (nothing was measured) fits any level and load."""
    for column, allowed in where.items():
        values = [str(value) for value in (allowed if isinstance(allowed, list) else [allowed])]
        summary = summary[summary[column].isin([*values, ""] if column in OF_LEVELS else values)]
    return summary


def entries(
    summary: "pd.DataFrame",
    options: Mapping[str, Any],
    metrics: Sequence[str],
    without: Iterable[str] = (),
    most: int = MOST_LABELS,
) -> list[Entry]:
    """What a figure of these metrics shows, in the summary's order: values, failed runs, and runs not measured.

    A run without a value belongs to the figure if its task has the metric in another run, or in no run at all.
    Labels name the columns of `by` first, and never those in `without`, which the figure shows by other means. Of what
    stands in for something else they name what the study asks for, but for columns of `by` that say what was measured;
    the note under the figure says what stands in. Of more labels than `most`, the first; the note says that too.
    """
    rows = matching(summary, options.get("where", {}))
    measured = rows[rows["metric"].isin(metrics)]
    tasks = set(measured["task"]) or set(rows["task"])
    missing = rows[(rows["metric"] == "") & rows["task"].isin(tasks)]
    chosen: list[Row] = [*rows.loc[sorted([*measured.index, *missing.index])].to_dict("records")]  # type: ignore[list-item]
    by = options.get("by", DEFAULT_BY)
    shown = [column for column in by if column not in PLACEMENT]
    told = [{**_as_asked(row), **{column: row[column] for column in shown}} for row in chosen]
    labels, of_runs = row_labels(told, by, tuple(without)), row_labels(told, by, (*without, *OF_LEVELS))
    found = zip(chosen, labels, of_runs, strict=True)
    everything = [Entry(label, value_label(by[0], row[by[0]]), row, gap(row), of_run) for row, label, of_run in found]
    return first_of(everything, most, lambda entry: entry.label)


def first_of(found: Sequence[Entry], most: int, key_of: Callable[[Entry], Hashable]) -> list[Entry]:
    """The entries of the first so many keys, each knowing how many are left out."""
    keys = list(dict.fromkeys(key_of(entry) for entry in found))
    kept, left_out = set(keys[:most]), len(keys[most:])
    return [replace(entry, left_out=left_out) for entry in found if key_of(entry) in kept] if left_out else [*found]


def said_of_room(found: Sequence[Entry]) -> list[str]:
    """That a figure had no room for all, and where they are."""
    left_out = max((entry.left_out for entry in found), default=0)
    where = "all are in summary.csv and in the report's tables, and a figure's `where` picks others"
    return [f"Drawn: the first, in the study's order, for want of room; {left_out:,} more are not: {where}."] * (
        left_out > 0
    )


def listed(names: Iterable[str], between: str = ", ") -> str:
    """Names in one sentence, as many of them as one reads."""
    everything = list(names)
    further = len(everything[MOST_NAMED:])
    return between.join(everything[:MOST_NAMED]) + (f" and {further:,} more" if further else "")


def _as_asked(row: Row) -> dict[str, Any]:
    """A row with what its study asks for; another precision has another way to compute, which tells nothing."""
    wanted = asked(row)
    return wanted if wanted["precision"] == row["precision"] else {**wanted, "compute_precision": ""}


def row_labels(rows: Sequence[Row], by: Sequence[str], without: Sequence[str]) -> list[str]:
    """A label for each row, of as many columns as tell them apart. A column shows only where it isn't blank."""
    columns = list(by)
    for column in SETTINGS:
        if column not in (*columns, *without) and len(known(rows, column)) > 1 and not _implied(rows, column, by):
            columns.append(column)
    for column in LAST_RESORT:
        told = [*columns, *without]
        if column not in told and _distinct(rows, [*told, column]) > _distinct(rows, told):
            columns.append(column)
    # Each text once: a server may be called as its backend is.
    return [" · ".join(filter(None, dict.fromkeys(_part(row, column, columns) for column in columns))) for row in rows]


def _implied(rows: Sequence[Row], column: str, by: Sequence[str]) -> bool:
    """Whether the name of a row's block tells a setting, for all of the block's runs have the same."""
    if "name" not in by or column in ("origin", "system", "weights", "scale"):
        return False
    return all(len(known([row for row in rows if row["name"] == name], column)) < 2 for name in known(rows, "name"))


def _part(row: Row, column: str, columns: Sequence[str]) -> str:
    """One column's part of a label; a level that only repeats what the load says has none."""
    if column == "level" and "load" in columns and row["level"] == row["load"]:
        return ""
    return value_label(column, row[column]) if row[column] else ""


def known(rows: Iterable[Row], column: str) -> set[str]:
    """The column's values. A blank one tells nothing, but for an origin: there it is what was measured here."""
    return {row[column] for row in rows if row[column] or (column == "origin" and row["system"])}


def _distinct(rows: Sequence[Row], columns: Sequence[str]) -> int:
    """How many of one metric's rows the columns tell apart."""
    return len({tuple(row[column] for column in (*columns, "metric")) for row in rows})


def gap(row: Row) -> str:
    """Why a row has no value, in a few words; empty where it has one."""
    if row["verdict"] == "failed":
        return f"failed: {row['reasons'].replace(SEPARATOR, ', ')}"
    if row["verdict"] == NOT_MEASURED:
        return why_not_in_short(row) or NOT_MEASURED
    if math.isnan(row["median"]):
        return f"no value: {row['reasons'].split(SEPARATOR)[0]}"
    return ""


def no_values(found: Sequence[Entry], metric: str) -> str:
    """Why a figure of this metric can show no value at all."""
    reasons = listed((f"{entry.label}, {entry.gap}" for entry in found), "; ")
    return "; ".join(filter(None, [f"no value of {metric}", reasons]))


def axis_text(found: Sequence[Entry]) -> str:
    """The value axis's label."""
    row = next(entry.row for entry in found if not entry.gap)
    return axis_label(row["metric"], row["unit"], row["better"])


def note(found: Sequence[Entry], options: Mapping[str, Any], mark: str, without: Iterable[str] = ()) -> str:
    """What must stand under a figure: what is common to all of it, how a mark is read, what its numbers are not.

    A figure that says itself how it is read gives no `mark`.
    """
    shown = [entry for entry in found if not entry.gap]
    named = (*options.get("by", DEFAULT_BY), *without)
    rows = [entry.row for entry in shown or found]
    common = {column: known(rows, column) for column in COMMON if column not in named and _of_all(rows, column)}
    alike = [value_label(column, *values) for column, values in common.items() if len(values) == 1]
    lines = [" · ".join(filter(None, {text.casefold(): text for text in alike}.values()))]
    if shown and mark:
        repeats = sorted({int(entry.row["repeats"]) for entry in shown})
        text = f"{mark}: median of {_times(repeats)}; dots: the repeats"
        told = [entry.interval is not None for entry in shown]
        text += "; whisker: 95\u00a0% interval of the median" if any(told) else "; too few for an interval"
        text += " where there are six" if any(told) and not all(told) else ""
        lines.append(f"{text}.")
    lines += said_of_room(found)
    failures = list(dict.fromkeys(text for entry in shown for text in entry.failures))
    further = len(failures[MOST_NAMED:])
    lines += [*failures[:MOST_NAMED], *([f"So did repeats or requests of {further:,} more."] if further else [])]
    said = dict.fromkeys(mark for entry in found for mark in entry.row["marks"].split(SEPARATOR) if mark)
    if said:
        partly = len({entry.row["marks"] for entry in shown}) > 1
        text = "; ".join(mark_label(mark) for mark in said)
        lines.append(f"In part {text}." if partly else f"{text[0].upper()}{text[1:]}.")
    return "\n".join(filter(None, lines))


def _of_all(rows: Sequence[Row], column: str) -> bool:
    """Whether every row has a value in the column, where a blank one says that there is but one process, or node."""
    return column not in ("nodes", "processes") or all(row[column] for row in rows)


def _times(repeats: Sequence[int]) -> str:
    if repeats == [1]:
        return "one repeat"
    return f"n\u00a0=\u00a0{repeats[0]}{f' to {repeats[-1]}' if len(repeats) > 1 else ''} repeats"


def sentence(found: Sequence[Entry], metric: str) -> str:
    """The values in words: "Throughput: openvino · int8 12.3 tokens/s (smoke); …"."""
    parts = []
    for entry in found:
        worth = "" if entry.publishable else f" ({entry.row['verdict']})"
        shown = entry.gap or f"{number(entry.row['median'])} {entry.row['unit']}{worth}"
        parts.append(f"{entry.label} {shown}")
    left_out = max((entry.left_out for entry in found), default=0)
    parts += [f"and {left_out:,} more, which the figure leaves out"] if left_out else []
    return f"{metric_label(metric)}: {'; '.join(parts)}." if parts else f"Nothing measured of {metric_label(metric)}."
