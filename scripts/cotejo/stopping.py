"""When a load level has gone on for long enough: a fixed time, until a percentile is known narrowly enough, or once
it has gone through its data set as often as asked.

The rule sets the length of one repeat and nothing else. Its interval is of one process's samples; the interval that a
summary prints is over the repeats, whose number the study fixes beforehand, and never this one.

Two things make a percentile's usual interval too narrow where a measurement stops as soon as it is narrow: samples that
follow each other resemble each other, and who looks often enough will one day see a narrow interval by luck. So

- the variance is that of batches of samples, corrected upwards, and never less than independent samples' (`bounds`);
- looks are few, each at a quarter more samples than the last, and two in a row must agree.

docs/method.md shows how often the interval then holds the true value: tests/method/simulate_stopping.py.
"""

import math
from array import array
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Self

import numpy as np

from cotejo.floors import SAMPLE_FLOORS

LEAST_SAMPLES = 64  # batches of six samples, ten of them: below, their variance says nothing
GROWTH = 1.25  # of the number of samples from one look to the next
IN_A_ROW = 2  # looks that must find the interval narrow

_NORMAL_975 = 1.959963984540054  # the normal distribution's 97.5 % quantile


class Bounds(NamedTuple):
    """A percentile with its 95 % interval, in the unit of the values; infinite where there are too few of them."""

    value: np.ndarray
    low: np.ndarray
    high: np.ndarray

    @property
    def width(self) -> np.ndarray:
        """The interval's width as a fraction of the value; infinite where an end is, or where the value is 0."""
        finite = np.isfinite(self.low) & np.isfinite(self.high) & (self.value > 0)
        return np.divide(self.high - self.low, self.value, out=np.full(finite.shape, math.inf), where=finite)


def first_look(percentile: int) -> int:
    """The number of samples below which nothing is decided about a percentile."""
    return max(LEAST_SAMPLES, SAMPLE_FLOORS[percentile])


def next_look(samples: int) -> int:
    """The number of samples at the look that follows one at `samples`."""
    return math.ceil(samples * GROWTH)


def bounds(values: np.ndarray, percentile: int) -> Bounds:
    """A percentile (one of SAMPLE_FLOORS) of the last axis's values, in the order they came in, with its 95 % interval.

    That of the share of values at or below the percentile, p ± t·√(V/n), read as ranks of the ordered values (Woodruff
    1952, "Confidence intervals for medians and other position measures", Journal of the American Statistical
    Association 47:635). V is the long-run variance of the indicator of that (`long_run_variance`), as Doss, Flegal,
    Jones and Neath have it (2014, "Markov chain Monte Carlo estimation of quantiles", Electronic Journal of Statistics
    8:2448); t is Student's. No distribution is assumed, only that the values keep to one. ValueError below
    LEAST_SAMPLES.
    """
    n = values.shape[-1]
    if n < LEAST_SAMPLES:
        raise ValueError(f"an interval needs at least {LEAST_SAMPLES} samples, not {n}")
    p = percentile / 100
    ordered = np.sort(values, axis=-1)
    value = ordered[..., math.ceil(n * p) - 1]
    variance, freedom = long_run_variance(values <= value[..., None])
    # Independent samples' is a floor: a smaller estimate is luck, or a gain that need not last.
    half = student_975(freedom) * np.sqrt(np.maximum(variance, p * (1 - p)) / n)
    low = np.floor(n * (p - half)).astype(int) - 1  # places in `ordered`, from 0
    high = np.ceil(n * (p + half)).astype(int)
    return Bounds(
        value,
        np.where(low >= 0, _at(ordered, np.maximum(low, 0)), -math.inf),
        np.where(high < n, _at(ordered, np.minimum(high, n - 1)), math.inf),
    )


def long_run_variance(series: np.ndarray) -> tuple[np.ndarray, int]:
    """n times the variance of the mean of n values along the last axis, however they depend on those near them.

    Also the estimate's degrees of freedom. Batches of about √n values, so that both their length and their number
    grow: with a fixed number of batches no sequential rule is valid (Glynn and Whitt 1991, "Estimating the asymptotic
    variance with batch means", Operations Research Letters 10:431; 1992, "The asymptotic validity of sequential
    stopping rules for stochastic simulations", Annals of Applied Probability 2:180). Short batches miss a part of the
    dependence that is inversely proportional to their length, so the same is done with thirds of them and the
    difference added: the "lugsail" estimate, r = 3 and c = 1/2, made for stopping rules because it errs upwards (Vats
    and Flegal 2022, "Lugsail lag windows for estimating time-average covariance matrices", Biometrika 109:735). For m
    independent batches its variance is 6/m times the square of what it estimates, that of a chi-square with m/3
    degrees of freedom (Satterthwaite 1946, Biometrics Bulletin 2:110).
    """
    n = series.shape[-1]
    length = math.isqrt(n) // 3
    batches = n // (3 * length)
    last = series[..., n - 3 * length * batches :]
    thirds = last.reshape(*series.shape[:-1], batches, 3, length).mean(axis=-1)
    short = length * thirds.reshape(*series.shape[:-1], -1).var(axis=-1, ddof=1)
    long = 3 * length * thirds.mean(axis=-1).var(axis=-1, ddof=1)
    return np.maximum(long, 2 * long - short), batches // 3


