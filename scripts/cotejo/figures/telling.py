"""What marks say when one points at them, in words: always a value with its unit, its interval and its worth."""

import math
from collections.abc import Sequence

from cotejo.figures.published import Mark
from cotejo.figures.select import Entry, Row
from cotejo.labels import level_label, metric_label, number, unit_label, value_label
from cotejo.stand_in import asked
from cotejo.verdict import SEPARATOR


def of_entry(entry: Entry) -> str:
    """A measured value, or why there is none: "int8, 4 at once: Throughput: 31.2 tokens/s (95 % interval …), …"."""
    if entry.gap:
        return f"{named(entry)}: {_of_metric(entry.row['metric'])}{entry.gap}"
    return f"{named(entry)}: {value(entry)}, {worth(entry.row)}"


def of_mark(mark: Mark) -> str:
    """A published value, or what is printed instead of one."""
    level = level_label(f"concurrency-{mark.row['concurrency']}") if mark.row["concurrency"] else ""
    what = [*mark.label.split(" · "), value_label("accelerators", mark.row["accelerators"]), level]
    text = f"published: {mark.machine}: {_together(what)}: {_of_metric(mark.metric)}"
    if mark.gap:
        return f"{text}{mark.gap}"
    passes = (
        f", of {len(mark.iterations)} passes ({', '.join(map(number, mark.iterations))})" if mark.iterations else ""
    )
    return f"{text}{number(mark.value)} {unit_label(mark.metric)}{passes}, without an interval"


def named(entry: Entry) -> str:
    """What an entry is: its label, and where it was measured and at which load, as far as the label doesn't say it."""
    wanted = asked(entry.row)
    where = [value_label(column, wanted[column]) for column in ("accelerators", "cores", "system")]
    level = "" if entry.row["level"] in ("single-stream", entry.row["load"]) else level_label(entry.row["level"])
    return _together([*entry.label.split(" · "), *where, level])


def value(entry: Entry) -> str:
    """An entry's metric, its median with the unit and the interval."""
    row = entry.row
    text = f"{_of_metric(row['metric'])}{number(row['median'])} {row['unit']}"
    return f"{text} ({between(row['low'], row['high'])})"


def between(low: float, high: float) -> str:
    """A 95 % interval; or that there is none, for less than six repeats have none."""
    return "no interval: too few repeats" if math.isnan(low) else f"95 % interval {number(low)} to {number(high)}"


def worth(row: Row) -> str:
    """What a measured value is worth: its verdict, its marks, its repeats, and what failed beside them."""
    failed = [reason for reason in row["reasons"].split(SEPARATOR) if " failed" in reason]
    return ", ".join([*judged([row]), f"n = {row['repeats']:.0f}", *failed])


def judged(rows: Sequence[Row]) -> list[str]:
    """The verdicts and the marks of what was measured, each once."""
    marks = [mark for row in rows for mark in row["marks"].split(SEPARATOR) if mark]
    return list(dict.fromkeys([*(row["verdict"] for row in rows), *marks]))


def _of_metric(metric: str) -> str:
    return f"{metric_label(metric)}: " if metric else ""


def _together(parts: Sequence[str]) -> str:
    """Parts of a name, each once: a run may be called as what it runs on."""
    known: dict[str, str] = {}
    for part in filter(None, parts):
        known.setdefault(part.casefold(), part)
    return ", ".join(known.values())
