"""Whether two sets of repeats differ, and by how much."""

import math
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import numpy as np

LEVEL = 0.05  # how often the test may call a difference between two sets of the same
LEAST_REPEATS = 4  # in each of two equal sets: with fewer even complete separation is no 5 % event


class Difference(NamedTuple):
    """A ratio, candidate over baseline, with its interval at 95 %; no bounds where repeats are too few to tell."""

    ratio: float
    low: float | None
    high: float | None
    p: float


def difference(baseline: Sequence[float], candidate: Sequence[float]) -> Difference:
    """Compare two sets of repeats of one metric, in the same unit; each value is one fresh process.

    The test is the exact two-sided Mann-Whitney test; the ratio is the Hodges-Lehmann estimate on logarithms, the
    median of all ratios of a candidate's value to a baseline's; the interval holds the ratios that the same test would
    not reject, so that it excludes 1 if and only if p <= 5 %. It assumes that both distributions have one shape on a
    logarithmic scale, and no shape in particular. Not a permutation test of means: of a few repeats, one cold or
    disturbed one decides the mean, and its interval has no closed form. Ties count against a difference: test and
    interval then err on the careful side.
    Source: Mann and Whitney 1947, Annals of Mathematical Statistics 18:50; Hodges and Lehmann 1963, ibid. 34:598; for
    ties Noether 1967, Journal of the American Statistical Association 62:184; the interval also in Hollander, Wolfe and
    Chicken 2014, "Nonparametric Statistical Methods", 4.3.

    ValueError where a set is empty, or a value is not positive and finite.
    """
    sets = [np.asarray(values, dtype=float) for values in (baseline, candidate)]
    if not all(values.size and np.isfinite(values).all() and (values > 0).all() for values in sets):
        raise ValueError("a ratio of repeats needs positive values in both sets")
    ratios = np.sort((sets[1][:, None] / sets[0][None, :]).ravel())
    below = _null_distribution(len(baseline), len(candidate))
    # The fewest pairs that contradict a difference, by either sign; a tie contradicts both.
    against = min(int((ratios <= 1).sum()), int((ratios >= 1).sum()))
    p = min(1.0, 2 * float(below[against]))
    ratio = math.exp(float(np.median(np.log(ratios))))
    rejected = int(np.searchsorted(below, LEVEL / 2, side="right"))  # so few pairs against it, or fewer, reject
    if rejected == 0:
        return Difference(ratio, None, None, p)
    return Difference(ratio, float(ratios[rejected - 1]), float(ratios[-rejected]), p)


def standing(difference: Difference, better: str) -> str:
    """`faster`, `slower` or `indistinguishable`: the candidate's, of a metric that is better "higher" or "lower"."""
    if difference.low is None or difference.high is None or difference.low <= 1 <= difference.high:
        return "indistinguishable"
    return "faster" if (difference.low > 1) == (better == "higher") else "slower"


@cache
def _null_distribution(n: int, m: int) -> np.ndarray:
    """P(U <= u) for u = 0…n·m, U the Mann-Whitney statistic of two sets of n and m draws of the same.

    By the recurrence of Mann and Whitney 1947 on the largest value, which belongs to either set.
    """
    size = n * m + 1
    row = [np.eye(1, size)[0] for _ in range(m + 1)]  # of 0 and j draws: U = 0
    for i in range(1, n + 1):
        previous, row = row, [np.eye(1, size)[0]]
        for j in range(1, m + 1):
            shifted = np.concatenate([np.zeros(j), previous[j][: size - j]])
            row.append((i * shifted + j * row[j - 1]) / (i + j))
    return np.cumsum(row[m])