def student_975(freedom: int) -> float:
    """The 97.5 % quantile of Student's t, within 0.2 % from 3 degrees of freedom on.

    Source: Abramowitz and Stegun 1964, "Handbook of Mathematical Functions", 26.7.5. SciPy has it too, but the measured
    process would have to import that.
    """
    x, v = _NORMAL_975, freedom
    return x + sum(
        (
            (x**3 + x) / (4 * v),
            (5 * x**5 + 16 * x**3 + 3 * x) / (96 * v**2),
            (3 * x**7 + 19 * x**5 + 17 * x**3 - 15 * x) / (384 * v**3),
            (79 * x**9 + 776 * x**7 + 1482 * x**5 - 1920 * x**3 - 945 * x) / (92160 * v**4),
        )
    )


def _at(ordered: np.ndarray, places: np.ndarray) -> np.ndarray:
    return np.take_along_axis(ordered, places[..., None], axis=-1)[..., 0]


@dataclass
class Stopping:
    """Decides when a load level is over, from the values of its target that it is told one after another.

    Over after `most_s`; with a `width`, also once that percentile's 95 % interval is narrower than this fraction of the
    value, at two looks in a row, the first of them not before `least_s`. With `requests`, after so many and not before.
    """

    most_s: float
    width: float | None = None
    percentile: int = 50
    least_s: float = 0.0
    requests: int | None = None
    ended_by: str = ""  # "duration", "interval" or "passes", once it is over
    peeks: int = 0
    _values: "array[float]" = field(default_factory=lambda: array("d"))
    _next: int = 0
    _narrow: int = 0  # looks in a row
    _last: Bounds | None = None

    @classmethod
    def of(cls, run: Mapping[str, Any], items: int | None = None) -> Self:
        """By the settings of a run; stop_percentile and stop_least_s belong to those that have a stop_width.

        `items` of the data set are one of a run's `passes`, where it has them.
        """
        if "passes" in run and items is not None:
            return cls(math.inf, requests=run["passes"] * items)
        if run["stop_width"] is None:
            return cls(run["duration_s"])
        return cls(run["duration_s"], run["stop_width"], run["stop_percentile"], run["stop_least_s"])

    def __post_init__(self) -> None:
        self._next = first_look(self.percentile)

    def add(self, value: float) -> None:
        """Take in a value of the target: of a request that succeeded, in the order in which they were done."""
        if self.width is not None:
            self._values.append(value)

    def over(self, elapsed_s: float, requests: int = 0) -> bool:
        """Whether the level ends, `elapsed_s` and so many requests, failed ones included, after its start."""
        if not self.ended_by:
            if self.requests is not None:
                self.ended_by = "passes" if requests >= self.requests else ""
            elif elapsed_s >= self.most_s:
                self.ended_by = "duration"
                self._look()  # for the record: how narrow it was in the end
            elif elapsed_s >= self.least_s and len(self._values) >= self._next:
                self._next = next_look(len(self._values))
                self._narrow = self._narrow + 1 if self._look() else 0
                if self._narrow == IN_A_ROW:
                    self.ended_by = "interval"
        return bool(self.ended_by)

    def _look(self) -> bool:
        """Whether the interval is narrow enough; False where there are too few values for one."""
        if self.width is None or len(self._values) < first_look(self.percentile):
            return False
        self.peeks += 1
        self._last = bounds(np.array(self._values), self.percentile)
        return bool(self._last.width < self.width)

    def facts(self) -> dict[str, Any] | None:
        """The last look's numbers, as the record holds them: null for an infinite one. None without a width.

        The interval is of this process's samples alone and says nothing of another repeat: never a result's interval.
        """
        if self.width is None:
            return None
        seen = (None,) * 4 if self._last is None else (*self._last, self._last.width)
        names = ("value_s", "low_s", "high_s", "width")
        numbers = {name: _finite(number) for name, number in zip(names, seen, strict=True)}
        return {"percentile": self.percentile, **numbers, "peeks": self.peeks}


def _finite(number: Any) -> float | None:
    return None if number is None or not math.isfinite(number) else float(number)
