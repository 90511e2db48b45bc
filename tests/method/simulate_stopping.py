"""How often the interval at which a level stops holds the true value: the table of docs/method.md, by simulation.

.venv/bin/python tests/method/simulate_stopping.py

The naive rule beside it takes the samples for independent and looks at each of them, from the same number on.
"""

import math
import sys
from bisect import insort
from collections.abc import Callable, Sequence
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq
from scipy.signal import lfilter
from scipy.stats import norm

if __name__ == "__main__":
    sys.path += [str(Path(__file__).resolve().parents[2] / folder) for folder in ("", "scripts", "tests/unit")]

from cotejo.stopping import IN_A_ROW, bounds, first_look, next_look

TRIALS = 2000
MOST = 10_000  # samples of a trial
ANY = math.inf  # a width that the first interval of all meets: it stops as early as it can

Draw = Callable[[np.random.Generator, tuple[int, int]], np.ndarray]


class Process(NamedTuple):
    """Samples in the order they come in, `draw(rng, (trials, samples))`, and their true quantile function."""

    name: str
    draw: Draw
    quantile: Callable[[float], float]
    widths: dict[int, tuple[float, ...]]  # asked, by percentile: from the earliest stop to a late one


class Ending(NamedTuple):
    """What became of the trials: one value each."""

    samples: np.ndarray  # how many there were at the end
    covered: np.ndarray  # whether the interval then held the true value
    stopped: np.ndarray  # whether the rule ended it, and not the last sample
    width: np.ndarray  # of the interval, as a fraction of the value


