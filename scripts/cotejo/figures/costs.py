"""From a table of costs to what a figure of them shows."""

import math
import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cotejo.cost_rows import MEASURED, PUBLISHED
from cotejo.cost_words import said_of_prices, without_price
from cotejo.figures.select import DEFAULT_BY, Entry, Row, gap, listed, row_labels, said_of_room
from cotejo.figures.style import MUTED, Style
from cotejo.labels import level_label, mark_label, number, value_label
from cotejo.verdict import SEPARATOR

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.lines import Line2D

# Told by the colours, or the same work all the same: no part of a label.
WITHOUT = ("system", "origin", "level", "load", "inputs", "environment", "run")
# What a figure names once under it.
COMMON = ("model", "dataset", "server", "client", "device")


def entries_of(cost: "pd.DataFrame", options: Mapping[str, Any], metrics: Sequence[str]) -> list[Entry]:
    """The rows of a table of costs that a figure of these metrics shows, grouped by machine; failed runs too."""
    rows: list[Row] = [*cost[cost["basis"] != ""].to_dict("records")]  # type: ignore[list-item]
    rows = [row for row in rows if _fits(row, options.get("where", {}))]
    tasks = {row["task"] for row in rows if row["metric"] in metrics} or {row["task"] for row in rows}
    chosen = [row for row in rows if row["metric"] in metrics or (row["metric"] == "" and row["task"] in tasks)]
    groups: dict[tuple[str, bool], list[int]] = {}  # what tells some of these apart need not tell others
    for place, row in enumerate(chosen):
        groups.setdefault((row["basis"], _gap(row) == ""), []).append(place)
    labels: dict[int, str] = {}
    for places in groups.values():
        told_apart = row_labels([chosen[place] for place in places], options.get("by", DEFAULT_BY), WITHOUT)
        labels |= dict(zip(places, told_apart, strict=True))
    return [Entry(labels[place], row["machine"], row, _gap(row)) for place, row in enumerate(chosen)]


def _fits(row: Row, where: Mapping[str, Any]) -> bool:
    """Whether a row is one that a study's `where` allows. What a row doesn't tell, such as a published one, fits."""
    return all(
        row[column] == ""
        or row[column] in [str(value) for value in (allowed if isinstance(allowed, list) else [allowed])]
        for column, allowed in where.items()
    )


def _gap(row: Row) -> str:
    """Why a row has no cost; empty where it has one."""
    if not math.isnan(row["usd"]):
        return ""
    return (gap(row) if row["basis"] == MEASURED else "") or row["reason"]


def told(entry: Entry) -> str:
    """What an entry is, in words: its label, its level, its machine."""
    return ", ".join(filter(None, [entry.label, level_of(entry.row), entry.group]))


def level_of(row: Row) -> str:
    """A row's load level in words, where it has one that is worth a word."""
    if row["level"] in ("", "single-stream"):
        return "" if math.isnan(row["concurrency"]) else level_label(f"concurrency-{row['concurrency']:g}")
    return level_label(row["level"])


def usd(value: float) -> str:
    """An amount for people."""
    return f"{number(value)}\u00a0USD"


def cost_axis(unit: str, style: Style, height_in: float) -> str:
    """The label of a cost axis of this height."""
    lines = textwrap.wrap(f"Cost (USD per {unit}),", style.characters(height_in), break_on_hyphens=False)
    return "\n".join([*lines, "lower is better"])


def said_of_gaps(found: Sequence[Entry]) -> list[str]:
    """A sentence for each reason that something has no cost, naming what has none, most of a kind together."""
    named: dict[str, dict[str, None]] = {}
    for entry in (entry for entry in found if entry.gap):
        of_machine = told(entry) if entry.row["verdict"] == "failed" else entry.label
        published = ", published" if entry.row["basis"] == PUBLISHED else ""
        named.setdefault(entry.gap, {})[f"{of_machine}{published}"] = None
    return [f"{listed(what, '; ')}: {reason}." for reason, what in named.items()]


def nothing_priced(found: Sequence[Entry], rows: Sequence[Row]) -> str:
    """Why a figure of costs can show none at all, with what to do about it."""
    reasons = without_price(entry.row for entry in found) or without_price(rows)
    others = [entry for entry in found if entry.gap and entry.gap not in reasons]
    return " ".join([*(f"{reason}." for reason in reasons), *said_of_gaps(others)])


def note_of(found: Sequence[Entry], rows: Sequence[Row], by: Sequence[str]) -> list[str]:
    """What must stand under costs: what all have in common, what was assumed, and what the results are not."""
    shown = [entry.row for entry in found if not entry.gap]
    common = {column: _alike(shown, column) for column in COMMON if column not in by}
    marks = dict.fromkeys(m for entry in found for m in entry.row["marks"].split(SEPARATOR) if m)
    said = "; ".join(mark_label(mark) for mark in marks)
    partly = len({row["marks"] for row in shown}) > 1
    return [
        " · ".join(value_label(column, value) for column, value in common.items() if value),
        *said_of_room(found),
        *said_of_gaps(found),
        f"In part {said}." if partly else f"{said[:1].upper()}{said[1:]}." if said else "",
        *said_of_prices(rows),
    ]


def _alike(rows: Sequence[Row], column: str) -> str:
    """What all rows have in a column; a published one leaves open what it doesn't say, of ours a blank is a value."""
    values = {row[column] for row in rows if row[column] or row["basis"] == MEASURED}
    return str(values.pop()) if len(values) == 1 else ""


def handle(label: str, **look: Any) -> "Line2D":
    """A part of a legend."""
    from matplotlib.lines import Line2D

    return Line2D([], [], **{"color": MUTED, "linewidth": 1.2, "markersize": 5, **look}, label=label)
