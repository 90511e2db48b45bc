"""The statistics of records: no normality assumed, and no number where the samples can't carry one."""

import math
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import numpy as np

CONFIDENCE = 0.95

# The least number of samples for a percentile to be printed. Above the median it is the least n of which at least one
# lies beyond the true percentile with 99 % confidence, 1 - (q/100)^n >= 0.99: with fewer, the percentile of the sample
# may well be no tail at all (Wilks 1941, "Determination of sample sizes for setting tolerance limits", Annals of
# Mathematical Statistics 12:91, one-sided, first order). A median claims nothing about a tail: one sample is enough.
SAMPLE_FLOORS = {50: 1, 90: 44, 95: 90, 99: 459}


class Interval(NamedTuple):
    """A median with its confidence interval, in the unit of the values; the bounds are None where n is too small."""

    median: float
    low: float | None
    high: float | None


def percentile(values: Sequence[float] | np.ndarray, q: int) -> float | None:
    """The q-th percentile (one of SAMPLE_FLOORS) in the values' unit; None below its floor.

    Interpolated by Hyndman and Fan's type 8, which is approximately median-unbiased whatever the distribution, and
    which they recommend (1996, "Sample quantiles in statistical packages", American Statistician 50:361).
    """
    if len(values) < SAMPLE_FLOORS[q]:
        return None
    return float(np.percentile(np.asarray(values, dtype=float), q, method="median_unbiased"))


def percentile_ms(values_s: Sequence[float] | np.ndarray, q: int) -> float | None:
    """The q-th percentile of durations given in seconds, in milliseconds; None below its floor."""
    value_s = percentile(values_s, q)
    return None if value_s is None else value_s * 1000


def median_interval(values: Sequence[float] | np.ndarray) -> Interval:
    """The median with its distribution-free interval at 95 % confidence, by order statistics.

    The interval runs from the k-th smallest to the k-th largest value, k the greatest whose coverage
    1 - 2 P(Binomial(n, 1/2) < k) reaches 95 %. Fewer than six values never reach it: their bounds are None.
    Source: Hahn and Meeker 1991, "Statistical Intervals", 5.2; Le Boudec 2010, "Performance Evaluation of Computer and
    Communication Systems", theorem 2.1. ValueError where there is no value.
    """
    if len(values) == 0:
        raise ValueError("a median needs at least one value")
    ordered = np.sort(np.asarray(values, dtype=float))
    rank = _interval_rank(len(ordered))
    bounds = (None, None) if rank is None else (float(ordered[rank - 1]), float(ordered[-rank]))
    return Interval(float(np.median(ordered)), *bounds)


@cache
def _interval_rank(n: int) -> int | None:
    """The k of `median_interval` for n values; None where even the extremes cover less than asked."""
    from scipy.stats import binom

    # ppf: the least k of which P(X <= k) reaches the tail, so P(X < k) does not.
    return int(binom.ppf((1 - CONFIDENCE) / 2, n, 0.5)) or None


def harmonic_mean(rates: Sequence[float] | np.ndarray) -> float:
    """The mean of rates that each cover the same amount of work: total work over total time.

    Source: Jain 1991, "The Art of Computer Systems Performance Analysis", 12.5. ValueError unless all are positive.
    """
    if len(rates) == 0 or not all(rate > 0 and math.isfinite(rate) for rate in rates):
        raise ValueError("a harmonic mean needs positive rates")
    from scipy.stats import hmean

    return float(hmean(np.asarray(rates, dtype=float)))