def autoregressive(correlation: float) -> Draw:
    """Normal samples around 10, standard deviation 1, each correlated with the one before."""

    def draw(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
        noise = rng.standard_normal(shape) * math.sqrt(1 - correlation**2)
        noise[:, 0] /= math.sqrt(1 - correlation**2)
        return 10 + lfilter([1], [1, -correlation], noise, axis=-1)

    return draw


def mixture(*parts: tuple[float, float, float]) -> Callable[[float], float]:
    """The quantile function of normal distributions, each given as (share, mean, standard deviation)."""

    def share(x: float, p: float) -> float:
        return float(sum(weight * norm.cdf(x, mean, deviation) for weight, mean, deviation in parts)) - p

    return lambda p: float(brentq(share, 0, 100, args=(p,)))


def bimodal(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    return np.where(rng.random(shape) < 0.7, 10, 14) + 0.5 * rng.standard_normal(shape)


ITEMS = (8.0, 9.5, 9.8, 10.0, 10.3, 11.0, 13.0)


def cycle(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """A data set's items over and over in one order, each with a time of its own."""
    return np.resize(rng.permutation(ITEMS), shape[1]) + 0.5 * rng.standard_normal(shape)


def normal_quantile(p: float) -> float:
    return float(norm.ppf(p, 10))


INDEPENDENT = (
    Process(
        "normal",
        lambda rng, shape: 10 + rng.standard_normal(shape),
        normal_quantile,
        {50: (ANY, 0.03, 0.015), 90: (ANY, 0.03, 0.015)},
    ),
    Process(
        "log-normal",
        lambda rng, shape: np.exp(0.5 * rng.standard_normal(shape)),
        lambda p: math.exp(0.5 * norm.ppf(p)),
        {50: (ANY, 0.2, 0.1), 90: (ANY, 0.3, 0.15)},
    ),
    Process(
        "exponential",
        lambda rng, shape: rng.standard_exponential(shape),
        lambda p: -math.log(1 - p),
        {50: (ANY, 0.4, 0.2), 90: (ANY, 0.4, 0.2)},
    ),
    Process(
        "bimodal", bimodal, mixture((0.7, 10, 0.5), (0.3, 14, 0.5)), {50: (ANY, 0.04, 0.02), 90: (ANY, 0.04, 0.02)}
    ),
)
AUTOCORRELATED = (
    Process("AR(1), 0.8", autoregressive(0.8), normal_quantile, {50: (ANY, 0.1, 0.04), 90: (ANY, 0.1, 0.05)}),
)
# What the rule was not made for: for the table only.
BEYOND = (
    Process("AR(1), 0.95", autoregressive(0.95), normal_quantile, {50: (ANY, 0.1, 0.06), 90: (ANY, 0.1)}),
    Process("AR(1), -0.5", autoregressive(-0.5), normal_quantile, {50: (ANY, 0.03), 90: (ANY, 0.03)}),
    Process(
        "seven items in turn",
        cycle,
        mixture(*((1 / len(ITEMS), mean, 0.5) for mean in ITEMS)),
        {50: (ANY, 0.04), 90: (ANY, 0.04)},
    ),
)


def simulate(values: np.ndarray, percentile: int, truth: float, widths: Sequence[float]) -> list[Ending]:
    """For each width asked, the ends of the rule of cotejo.stopping on `values` [trials, samples].

    Each look is at all trials at once; a trial that has not stopped by the last look keeps what that one saw.
    """
    trials, most = values.shape
    endings = [Ending(np.zeros(trials, int), *(np.zeros(trials, kind) for kind in (bool, bool, float))) for _ in widths]
    narrow = [np.zeros(trials, int) for _ in widths]
    samples = first_look(percentile)
    while samples <= most:
        seen = bounds(values[:, :samples], percentile)
        holds, width = (seen.low <= truth) & (truth <= seen.high), seen.width
        for asked, ending, in_a_row in zip(widths, endings, narrow, strict=True):
            going = ~ending.stopped
            ending.samples[going], ending.covered[going], ending.width[going] = samples, holds[going], width[going]
            in_a_row[:] = np.where(width < asked, in_a_row + 1, 0)
            ending.stopped[going] = in_a_row[going] == IN_A_ROW
        samples = next_look(samples)
    return endings


def simulate_naive(values: np.ndarray, percentile: int, truth: float, asked: float) -> Ending:
    """As `simulate`, for who takes the samples for independent and stops at the first one that makes it narrow."""
    trials, most = values.shape
    p = percentile / 100
    n = np.arange(most + 1)
    half = norm.ppf(0.975) * np.sqrt(n * p * (1 - p))
    low, high = (np.floor(n * p - half) - 1).astype(int).tolist(), np.ceil(n * p + half).astype(int).tolist()
    ending = Ending(np.zeros(trials, int), *(np.zeros(trials, kind) for kind in (bool, bool, float)))
    for trial, series in enumerate(values.tolist()):
        samples = first_look(percentile)
        ordered = sorted(series[:samples])
        while True:
            if low[samples] >= 0 and high[samples] < samples:
                bottom, top = ordered[low[samples]], ordered[high[samples]]
                width = (top - bottom) / ordered[math.ceil(samples * p) - 1]
                if width < asked or samples == most:
                    break
            insort(ordered, series[samples])
            samples += 1
        for column, value in zip(ending, (samples, bottom <= truth <= top, width < asked, width), strict=True):
            column[trial] = value
    return ending


def stopping_table() -> str:
    """The coverages as Markdown: of the earliest stop and of the narrowest width."""
    from tests.method.simulate import percent, table

    rows = []
    for process in (*INDEPENDENT, *AUTOCORRELATED, *BEYOND):
        values = process.draw(np.random.default_rng(0), (TRIALS, MOST))
        for percentile, (*_, narrowest) in process.widths.items():
            widths, truth = (ANY, narrowest), process.quantile(percentile / 100)
            for asked, ending in zip(widths, simulate(values, percentile, truth, widths), strict=True):
                endings = (ending, simulate_naive(values, percentile, truth, asked))
                shown = "any" if asked == ANY else f"{asked * 100:g} %"
                results = ((f"{np.median(one.samples):.0f}", percent(one.covered.mean())) for one in endings)
                rows.append([process.name, f"p{percentile}", shown, *chain.from_iterable(results)])
    heads = ["samples", "percentile", "width asked", "ends at", "covers", "naive: ends at", "naive: covers"]
    return table(heads, rows, 3)


def main() -> None:
    from tests.method.simulate import PAGE, replace_between_marks

    replace_between_marks(PAGE, "stopping-table", stopping_table())
    print(f"{PAGE}: stopping-table")


if __name__ == "__main__":
    main()
