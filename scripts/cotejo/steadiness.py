"""Whether the requests of one load level of one record behaved alike from its start to its end.

Everything is done on logarithms of times: of two equal slowdowns neither weighs more, and a long tail is not far out.
"""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from cotejo.changes import OUTER_FENCE, Change, changes, log_trend
from cotejo.stats import littles_law

if TYPE_CHECKING:
    import pandas as pd

# An item recurs if it comes so often: of three others, one that stalled doesn't move the median.
LEAST_RECURRENCES = 4
# Requests are compared to others of their item only where so many of them can be.
RECURRING_SHARE = 0.9

# Halves of two requests each.
LEAST_REQUESTS = 4
# Quartiles of fewer lie so close together, now and then, that ordinary requests fall far out.
LEAST_REQUESTS_FOR_STALLS = 40

FINGERPRINT = 16  # so many items, or gaps between arrivals, tell an order from others that were drawn

RESOLUTION_S = 1e-7  # of samples.csv: two completions may share an instant


class Stalls(NamedTuple):
    """The requests far out, or rounds of so many `together`, and the time they cost."""

    requests: int
    ratio: float | None  # their median time over that of others; None without stalls
    lost_s: float  # what they took beyond others' time
    busy_s: float  # what all requests took
    together: int = 1


class Steadiness(NamedTuple):
    """One level of one record, in plain numbers; None where its requests are too few, or can't be compared."""

    requests: int  # that succeeded, and could be compared
    recurring: bool  # whether each was compared to others of its own item
    halves: Change | None = None  # the second half over the first
    trend: Change | None = None  # the end of the window over its start
    stalls: Stalls | None = None
    littles_law: float | None = None  # requests accounted for over those in flight; None where their number isn't fixed
    order: str = ""  # what tells the order of its items from another that was drawn
    arrivals: str = ""  # what tells the arrivals of an open load from others that were drawn; empty for other loads


def steadiness(samples: "pd.DataFrame", level: Mapping[str, Any]) -> Steadiness:
    """Of one level's samples (samples.csv's columns, in any order) and that level as its record has it.

    A request's time is its latency, in the order in which requests were due: in that of their ends, those under way
    together would begin with the short ones and end with the long. In single-stream where the number in flight isn't
    fixed (`concurrency` null), as in a pipeline, it is the time since the completion before. Failed requests count for
    Little's law only: they too were in flight.
    """
    import pandas as pd

    if samples.empty:
        return Steadiness(0, recurring=False, littles_law=_reported_law(level))
    pipeline = level["load"] == "single-stream" and level["concurrency"] is None
    ordered = samples.sort_values("done_s" if pipeline else "scheduled_s", kind="stable")
    scheduled_s, done_s = (ordered[name].to_numpy(dtype=float) for name in ("scheduled_s", "done_s"))
    good, items = ordered["ok"].to_numpy() == 1, pd.factorize(ordered["item"])[0]
    if pipeline:
        found = steadiness_of_times(np.diff(done_s)[good[1:]], items[1:][good[1:]])
        # A film's frames come in its own order: unless each is compared to itself, a drift may be one of the film.
        return found if found.recurring else found._replace(halves=None, trend=None)
    latency_s = done_s - scheduled_s
    together = level["concurrency"] or 1
    found = steadiness_of_times(latency_s[good], items[good], together)._replace(order=order_of(ordered["item"]))
    if level["load"] == "open":
        return of_an_open_load(found, scheduled_s)
    if level["load"] == "closed":
        sent_s = ordered["sent_s"].fillna(ordered["scheduled_s"]).to_numpy(dtype=float)
        if together > 1:
            found = found._replace(stalls=stalls_of_rounds(np.sort(done_s), latency_s, together))
        return found._replace(littles_law=kept_in_flight(sent_s, done_s, together))
    law = littles_law(len(ordered) / level["duration_s"], float(latency_s.mean()), level["concurrency"])
    return found._replace(littles_law=law)


