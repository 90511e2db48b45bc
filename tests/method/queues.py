"""Load levels of servers whose answer is known: clean ones of open and closed loads, and what can go wrong in them.

A level is three arrays: when each request was due, when it was answered, and its item. An ordinary request takes a
second of the server's time.
"""

import heapq
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from record_example import RECORD

from cotejo.steadiness import steadiness
from cotejo.verdict import THRESHOLDS, Evidence, level_findings
from tests.method.workloads import ITEMS, LEVEL, REPEATS, items, log_normal, normal

Service = Callable[[np.random.Generator, int], np.ndarray]
WARMUP = 200  # requests before the window of an open level, until its queue is as long as it will be


class Level(NamedTuple):
    """The requests of one repeat of a level, and the load that put them there."""

    due_s: np.ndarray
    done_s: np.ndarray
    items: np.ndarray
    concurrency: int | None  # None: an open load


Draw = Callable[[np.random.Generator, int], Level]


def exponential(rng: np.random.Generator, n: int) -> np.ndarray:
    return rng.exponential(size=n)


def steady(rng: np.random.Generator, n: int) -> np.ndarray:
    return normal(rng, n, 0.02)


def of_items(rng: np.random.Generator, n: int) -> np.ndarray:
    """Items of unlike work."""
    return normal(rng, n, 0.02) * (0.6 + 0.2 * (np.arange(n) % ITEMS))


def open_level(
    rng: np.random.Generator,
    n: int,
    load: float,
    service: Service,
    gaps: np.ndarray | None = None,
    warmup: int = WARMUP,
) -> Level:
    """Poisson arrivals at one server, first come, first served; a `load` of 1 is all that it can do."""
    gaps_s = rng.exponential(1 / load, size=n + warmup) if gaps is None else gaps
    due_s, done_s, free_s = np.cumsum(gaps_s), np.empty(n + warmup), 0.0
    for place, (arrives_s, takes_s) in enumerate(zip(due_s, service(rng, n + warmup), strict=True)):
        free_s = max(free_s, arrives_s) + takes_s
        done_s[place] = free_s
    begin_s = due_s[warmup] - 0.001
    return Level(due_s[warmup:] - begin_s, done_s[warmup:] - begin_s, items(n), None)


def closed_level(rng: np.random.Generator, n: int, concurrency: int, servers: int, service: Service) -> Level:
    """So many at once at so many servers with one queue."""
    free, slots, due_s, done_s = [0.0] * servers, [0.0] * concurrency, np.empty(n), np.empty(n)
    for place, takes_s in enumerate(service(rng, n)):
        due_s[place] = heapq.heappop(slots)
        done_s[place] = max(due_s[place], heapq.heappop(free)) + takes_s
        heapq.heappush(free, done_s[place])
        heapq.heappush(slots, done_s[place])
    return Level(due_s, done_s, items(n), concurrency)


def batched_level(rng: np.random.Generator, n: int, concurrency: int, largest: int) -> Level:
    """A server that takes what waits, up to so many at a time, as dynamic batching does."""
    due_s, done_s, now_s = np.zeros(n), np.zeros(n), 0.0
    waiting, following = list(range(concurrency)), concurrency
    while waiting:
        batch, waiting = waiting[:largest], waiting[largest:]
        now_s += (0.5 + 0.1 * len(batch)) * float(normal(rng, 1, 0.05)[0])
        for place in batch:
            done_s[place] = now_s
            if following < n:
                due_s[following] = now_s
                waiting.append(following)
                following += 1
    return Level(due_s, done_s, items(n), concurrency)


CLEAN: Mapping[str, Draw] = {
    "open, 70 % load, exponential service (M/M/1)": lambda rng, n: open_level(rng, n, 0.7, exponential),
    "open, 70 % load, 2 % noise (M/D/1)": lambda rng, n: open_level(rng, n, 0.7, steady),
    "open, 20 % load, 2 % noise": lambda rng, n: open_level(rng, n, 0.2, steady),
    "open, 90 % load, items of unlike work": lambda rng, n: open_level(rng, n, 0.9, of_items),
    "closed, 8 at once, one server, exponential": lambda rng, n: closed_level(rng, n, 8, 1, exponential),
    "closed, 8 at once, 8 servers, exponential": lambda rng, n: closed_level(rng, n, 8, 8, exponential),
    "closed, 8 at once, 4 servers, log-normal, sigma 0.3": lambda rng, n: closed_level(
        rng, n, 8, 4, lambda rng, n: log_normal(rng, n, 0.3)
    ),
    "closed, 8 at once, 2 servers, items of unlike work": lambda rng, n: closed_level(rng, n, 8, 2, of_items),
    "closed, 8 at once, batches of 4": lambda rng, n: batched_level(rng, n, 8, 4),
    "closed, 5 at once, batches of 4": lambda rng, n: batched_level(rng, n, 5, 4),
}


def held_up(level: Level, at_s: float, stall_s: float) -> Level:
    """Nothing is answered for `stall_s`: whatever would have been from `at_s` on comes that much later.

    A closed load sends that much later, too.
    """
    later = np.where(level.done_s >= at_s, stall_s, 0.0)
    sent_later = np.where(level.due_s >= at_s, stall_s, 0.0) if level.concurrency else 0.0
    return level._replace(done_s=level.done_s + later, due_s=level.due_s + sent_later)


def table_of(level: Level) -> tuple[pd.DataFrame, dict[str, Any]]:
    """The samples and the level, as a client writes them and a record has them."""
    due_s, done_s, of_level, concurrency = level
    columns = {
        "level": LEVEL, "index": range(len(due_s)), "item": of_level, "scheduled_s": due_s, "sent_s": due_s,
        "first_token_s": np.nan, "tokens_out": np.nan, "done_s": done_s, "ok": 1,
    }  # fmt: skip
    rate = None if concurrency else len(due_s) / float(due_s.max())
    own = {"load": "closed" if concurrency else "open", "concurrency": concurrency, "rate_rps": rate}
    counts = {"duration_s": float(done_s.max()), "requests": len(due_s), "failed_requests": 0}
    return pd.DataFrame(columns), {**RECORD["levels"][0], **own, **counts}


def unsteady(repeats: list[Level]) -> list[str]:
    """The reasons for which these repeats are called unsteady."""
    tables = [table_of(level) for level in repeats]
    records = [{**RECORD, "repeat": place, "levels": [level]} for place, (_, level) in enumerate(tables, start=1)]
    rates = [level["requests"] / level["duration_s"] for _, level in tables]
    evidence = Evidence(records, LEVEL, [steadiness(*table) for table in tables], rates, "higher")
    return [reason for word, reason in level_findings(evidence, THRESHOLDS) if word == "unsteady"]


def alarms(draw: Draw, n: int, runs: int, seed: int) -> list[str]:
    """The first reason for which each of these runs of REPEATS repeats of n requests is called unsteady."""
    rng = np.random.default_rng(seed)
    found = [unsteady([draw(rng, n) for _ in range(REPEATS)]) for _ in range(runs)]
    return [reasons[0] for reasons in found if reasons]
