"""The report's tables of results and of verdicts, as plain data. A number has its full precision beside it."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from cotejo.figures.select import known
from cotejo.labels import HERE, level_label, metric_label, number, value_label
from cotejo.verdict import NOT_MEASURED, SEPARATOR

Row = Mapping[str, Any]

# What a run's line names beside its id, where it isn't the same for the whole study.
SHOWN = ("origin", "system", "level")
SETTINGS = (
    "model", "dataset", "backend", "provider", "server", "client", "precision", "accelerators", "nodes", "split",
    "processes", "cores",
)  # fmt: skip


def tables(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """A table for each task."""
    return [table(task, [row for row in rows if row["task"] == task]) for task in unique(row["task"] for row in rows)]


def table(task: str, rows: Sequence[Row]) -> dict[str, Any]:
    """A task's results: a line for each run, environment and level, a column for each metric."""
    metrics = {row["metric"]: row for row in rows if row["metric"]}
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        key = (row["run"], row["digest"], row["origin"], row["system"], row["environment"], row["level"])
        groups.setdefault(key, []).append(row)
    extra = differing(rows)
    lines = [line(members, list(metrics), extra) for members in groups.values()]
    shown = Counter((each["name"], each["settings"], *each["extra"]) for each in lines)
    for each in lines:
        if shown[each["name"], each["settings"], *each["extra"]] > 1:
            each["name"] = each["run"]  # they differ in a setting that only the id shows
    return {
        "task": task.replace("-", " ").capitalize(),
        "extra": extra,
        "metrics": [{"label": metric_label(name), "unit": row["unit"]} for name, row in metrics.items()],
        "lines": lines,
    }


def differing(rows: Sequence[Row]) -> list[str]:
    """The columns that a table must show beside the run, because its rows differ in them."""
    columns = [column for column in SHOWN if len(known(rows, column)) > 1]
    # Only where one run was measured in several environments: runs of unlike code always differ in theirs.
    keys = {(row["run"], row["origin"], row["system"], row["environment"]) for row in rows}
    return [*columns, "environment"] if len(keys) > len({key[:3] for key in keys}) else columns


def extra_cell(row: Row, column: str) -> str:
    """What stands in a differing column; what was measured here has no origin."""
    if column == "level":
        return level_label(row["level"])
    return HERE if column == "origin" and row["system"] and not row["origin"] else row[column]


def line(members: Sequence[Row], metrics: Sequence[str], extra: Sequence[str]) -> dict[str, Any]:
    """One line of a table. Its verdict is that of its values; a blank one's own reason stands in its cell."""
    by_metric = {row["metric"]: row for row in members}
    shown = next((row for row in members if not math.isnan(row["median"])), members[0])
    done = shown["attempts"] - shown["failures"]
    return {
        "run": shown["run"],
        "name": shown["name"],
        "settings": in_one_line(value_label(column, shown[column]) for column in SETTINGS),
        "extra": [extra_cell(shown, column) for column in extra],
        "cells": [cell(by_metric[name]) if name in by_metric else None for name in metrics],
        "done": f"{done:.0f}",
        "attempts": f"{done:.0f} of {shown['attempts']:.0f}",
        "verdict": shown["verdict"],
        "why": shown["reasons"] if shown["verdict"] == NOT_MEASURED else "",
    }


def cell(row: Row) -> dict[str, str]:
    """A value with its interval, or the reason that it is blank."""
    if math.isnan(row["median"]):
        return {"value": "", "exact": "", "interval": "", "reason": row["reasons"].split(SEPARATOR)[0]}
    return {
        "value": number(row["median"]),
        "exact": exact(row["median"]),
        "interval": interval(row["low"], row["high"]),
        "reason": "",
    }


def worth(rows: Sequence[Row]) -> dict[str, Any]:
    """The table of verdicts: a line for each run and level, with every reason and how it was measured."""
    extra = differing(rows)
    return {
        "extra": extra,
        "lines": [
            {
                "run": row["run"],
                "extra": [extra_cell(row, column) for column in extra],
                "verdict": row["verdict"],
                "reasons": parts(row["reasons"]),
                "blank": [f"without {part}" for part in parts(row["blank"])],
                "done": row["repeats"] or "0",
                "repeats": f"{row['repeats'] or 0} of {row['attempts']}",
                "ended": row["ended"],
                "order": row["order"],
            }
            for row in rows
        ],
    }


def in_one_line(labels: Iterable[str]) -> str:
    """What several labels say, the empty ones left out, no line beginning with a dot."""
    return "\u00a0· ".join(filter(None, labels))


def exact(value: float) -> str:
    """A number at full precision as a script reads it, for a table to be sorted by; empty where there is none."""
    return "" if math.isnan(value) else repr(float(value)).replace("inf", "Infinity")


def interval(low: float, high: float) -> str:
    """An interval in words; empty where there is none."""
    return "" if math.isnan(low) or math.isnan(high) else f"{number(low)} to {number(high)}"


def parts(cell: str) -> list[str]:
    """What a cell lists."""
    return [part for part in cell.split(SEPARATOR) if part]


def unique(items: Iterable[str]) -> list[str]:
    """The items, each once, in the order of their first appearance."""
    return list(dict.fromkeys(items))
