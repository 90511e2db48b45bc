"""How much slower or faster a series of times became, and whether that is beyond chance.

Everything is done on logarithms of times: of two equal slowdowns neither weighs more, and a long tail is not far out.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from cotejo.difference import difference

# Consecutive requests resemble each other, so segments of them are tested in their place: each so many correlation
# times long that neighbours are nearly independent, and at least so many of them, of which perfect order has p = 2/8!.
CORRELATION_TIMES, LEAST_SEGMENTS, MOST_SEGMENTS = 4, 8, 20

OUTER_FENCE = 3.0  # interquartile ranges beyond the quartiles: Tukey 1977, "Exploratory Data Analysis", 2C

Middle = Callable[[np.ndarray], float]


class Change(NamedTuple):
    """Later times over earlier ones: above 1 is slower. No p-value where too few segments are independent."""

    ratio: float
    p: float | None


def changes(logs: np.ndarray, middle: Middle = np.median) -> tuple[Change, Change]:
    """How the second half differs from the first, and how the trend runs, of logarithms of times in their order.

    Halves: the ratio of their medians, tested by the Mann-Whitney test of their segments (cotejo.difference). Trend:
    the slope of Theil 1950 and Sen 1968 (Journal of the American Statistical Association 63:1379) through the medians
    of segments, over the whole window; tested by Kendall's tau of those against time (Mann 1945, Econometrica 13:245).
    """
    from scipy.stats import kendalltau

    half = len(logs) // 2
    half_ratio = math.exp(middle(logs[-half:]) - middle(logs[:half]))
    trend_ratio = math.exp(log_trend(logs, middle))

    segments = min(MOST_SEGMENTS, len(logs) // math.ceil(CORRELATION_TIMES * correlation_time(logs)))
    if segments < LEAST_SEGMENTS:
        return Change(half_ratio, None), Change(trend_ratio, None)
    medians = _segment_middles(logs, segments, middle)
    times = np.exp(medians)
    half_p = difference(times[: segments // 2], times[-(segments // 2) :]).p
    trend_p = float(kendalltau(np.arange(segments), medians).pvalue)
    return Change(half_ratio, half_p), Change(trend_ratio, 1.0 if math.isnan(trend_p) else trend_p)  # nan: all equal


def log_trend(logs: np.ndarray, middle: Middle = np.median) -> float:
    """What the logarithms grow by over the whole window, along the slope of Theil and Sen."""
    from scipy.stats import theilslopes

    medians = _segment_middles(logs, min(MOST_SEGMENTS, len(logs)), middle)
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


def _segment_middles(values: np.ndarray, segments: int, middle: Middle) -> np.ndarray:
    """The middles of that many consecutive segments, as equal in length as can be."""
    return np.array([middle(part) for part in np.array_split(values, segments)])
