"""What goes wrong without some of the method's rules, by simulation with fixed seeds: numbers without any drawing."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from cotejo.floors import floor_of
from cotejo.stats import median_interval
from tests.method import queues
from tests.method.simulate_stopping import Process, autoregressive, normal_quantile, simulate, simulate_naive

SIGMA = 0.5  # of the log-normal times whose p99 is estimated
SAMPLES = (20, 50, 100, 200, 459, 1000, 2000)
LOADS = (0.1, 0.3, 0.5, 0.6, 0.7, 0.8, 0.9)
AT_ONCE = (1, 2, 4, 8, 16, 32)
BETWEEN = (0.0, 0.005, 0.01, 0.02, 0.05, 0.1)  # the coefficient of variation between repeats
WITHIN, REPEATS, REQUESTS = 0.1, 6, 200  # that of requests within one, repeats, requests of each
WARM_S, SLOWER = 5.0, 1.0  # how soon a process becomes as fast as it will be, and how much slower it begins
WINDOWS_S = (5, 10, 20, 50, 100, 200)
CORRELATIONS = (0.0, 0.3, 0.6, 0.8, 0.9)
ASKED, MOST = 0.02, 6000  # the width at which a median is narrow, and the samples after which no trial goes on


FLOOR = floor_of(99)


class Spread(NamedTuple):
    """What trials give: their median, and between what nine of ten lie."""

    low: float
    median: float
    high: float


class Share(NamedTuple):
    """How many of the trials, with its 95 % interval (Wilson 1927, Journal of the American Statistical Association
    22:209)."""

    low: float
    value: float
    high: float


def spread(values: np.ndarray) -> Spread:
    return Spread(*(float(value) for value in np.percentile(values, (5, 50, 95))))


def share(hits: np.ndarray) -> Share:
    n, p, z = len(hits), float(np.mean(hits)), 1.96
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return Share(centre - half, p, centre + half)


Coverages = dict[str, dict[float, Share]]


def estimates_of_p99(trials: int = 4000, seed: int = 1) -> dict[int, Spread]:
    """The 99th percentile of so many log-normal times, over the true one."""
    rng, truth = np.random.default_rng(seed), math.exp(SIGMA * 2.3263478740408408)
    drawn = {n: np.exp(SIGMA * rng.standard_normal((trials, n))) for n in SAMPLES}
    return {n: spread(np.percentile(times, 99, axis=1, method="median_unbiased") / truth) for n, times in drawn.items()}


def chance_of_no_tail(n: int, q: int = 99) -> float:
    """How often none of n independent values lies beyond the true q-th percentile."""
    return (q / 100) ** n


class Latencies(NamedTuple):
    """One load at one server, whose requests take a second on average: what it answers in a second, and how soon."""

    per_s: float
    p50_s: float
    p99_s: Spread


def open_loads(trials: int = 12, n: int = 20_000, seed: int = 2) -> dict[float, Latencies]:
    """A server with exponential service times under Poisson arrivals: M/M/1."""
    rng = np.random.default_rng(seed)
    return {
        load: _latencies([queues.open_level(rng, n, load, queues.exponential, warmup=2000) for _ in range(trials)])
        for load in LOADS
    }


def closed_loads(trials: int = 12, n: int = 20_000, seed: int = 3) -> dict[int, Latencies]:
    """The same server with so many requests at once, each sent when another was answered."""
    rng = np.random.default_rng(seed)
    return {
        at_once: _latencies([queues.closed_level(rng, n, at_once, 1, queues.exponential) for _ in range(trials)])
        for at_once in AT_ONCE
    }


def _latencies(levels: Sequence[queues.Level]) -> Latencies:
    waits_s = [level.done_s - level.due_s for level in levels]
    per_s = np.mean([len(level.due_s) / float(level.done_s.max()) for level in levels])
    p99s = np.array([np.percentile(each, 99) for each in waits_s])
    return Latencies(float(per_s), float(np.median(np.concatenate(waits_s))), spread(p99s))


def coverage_of_intervals(trials: int = 1000, seed: int = 4) -> Coverages:
    """How often the 95 % interval of a median holds the true one: over all requests, and over repeats.

    Each repeat is a process with a speed of its own, of which its requests vary.
    """
    rng = np.random.default_rng(seed)
    found: Coverages = {"requests": {}, "repeats": {}}
    for between in BETWEEN:
        held: dict[str, list[bool]] = {name: [] for name in found}
        for _ in range(trials):
            process = 1 + between * rng.standard_normal((REPEATS, 1))
            times = process * (1 + WITHIN * rng.standard_normal((REPEATS, REQUESTS)))
            for name, values in (("requests", times.ravel()), ("repeats", np.median(times, axis=1))):
                _, low, high = median_interval(values)
                assert low is not None and high is not None
                held[name].append(low <= 1 <= high)
        for name, hits in held.items():
            found[name][between] = share(np.array(hits))
    return found


def warming_up(rng: np.random.Generator, seconds: float, request_s: float = 0.05) -> tuple[np.ndarray, np.ndarray]:
    """Requests one after another of a process that becomes faster: when each ended, and how long it took."""
    ended_s: list[float] = []
    times_s: list[float] = []
    now_s = 0.0
    while now_s < seconds:
        taken_s = request_s * (1 + SLOWER * math.exp(-now_s / WARM_S)) * (1 + 0.05 * rng.standard_normal())
        now_s += taken_s
        ended_s.append(now_s)
        times_s.append(taken_s)
    return np.array(ended_s), np.array(times_s)


def errors_of_rates(
    warmup_s: Sequence[float] = (0.0, 4 * WARM_S), trials: int = 40, seed: int = 5
) -> dict[float, dict[int, Spread]]:
    """The measured rate over that of the warm process, less 1, by the warm-up left out and the window's seconds."""
    rng, request_s = np.random.default_rng(seed), 0.05
    found: dict[float, dict[int, list[float]]] = {left_out: {w: [] for w in WINDOWS_S} for left_out in warmup_s}
    for _ in range(trials):
        ended_s, times_s = warming_up(rng, max(warmup_s) + max(WINDOWS_S) + 1, request_s)
        for left_out, of_windows in found.items():
            for window_s, errors in of_windows.items():
                inside = (ended_s - times_s >= left_out) & (ended_s <= left_out + window_s)
                errors.append(float(inside.sum() / times_s[inside].sum()) * request_s - 1)
    return {a: {w: spread(np.array(errors)) for w, errors in windows.items()} for a, windows in found.items()}


def coverage_of_stops(trials: int = 400, seed: int = 6) -> Coverages:
    """How often the interval at which a median was first narrow holds the true one, by how alike neighbours are."""
    found: Coverages = {"naive": {}, "ours": {}}
    for place, rho in enumerate(CORRELATIONS):
        process = Process("", autoregressive(rho), normal_quantile, {})
        values, truth = process.draw(np.random.default_rng(seed + place), (trials, MOST)), process.quantile(0.5)
        found["naive"][rho] = share(simulate_naive(values, 50, truth, ASKED).covered)
        found["ours"][rho] = share(simulate(values, 50, truth, (ASKED,))[0].covered)
    return found
