"""Whether the requests of one load level of one record behaved alike from its start to its end.

Everything is done on logarithms of times: of two equal slowdowns neither weighs more, and a long tail is not far out.
"""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from cotejo.difference import difference
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

# Consecutive requests resemble each other, so segments of them are tested in their place: each so many correlation
# times long that neighbours are nearly independent, and at least so many of them, of which perfect order has p = 2/8!.
CORRELATION_TIMES, LEAST_SEGMENTS, MOST_SEGMENTS = 4, 8, 20

OUTER_FENCE = 3.0  # interquartile ranges beyond the quartiles: Tukey 1977, "Exploratory Data Analysis", 2C
RESOLUTION_S = 1e-7  # of samples.csv: two completions may share an instant


class Change(NamedTuple):
    """Later times over earlier ones: above 1 is slower. No p-value where too few segments are independent."""

    ratio: float
    p: float | None


class Stalls(NamedTuple):
    """The requests far out, and the time they cost."""

    requests: int
    ratio: float | None  # their median time over that of others; None without stalls
    lost_s: float  # what they took beyond others' time
    busy_s: float  # what all requests took


class Steadiness(NamedTuple):
    """One level of one record, in plain numbers; None where its requests are too few, or can't be compared."""

    requests: int  # that succeeded, and could be compared
    recurring: bool  # whether each was compared to others of its own item
    halves: Change | None = None  # the second half over the first
    trend: Change | None = None  # the end of the window over its start
    stalls: Stalls | None = None
    littles_law: float | None = None  # requests accounted for over those in flight; None where their number isn't fixed


def steadiness(samples: "pd.DataFrame", level: Mapping[str, Any]) -> Steadiness:
    """Of one level's samples (samples.csv's columns, in any order) and that level as its record has it.

    A request's time is its latency; where the number in flight isn't fixed (`concurrency` null), as in a pipeline, the
    time since the completion before. Failed requests count for Little's law only: they too were in flight.
    """
    import pandas as pd

    ordered = samples.sort_values("done_s", kind="stable")
    done_s = ordered["done_s"].to_numpy(dtype=float)
    good, items = ordered["ok"].to_numpy() == 1, pd.factorize(ordered["item"])[0]
    if level["concurrency"] is None:
        found = steadiness_of_times(np.diff(done_s)[good[1:]], items[1:][good[1:]])
        # A film's frames come in its own order: unless each is compared to itself, a drift may be one of the film.
        return found if found.recurring else found._replace(halves=None, trend=None)
    latency_s = done_s - ordered["scheduled_s"].to_numpy(dtype=float)
    law = littles_law(len(ordered) / level["duration_s"], float(latency_s.mean()), level["concurrency"])
    return steadiness_of_times(latency_s[good], items[good])._replace(littles_law=law)


def steadiness_of_times(times_s: np.ndarray, items: np.ndarray) -> Steadiness:
    """Of requests' times in the order they ended, and a whole number for the item of each; without Little's law."""
    often = np.bincount(items)[items] >= LEAST_RECURRENCES if len(items) else np.zeros(0, dtype=bool)
    recurring = len(items) > 0 and float(often.mean()) >= RECURRING_SHARE
    if recurring:
        times_s, items = times_s[often], items[often]
    if len(times_s) < LEAST_REQUESTS:
        return Steadiness(len(times_s), recurring)
    logs = np.log(np.maximum(times_s, RESOLUTION_S))
    drifting = changes(without_work(logs, items) if recurring else logs)
    # A request of an item that came once may be long because of its work: that is no stall.
    comparable = recurring and len(times_s) >= LEAST_REQUESTS_FOR_STALLS
    stalls = find_stalls(times_s, excess_over_item(logs, items)) if comparable else None
    return Steadiness(len(times_s), recurring, *drifting, stalls)


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


def changes(logs: np.ndarray) -> tuple[Change, Change]:
    """How the second half differs from the first, and how the trend runs, of logarithms of times in their order.

    Halves: the ratio of their medians, tested by the Mann-Whitney test of their segments (cotejo.difference). Trend:
    the slope of Theil 1950 and Sen 1968 (Journal of the American Statistical Association 63:1379) through the medians
    of segments, over the whole window; tested by Kendall's tau of those against time (Mann 1945, Econometrica 13:245).
    """
    from scipy.stats import kendalltau

    half = len(logs) // 2
    half_ratio = math.exp(np.median(logs[-half:]) - np.median(logs[:half]))
    trend_ratio = math.exp(log_trend(logs))

    segments = min(MOST_SEGMENTS, len(logs) // math.ceil(CORRELATION_TIMES * correlation_time(logs)))
    if segments < LEAST_SEGMENTS:
        return Change(half_ratio, None), Change(trend_ratio, None)
    medians = _segment_medians(logs, segments)
    times = np.exp(medians)
    half_p = difference(times[: segments // 2], times[-(segments // 2) :]).p
    trend_p = float(kendalltau(np.arange(segments), medians).pvalue)
    return Change(half_ratio, half_p), Change(trend_ratio, 1.0 if math.isnan(trend_p) else trend_p)  # nan: all equal


def log_trend(logs: np.ndarray) -> float:
    """What the logarithms grow by over the whole window, along the slope of Theil and Sen."""
    from scipy.stats import theilslopes

    medians = _segment_medians(logs, min(MOST_SEGMENTS, len(logs)))
    return float(theilslopes(medians).slope) * len(medians)


def correlation_time(values: np.ndarray) -> float:
    """How many consecutive values tell as much as one independent value would; 1 where they are independent.

    (1 + r)/(1 - r), as of a first-order autoregressive series (Priestley 1981, "Spectral Analysis and Time Series",
    5.3.2). Its r comes from differences, for a drift hardly shows in those: var(x[i+2] - x[i]) / var(x[i+1] - x[i])
    is 1 + r. They are clipped at Tukey's outer fences, so that a few stalls don't decide. At least three values.
    """
    near, far = (_clipped_variance(values[lag:] - values[:-lag]) for lag in (1, 2))
    r = min(max(far / near - 1, 0), 0.95) if near > 0 else 0.0
    return (1 + r) / (1 - r)


def _clipped_variance(differences: np.ndarray) -> float:
    """The mean square of differences about their median, which a drift moves, clipped at Tukey's outer fences."""
    low, middle, high = np.percentile(differences, [25, 50, 75])
    reach = OUTER_FENCE * (high - low)
    return float(np.mean((np.clip(differences, low - reach, high + reach) - middle) ** 2))


def _segment_medians(values: np.ndarray, segments: int) -> np.ndarray:
    """The medians of that many consecutive segments, as equal in length as can be."""
    return np.array([np.median(part) for part in np.array_split(values, segments)])


def find_stalls(times_s: np.ndarray, logs: np.ndarray) -> Stalls:
    """The requests beyond Tukey's upper outer fence of their logarithms, which are over others of the same item.

    Not of the times themselves: of exponential ones, one in a hundred lies beyond that fence; none beyond this.
    """
    low, high = np.percentile(logs, [25, 75])
    far = logs > high + OUTER_FENCE * (high - low)
    lost_s = times_s[far] * (1 - np.exp(-logs[far]))
    ratio = math.exp(np.median(logs[far])) if far.any() else None
    return Stalls(int(far.sum()), ratio, float(lost_s.sum()), float(times_s.sum()))
