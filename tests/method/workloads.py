"""Load levels whose answer is known: clean ones of many kinds of noise, and what can be done to them.

Times are in seconds, in the order the requests ended; an ordinary request takes about a second. Items are numbers.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from record_example import RECORD
from scipy.signal import lfilter

from cotejo.steadiness import Steadiness, steadiness_of_times
from cotejo.verdict import THRESHOLDS, Evidence, level_findings

LEVEL = "single-stream"
REPEATS = 6
ITEMS = 5  # that a data set has; requests go round

Times = np.ndarray
Draw = Callable[[np.random.Generator, int], Times]


def normal(rng: np.random.Generator, n: int, cv: float) -> Times:
    return np.maximum(1 + cv * rng.standard_normal(n), 0.01)


def log_normal(rng: np.random.Generator, n: int, sigma: float) -> Times:
    return np.exp(sigma * rng.standard_normal(n))


def autoregressive(rng: np.random.Generator, n: int, rho: float, cv: float) -> Times:
    """Each request resembles the one before: AR(1), of which `cv` is the coefficient of variation."""
    noise = rng.standard_normal(n) * np.sqrt(1 - rho**2)
    noise[0] = rng.standard_normal()
    return 1 + cv * lfilter([1], [1, -rho], noise)


CLEAN: Mapping[str, Draw] = {
    "normal, 2 %": lambda rng, n: normal(rng, n, 0.02),
    "normal, 10 %": lambda rng, n: normal(rng, n, 0.1),
    "log-normal, sigma 0.3": lambda rng, n: log_normal(rng, n, 0.3),
    "log-normal, sigma 0.5": lambda rng, n: log_normal(rng, n, 0.5),
    "exponential": lambda rng, n: rng.exponential(size=n),
    "two kinds of items, 2 %": lambda rng, n: normal(rng, n, 0.02) * np.where(items(n) % 2, 3, 1),
    "AR(1), rho 0.8, 5 %": lambda rng, n: autoregressive(rng, n, 0.8, 0.05),
}


def items(n: int) -> np.ndarray:
    return np.arange(n) % ITEMS


def ramp(times_s: Times, growth: float) -> Times:
    """Slower and slower: by `growth` at the end of the window."""
    return times_s * (1 + growth * (np.arange(len(times_s)) + 0.5) / len(times_s))


def stalled(times_s: Times, every_s: float, stall_s: float) -> Times:
    """Everything stands still for `stall_s` at each `every_s` of the clock: the request under way takes longer."""
    slowed, now_s, next_s = times_s.copy(), 0.0, every_s
    for place, time_s in enumerate(times_s):
        if now_s + time_s >= next_s:
            slowed[place] += stall_s
            next_s += every_s
        now_s += slowed[place]
    return slowed


def single_stream(times_s: Times, of_items: Sequence[Any] | np.ndarray) -> tuple[pd.DataFrame, dict[str, Any]]:
    """The samples and the level of requests sent one after another, as a worker writes them."""
    done_s = np.cumsum(times_s)
    sent_s = done_s - times_s
    columns = {"level": LEVEL, "index": range(len(times_s)), "item": of_items, "scheduled_s": sent_s, "sent_s": sent_s}
    return pd.DataFrame({**columns, "done_s": done_s, "ok": 1}), level(times_s)


def level(times_s: Times) -> dict[str, Any]:
    """A level as a record has it."""
    return {**RECORD["levels"][0], "duration_s": float(times_s.sum()), "requests": len(times_s)}


def evidence(repeats: Sequence[Times], steadiness: Sequence[Steadiness] | None = None) -> Evidence:
    """Of single-stream repeats, with their requests per second as the level's first metric."""
    records = [
        {**RECORD, "repeat": place, "levels": [level(times_s)]} for place, times_s in enumerate(repeats, start=1)
    ]
    found = [steadiness_of_times(times_s, items(len(times_s)))._replace(littles_law=1.0) for times_s in repeats]
    values = [len(times_s) / float(times_s.sum()) for times_s in repeats]
    return Evidence(records, LEVEL, steadiness or found, values, "higher")


def unsteady(repeats: Sequence[Times]) -> list[str]:
    """The reasons for which single-stream repeats are called unsteady."""
    return [reason for word, reason in level_findings(evidence(repeats), THRESHOLDS) if word == "unsteady"]


def alarms(draw: Draw, n: int, runs: int, seed: int) -> list[str]:
    """The first word of every reason for which runs of REPEATS repeats of n requests are called unsteady."""
    rng = np.random.default_rng(seed)
    found = [unsteady([draw(rng, n) for _ in range(REPEATS)]) for _ in range(runs)]
    return [reasons[0].partition(":")[0] for reasons in found if reasons]
