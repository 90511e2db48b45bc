"""Owned machines against rented ones: the same work on both, from a table of costs."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from cotejo.cost import Swing, break_even, break_even_purchase_usd, seconds_of_work, sensitivity
from cotejo.cost_rows import PUBLISHED, Row, assumed_of, owned_of, price_of

# What the same work has alike. A published row doesn't say all of it: what it leaves open agrees with anything.
SAME = (
    "name", "task", "model", "backend", "provider", "precision", "compute_precision", "weights", "scale", "dataset",
    "cores", "accelerators", "nodes", "split", "processes", "level", "load", "inputs", "concurrency", "rate_rps",
)  # fmt: skip


@dataclass(frozen=True)
class Pair:
    """The same work on an owned and on a rented machine; rows of a table of costs (`cotejo.cost_table`)."""

    owned: Row
    rented: Row
    speed: float  # how many times as fast the owned one is
    speed_low: float  # the least that the intervals of both rates leave; NaN where one has none
    speed_high: float

    def break_even(self, speed: float | None = None) -> float:
        """The utilisation at which both cost the same; see `cotejo.cost.break_even`."""
        return break_even(price_of(self.owned), price_of(self.rented), self.speed if speed is None else speed)

    @property
    def interval(self) -> tuple[float, float]:
        """The break-even at the ends of the speed's interval; NaN where there is none."""
        if math.isnan(self.speed_low):
            return math.nan, math.nan
        return self.break_even(self.speed_high), self.break_even(self.speed_low)

    @property
    def purchase_usd(self) -> float:
        """The most that each owned machine may have cost to be no dearer, at the utilisation assumed."""
        machines, assumed = int(self.owned["machines"]), assumed_of(self.owned)
        return break_even_purchase_usd(price_of(self.owned), price_of(self.rented), self.speed, assumed, machines)

    def sensitivity(self, percent: float) -> list[Swing]:
        """The break-even with each assumption in turn this much lower and higher."""
        machines, assumed = int(self.owned["machines"]), assumed_of(self.owned)
        return sensitivity(owned_of(self.owned), assumed, price_of(self.rented), self.speed, percent, machines)


def pairs(rows: Iterable[Row]) -> list[Pair]:
    """Every owned row with every rented one of the same work; rows without a cost have no partner."""
    priced = [row for row in rows if not math.isnan(row["usd"])]
    owned = [row for row in priced if not math.isnan(row["purchase_usd"])]
    rented = [row for row in priced if not math.isnan(row["usd_per_hour"])]
    return [_pair(one, other) for one in owned for other in rented if same_work(one, other)]


def taken_as(owned: Row, rented: Row, speed: float) -> Pair:
    """Two machines of which no rates are there, the owned one taken to be so many times as fast."""
    return Pair(owned, rented, speed, math.nan, math.nan)


def same_work(one: Row, other: Row) -> bool:
    """Whether two rows are of the same work, as far as both tell; what only stands in for it never is a document's."""
    if (one["basis"] == PUBLISHED) != (other["basis"] == PUBLISHED) and not all(map(_as_published, (one, other))):
        return False
    return one["metric"] == other["metric"] and all(str(a) == str(b) for a, b in _both_tell(one, other))


def _as_published(row: Row) -> bool:
    """Whether a row is of what documents measure: published weights at full scale, as the study asks for it."""
    return row["basis"] == PUBLISHED or (row["weights"], row["scale"], row["instead_of"]) == ("hub", "full", "")


def _both_tell(one: Row, other: Row) -> Iterator[tuple[Any, Any]]:
    """What both rows tell of SAME. Only a published row may leave something open: in ours a blank is a value."""
    for column in SAME:
        a, b = one[column], other[column]
        left_open = [row for row in (one, other) if row["basis"] == PUBLISHED and _blank(row[column])]
        if not left_open and not (_blank(a) and _blank(b)):
            yield a, b


def _blank(value: Any) -> bool:
    return value == "" or (isinstance(value, float) and math.isnan(value))


def _pair(owned: Row, rented: Row) -> Pair:
    def times(ours: float, theirs: float) -> float:
        if math.isnan(ours) or math.isnan(theirs):
            return math.nan
        return seconds_of_work(metric, theirs) / seconds_of_work(metric, ours)

    metric = owned["metric"]
    ends = [times(owned[a], rented[b]) for a, b in (("low", "high"), ("high", "low"))]
    return Pair(owned, rented, times(owned["median"], rented["median"]), min(ends), max(ends))