def of_an_open_load(found: Steadiness, scheduled_s: np.ndarray) -> Steadiness:
    """What holds where requests queue up, as in an open load: sizes alone, no proof by one repeat, and no stalls.

    A busy period makes many requests in a row late, for longer than any correlation told from differences; and beside
    requests that met an idle server ordinary waits lie far out. A stall shows in the percentiles: nobody waits to send.
    """
    halves, trend = (change and change._replace(p=None) for change in (found.halves, found.trend))
    return found._replace(halves=halves, trend=trend, stalls=None, arrivals=arrivals_of(scheduled_s))


def order_of(items: "pd.Series") -> str:
    """What two orders of items have in common if they are one and the same: how they begin."""
    return " ".join(map(str, items[:FINGERPRINT]))


def arrivals_of(scheduled_s: np.ndarray) -> str:
    """What two schedules have in common if they are one and the same, whatever the noise of reading a clock.

    It is the order, by their length, of the first gaps: of a constant rate that order is one of noise, and never twice
    the same.
    """
    return " ".join(map(str, np.argsort(np.diff(scheduled_s[: FINGERPRINT + 1]))))


def kept_in_flight(sent_s: np.ndarray, done_s: np.ndarray, concurrency: int) -> float | None:
    """The mean number of requests in flight over the number that was to be; None where no time is left to tell it in.

    L of Little's law, counted rather than inferred, while all slots should hold a request of the level: from when so
    many were sent, for those of the warm-up may still be answered, to when the last was, for then slots empty one by
    one. Throughput times mean latency would have to be told from a window with such ends.
    """
    if len(sent_s) <= concurrency:
        return None
    begin_s, end_s = float(np.sort(sent_s)[concurrency - 1]), float(sent_s.max())
    if end_s <= begin_s:
        return None
    in_flight_s = np.clip(done_s, begin_s, end_s) - np.clip(sent_s, begin_s, end_s)
    return float(in_flight_s.sum()) / (concurrency * (end_s - begin_s))


def _reported_law(level: Mapping[str, Any]) -> float | None:
    """Little's law of what a client reports; None where it says too little, or the number in flight isn't fixed."""
    rate, mean_ms = (level["reported"].get(name) for name in ("requests_per_s", "latency_mean_ms"))
    if rate is None or mean_ms is None or level["concurrency"] is None:
        return None
    return littles_law(rate, mean_ms / 1000, level["concurrency"])


def steadiness_of_times(times_s: np.ndarray, items: np.ndarray, together: int = 1) -> Steadiness:
    """Of requests' times in their order, and a whole number for the item of each; without Little's law.

    Those under way `together` queue for each other: `changes_of_rounds`, and `stalls_of_rounds` for their completions.
    """
    often = np.bincount(items)[items] >= LEAST_RECURRENCES if len(items) else np.zeros(0, dtype=bool)
    recurring = len(items) > 0 and float(often.mean()) >= RECURRING_SHARE
    if recurring:
        times_s, items = times_s[often], items[often]
    if len(times_s) < LEAST_REQUESTS:
        return Steadiness(len(times_s), recurring)
    logs = np.log(np.maximum(times_s, RESOLUTION_S))
    comparable_logs = without_work(logs, items) if recurring else logs
    drifting = changes(comparable_logs) if together == 1 else changes_of_rounds(comparable_logs, together)
    # A request of an item that came once may be long because of its work: that is no stall.
    comparable = recurring and together == 1 and len(times_s) >= LEAST_REQUESTS_FOR_STALLS
    stalls = find_stalls(times_s, excess_over_item(logs, items)) if comparable else None
    return Steadiness(len(times_s), recurring, drifting[0], drifting[1], stalls)


