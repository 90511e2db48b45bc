"""Distributions whose quantiles are known, and how often an interval holds them."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
from scipy.stats import binom, lognorm, norm, pareto

from cotejo.stats import quantile_interval


class Distribution(NamedTuple):
    """Independent draws, `draw(rng, shape)`, and the true quantile function of a share 0…1."""

    draw: Callable[[np.random.Generator, tuple[int, int]], np.ndarray]
    quantile: Callable[[float], float]


def _two_modes(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    return np.where(rng.random(shape) < 0.7, rng.normal(1, 0.1, shape), rng.normal(10, 0.5, shape))


def _two_modes_quantile(p: float) -> float:
    """Seven draws of ten lie about 1, three about 10, and none between."""
    return float(norm.ppf(p / 0.7, 1, 0.1) if p < 0.7 else norm.ppf((p - 0.7) / 0.3, 10, 0.5))


DISTRIBUTIONS: Mapping[str, Distribution] = {
    "normal": Distribution(lambda rng, shape: rng.normal(10, 1, shape), lambda p: norm.ppf(p, 10, 1)),
    "log-normal, sigma 1.5": Distribution(
        lambda rng, shape: rng.lognormal(0, 1.5, shape), lambda p: lognorm.ppf(p, 1.5)
    ),
    "bimodal": Distribution(_two_modes, _two_modes_quantile),
    "heavy tail (Pareto, 1.1)": Distribution(
        lambda rng, shape: 1 + rng.pareto(1.1, shape), lambda p: pareto.ppf(p, 1.1)
    ),
}


def covered(name: str, q: int, n: int, trials: int, seed: int) -> float:
    """The share of samples of n whose interval holds the true q-th percentile."""
    draw, quantile = DISTRIBUTIONS[name]
    truth = quantile(q / 100)
    samples = draw(np.random.default_rng(seed), (trials, n))
    bounds = np.array([quantile_interval(sample, q)[1:] for sample in samples], dtype=float)
    return float(((bounds[:, 0] <= truth) & (truth <= bounds[:, 1])).mean())


def coverage(q: int, n: int) -> float:
    """The same exactly, of any continuous distribution: the chance that as many lie below as the two ranks allow."""
    _, low, high = quantile_interval(range(1, n + 1), q)
    assert low is not None and high is not None
    return float(binom.cdf(high - 1, n, q / 100) - binom.cdf(low - 1, n, q / 100))
