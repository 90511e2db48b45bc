"""What telemetry costs: a real workload's median latency while the sampler runs against while it stands still.

Both within one process, in turns of a few seconds: from one process to the next a latency differs by far more.
"""

import os
import signal
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from artefacts import LLAMA, LLAMA_EXPORT, PROMPT
from page import Comparison
from sides import Bench

from cotejo.affinity import children_of
from cotejo.files import read_json
from cotejo.telemetry.beside import sampling
from cotejo.telemetry.source import OWN
from cotejo.telemetry.table import Series, Window, read_table

# On every CPU that there is, so that the sampler has none of its own.
TEXT = {"task": "text-generation", "architecture": "llama", "backend": "openvino", "new_tokens": 64}
TURN_S = 4.0
PAIRS = 20


class Turn(NamedTuple):
    """Some seconds of CLOCK_MONOTONIC in which the sampler ran, or stood still."""

    sampled: bool
    window: Window


def telemetry_cost(bench: Bench) -> list[Comparison]:
    """Measure one process for so many pairs of turns, the sampler running in every other one."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "telemetry.csv"
        before = set(children_of(os.getpid()))
        with sampling(frozenset(bench.cpus), output):
            (sampler,) = set(children_of(os.getpid())) - before
            with taking_turns(sampler) as turns:
                bench.worker(LLAMA, LLAMA_EXPORT, PROMPT, **TEXT, duration_s=(2 * PAIRS + 1) * TURN_S)
        own = read_table(output)[OWN]
    level = read_json(bench.folder / "output" / "worker.json")["levels"][0]
    samples = pd.read_csv(bench.folder / "output" / "samples.csv")
    return comparisons(pairs_of(turns, samples, level["start_monotonic_s"], level["duration_s"]), own)


@contextmanager
def taking_turns(process: int) -> Iterator[list[Turn]]:
    """Stop a process and let it go on, in an order that alternates: on, off, off, on, on, off, …"""
    turns: list[Turn] = []
    over = threading.Event()

    def switch() -> None:
        place = 0
        while not over.is_set():
            sampled = place % 4 in (0, 3)
            os.kill(process, signal.SIGCONT if sampled else signal.SIGSTOP)
            begun_s = time.monotonic()
            over.wait(TURN_S)
            turns.append(Turn(sampled, Window(begun_s, time.monotonic())))
            place += 1

    thread = threading.Thread(target=switch)
    thread.start()
    try:
        yield turns
    finally:
        over.set()
        thread.join()
        os.kill(process, signal.SIGCONT)


class Pair(NamedTuple):
    """Two turns, one after the other, with the median latency in each."""

    on: Turn
    on_ms: float
    off_ms: float


def pairs_of(turns: Sequence[Turn], samples: pd.DataFrame, start_s: float, duration_s: float) -> list[Pair]:
    """The turns, two by two, that lie in the level's window; a request counts in the turn that it lies in."""
    sent_s, done_s = samples["sent_s"] + start_s, samples["done_s"] + start_s
    pairs = []
    for two in zip(turns[::2], turns[1::2], strict=False):
        if start_s <= two[0].window.start_s and two[1].window.end_s <= start_s + duration_s:
            inside = [(sent_s >= turn.window.start_s) & (done_s <= turn.window.end_s) for turn in two]
            medians_ms = [float(np.median((done_s - sent_s)[rows]) * 1000) for rows in inside]
            on, off = (0, 1) if two[0].sampled else (1, 0)
            pairs.append(Pair(two[on], medians_ms[on], medians_ms[off]))
    return pairs


def comparisons(pairs: Sequence[Pair], own: Series) -> list[Comparison]:
    """The change of the median must stay within the noise: the standard deviation between the turns without it."""
    off_ms = [pair.off_ms for pair in pairs]
    noise = statistics.stdev(off_ms) / statistics.median(off_ms)
    own_percent = [100 * (own.growth(pair.on.window) or 0.0) / pair.on.window.duration_s for pair in pairs]
    return [
        Comparison(
            "Llama's median latency, telemetry on", "telemetry off, and the noise between its turns⁴", "ms",
            [pair.on_ms for pair in pairs], off_ms, round(1 + noise, 4), at_most=True,
        ),
        Comparison(
            "telemetry's own CPU time at 5 Hz", "one percent of one core", "% of a core", own_percent,
            [1.0] * len(own_percent), 1, at_most=True,
        ),
    ]  # fmt: skip