def changes_of_rounds(logs: np.ndarray, together: int) -> tuple[Change | None, Change | None]:
    """`changes` of the means of so many requests at a time, and by means; None where there are too few.

    Requests under way together queue for each other, and a server that takes them by turns answers some in one turn and
    some in two. Such times have two values, and their median is now the one, now the other, while their mean is, by
    Little's law, the number under way over the throughput.
    """
    kept = np.exp(logs[together:-together])  # the first found an idle server, the last one that others left
    rounds = kept[: len(kept) // together * together].reshape(-1, together).mean(axis=1)
    return changes(np.log(rounds), log_of_mean) if len(rounds) >= LEAST_REQUESTS else (None, None)


def log_of_mean(logs: np.ndarray) -> float:
    """The logarithm of the mean of values whose logarithms these are."""
    return math.log(float(np.mean(np.exp(logs))))


def without_work(logs: np.ndarray, items: np.ndarray) -> np.ndarray:
    """Each value minus its item's median: one number for all of an item, so that what differs over time is left.

    The medians are of values without a first estimate of the trend. Otherwise an item that comes later in each round
    would hold more of it, and a round's requests would come out alike, as if they resembled each other.
    """
    passed = (np.arange(len(logs)) + 0.5) / len(logs)
    trend = log_trend(logs - item_medians(logs, items))
    return logs - item_medians(logs - trend * passed, items)


def item_medians(values: np.ndarray, items: np.ndarray) -> np.ndarray:
    """For each value the median of its item."""
    order = np.lexsort((values, items))
    first = np.flatnonzero(np.diff(items[order], prepend=-1))
    size = np.diff(first, append=len(values))
    low, high = (values[order][first + middle] for middle in ((size - 1) // 2, size // 2))
    medians = np.empty(len(values))
    medians[order] = np.repeat((low + high) / 2, size)
    return medians


def excess_over_item(values: np.ndarray, items: np.ndarray) -> np.ndarray:
    """Each value minus the median of the other values of its item; every item comes twice or more.

    The value itself is left out: it would draw the median to itself, most of all where an item recurs seldom, and so
    make the values look more alike than they are, and ordinary ones far out.
    """
    order = np.lexsort((values, items))
    ranked, grouped = values[order], items[order]
    first = np.flatnonzero(np.diff(grouped, prepend=-1))
    size = np.diff(first, append=len(values))
    start, others = np.repeat(first, size), np.repeat(size, size) - 1
    rank = np.arange(len(values)) - start
    middle = [(others - 1) // 2, others // 2]  # ranks among the others, which skip the value's own
    low, high = (ranked[start + place + (place >= rank)] for place in middle)
    excess = np.empty(len(values))
    excess[order] = ranked - (low + high) / 2
    return excess


def find_stalls(times_s: np.ndarray, logs: np.ndarray, least_s: float = 0) -> Stalls:
    """The requests beyond Tukey's upper outer fence of their logarithms, which are over others of the same item.

    Not of the times themselves: of exponential ones, one in a hundred lies beyond that fence; none beyond this.
    `least_s`: what a stall must cost.
    """
    low, high = np.percentile(logs, [25, 75])
    costs_s = times_s * (1 - np.exp(-logs))
    far = (logs > high + OUTER_FENCE * (high - low)) & (costs_s > least_s)
    ratio = math.exp(np.median(logs[far])) if far.any() else None
    return Stalls(int(far.sum()), ratio, float(costs_s[far].sum()), float(times_s.sum()))


def stalls_of_rounds(done_s: np.ndarray, latency_s: np.ndarray, together: int) -> Stalls | None:
    """The rounds far out, a round being the time in which as many requests ended as are under way; None of too few.

    A single request may just wait its turn. So may a round, at either of its ends, but for no longer than a request
    takes: only what costs more than two of them can be a stall.
    """
    times_s = np.maximum(np.diff(done_s[::together]), RESOLUTION_S)
    if len(times_s) < LEAST_REQUESTS_FOR_STALLS:
        return None
    logs = np.log(times_s / np.median(times_s))
    return find_stalls(times_s, logs, 2 * float(np.median(latency_s)))._replace(together=together)
