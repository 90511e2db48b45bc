"""The statistics of records: no normality assumed, and no number where the samples can't carry one."""

import math
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import numpy as np

from cotejo.floors import floor_of

CONFIDENCE = 0.95


class Interval(NamedTuple):
    """An estimate with its confidence interval, in the unit of the values; the bounds are None where n is too small."""

    value: float
    low: float | None
    high: float | None


def percentile(values: Sequence[float] | np.ndarray, q: int) -> float | None:
    """The q-th percentile (a whole one from 1 to 99) in the values' unit; None below its floor.

    Interpolated by Hyndman and Fan's type 8, which is approximately median-unbiased whatever the distribution, and
    which they recommend (1996, "Sample quantiles in statistical packages", American Statistician 50:361).
    """
    if len(values) < floor_of(q):
        return None
    return float(np.percentile(np.asarray(values, dtype=float), q, method="median_unbiased"))


def percentile_ms(values_s: Sequence[float] | np.ndarray, q: int) -> float | None:
    """The q-th percentile of durations given in seconds, in milliseconds; None below its floor."""
    value_s = percentile(values_s, q)
    return None if value_s is None else value_s * 1000


def median_interval(values: Sequence[float] | np.ndarray) -> Interval:
    """The median with its distribution-free interval at 95 % confidence: `quantile_interval` at 50.

    It runs from the k-th smallest to the k-th largest value, k the greatest whose coverage
    1 - 2 P(Binomial(n, 1/2) < k) reaches 95 %. Fewer than six values never reach it: their bounds are None.
    """
    return quantile_interval(values, 50)


def quantile_interval(values: Sequence[float] | np.ndarray, q: float) -> Interval:
    """The q-th percentile, 0 < q < 100, with its distribution-free interval at 95 % confidence, by order statistics.

    Of n values, the number B below the true percentile is Binomial(n, q/100), whatever the distribution. The bounds are
    the k-th and the m-th smallest value, k the greatest with P(B < k) <= 2.5 % and m the least with P(B >= m) <= 2.5 %;
    both are None where n is too small for either. The values must be independent: a series of requests seldom is.
    Source: Hahn and Meeker 1991, "Statistical Intervals", 5.2; Le Boudec 2010, "Performance Evaluation of Computer and
    Communication Systems", theorem 2.1. The estimate is interpolated as in `percentile`, but without its floor.
    ValueError where there is no value, or q lies outside.
    """
    if len(values) == 0:
        raise ValueError("an interval needs at least one value")
    if not 0 < q < 100:
        raise ValueError(f"{q:g}: no percentile between 0 and 100")
    ordered = np.sort(np.asarray(values, dtype=float))
    ranks = _interval_ranks(len(ordered), q)
    bounds = (None, None) if ranks is None else (float(ordered[ranks[0] - 1]), float(ordered[ranks[1] - 1]))
    return Interval(float(np.percentile(ordered, q, method="median_unbiased")), *bounds)


@cache
def _interval_ranks(n: int, q: float) -> tuple[int, int] | None:
    """The k and m of `quantile_interval` for n values, counted from 1; None where either lies outside 1…n."""
    from scipy.stats import binom

    # ppf: the least count of which P(B <= count) reaches the tail, so P(B < count) does not.
    tail = (1 - CONFIDENCE) / 2
    low, high = int(binom.ppf(tail, n, q / 100)), int(binom.ppf(1 - tail, n, q / 100)) + 1
    return (low, high) if low >= 1 and high <= n else None


def harmonic_mean(rates: Sequence[float] | np.ndarray) -> float:
    """The mean of rates that each cover the same amount of work: total work over total time.

    Source: Jain 1991, "The Art of Computer Systems Performance Analysis", 12.5. ValueError unless all are positive.
    """
    if len(rates) == 0 or not all(rate > 0 and math.isfinite(rate) for rate in rates):
        raise ValueError("a harmonic mean needs positive rates")
    from scipy.stats import hmean

    return float(hmean(np.asarray(rates, dtype=float)))


def littles_law(throughput_per_s: float, mean_latency_s: float, concurrency: int) -> float:
    """How many requests a level accounts for, over those that were kept in flight: 1 where Little's law holds.

    The law, L = λW, needs no assumption but a window that is long against a request. Less than 1: the client let slots
    stand empty, or times were lost; more: the throughput or the times belong to another window.
    Source: Little 1961, "A proof for the queuing formula L = λW", Operations Research 9:383; Little and Graves 2008.
    """
    return throughput_per_s * mean_latency_s / concurrency
