"""The sampler's file, and its columns as series over time."""

import csv
import statistics
from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from cotejo.telemetry.source import OWN, TIME

# How far beyond its first or last reading a series still speaks of an instant: two readings of the slower sources.
REACH_S = 2.0
# The same of a counter, whose next value is guessed from its last rise: two ticks.
COUNTER_REACH_S = 0.4


class Window(NamedTuple):
    """An interval of the monotonic clock."""

    start_s: float
    end_s: float

    @property
    def duration_s(self) -> float:
        return self.end_s - self.start_s


@dataclass
class Series:
    """The readings of one column, by time; a number each, or a word."""

    times_s: list[float] = field(default_factory=list)
    values: list[Any] = field(default_factory=list)

    def within(self, window: Window) -> list[Any]:
        """The readings in a window; where it has none, the one nearest to it, if that is near."""
        first, last = bisect_left(self.times_s, window.start_s), bisect_right(self.times_s, window.end_s)
        if first < last:
            return self.values[first:last]
        around = [
            (max(window.start_s - self.times_s[place], self.times_s[place] - window.end_s), self.values[place])
            for place in (first - 1, first)
            if 0 <= place < len(self.times_s)
        ]
        return [value for distance_s, value in sorted(around, key=lambda pair: pair[0])[:1] if distance_s <= REACH_S]

    def at(self, instant_s: float) -> float | None:
        """A counter's value: between two readings on the line through them, and a little beyond them too."""
        if len(self.times_s) < 2:
            return None
        if not self.times_s[0] - COUNTER_REACH_S <= instant_s <= self.times_s[-1] + COUNTER_REACH_S:
            return None
        after = min(max(bisect_left(self.times_s, instant_s), 1), len(self.times_s) - 1)
        (t0, t1), (v0, v1) = self.times_s[after - 1 : after + 1], self.values[after - 1 : after + 1]
        return v0 + (v1 - v0) * (instant_s - t0) / (t1 - t0)

    def growth(self, window: Window) -> float | None:
        """By how much a counter grew in a window; None where it was not read over the whole of it."""
        start, end = self.at(window.start_s), self.at(window.end_s)
        return None if start is None or end is None else end - start

    def steps(self, window: Window) -> float | None:
        """By how much a counter grew between the readings that enclose a window, or come nearest to that."""
        if not self.times_s:
            return None
        before = max(bisect_right(self.times_s, window.start_s) - 1, 0)
        after = min(bisect_left(self.times_s, window.end_s), len(self.times_s) - 1)
        return self.values[after] - self.values[before]

    def integral(self, window: Window) -> float | None:
        """The integral of a quantity over a window by the trapezoidal rule; None where it was not read over it all."""
        start, end = self.at(window.start_s), self.at(window.end_s)
        if start is None or end is None:
            return None
        first, last = bisect_right(self.times_s, window.start_s), bisect_left(self.times_s, window.end_s)
        times = [window.start_s, *self.times_s[first:last], window.end_s]
        values = [start, *self.values[first:last], end]
        steps = zip(pairwise(times), pairwise(values), strict=True)
        return sum((t1 - t0) * (v0 + v1) / 2 for (t0, t1), (v0, v1) in steps)


Table = Mapping[str, Series]


def read_table(path: Path) -> Table:
    """The columns of a sampler's file; a series has no reading where its cell is blank."""
    with path.open(newline="", encoding="utf-8") as stream:
        rows = sorted(csv.DictReader(stream), key=lambda row: float(row[TIME]))
    table: dict[str, Series] = {}
    for row in rows:
        time_s = float(row.pop(TIME))
        for column, cell in row.items():
            series = table.setdefault(column, Series())
            if cell:
                series.times_s.append(time_s)
                series.values.append(_value(cell))
    return table


def _value(cell: str) -> float | str:
    try:
        return float(cell)
    except ValueError:
        return cell


def several(table: Table, name: str) -> dict[str, Series]:
    """The columns of what there are several of, by the name in their brackets."""
    return {
        column.removeprefix(f"{name}[").removesuffix("]"): series
        for column, series in table.items()
        if column.startswith(f"{name}[")
    }


def sampling_cost(table: Table) -> dict[str, float | None]:
    """How often the sampler ticked (the median), and the CPU time it took: in all, its start included, and in percent
    of one CPU's time between its first tick and its last; None where there was only one."""
    own = table[OWN]
    if len(own.times_s) < 2:
        return {"rate_hz": None, "own_cpu_s": own.values[-1], "own_cpu_percent": None}
    return {
        "rate_hz": 1 / statistics.median(after - before for before, after in pairwise(own.times_s)),
        "own_cpu_s": own.values[-1],
        "own_cpu_percent": 100 * (own.values[-1] - own.values[0]) / (own.times_s[-1] - own.times_s[0]),
    }
