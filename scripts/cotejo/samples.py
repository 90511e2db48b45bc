"""Samples: one row per request, with instants of CLOCK_MONOTONIC, and the load levels they were drawn in."""

import csv
import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, cycle
from pathlib import Path
from typing import Any

from cotejo.accelerators import settling
from cotejo.errors import is_out_of_memory, last_line
from cotejo.files import replacing
from cotejo.stopping import Stopping

# *_s: instants since the level's start; *_ms, among the columns that a task appends: durations. Blank: not applicable.
COLUMNS = (
    "level", "index", "item", "scheduled_s", "sent_s", "first_token_s", "done_s", "tokens_in", "tokens_out",
    "ok", "error",
)  # fmt: skip

Clock = Callable[[], float]
Sample = dict[str, Any]


@dataclass
class Level:
    """What one load level measured: its window on CLOCK_MONOTONIC, and a row per request in it (warm-up left out).

    A client that tells of no single request gives their numbers instead, and what it says of them in `reported`.
    """

    level: str
    warmup_requests: int = 0
    warmup_s: float = 0.0
    start_monotonic_s: float = 0.0
    duration_s: float = 0.0
    samples: list[Sample] = field(default_factory=list)
    concurrency: int | None = None  # requests under way at any time; None where their number isn't fixed
    ended_by: str = "duration"  # or "interval", "passes": cotejo.stopping; of a training "epochs", "max-steps"
    stopping: dict[str, Any] | None = None  # what its last look saw in this process alone: no result's interval
    load: str = "single-stream"  # or "closed", "open": cotejo.load
    rate_rps: float | None = None  # of an open load, as asked
    inputs: str = "unique"  # or "identical": one request over and over, which a cache could answer
    reported: dict[str, float] = field(default_factory=dict)  # {metric in our names and units: what no sample tells}
    requests: int | None = None  # as the client counted them, failed ones included, where it gives no samples
    failed_requests: int | None = None
    clocks: dict[str, Any] | None = None  # whether those of its GPUs had settled: Settling.facts

    def summary(self) -> dict[str, Any]:
        """The level as worker.json and the record hold it: without its samples, but with their number."""
        facts = {name: value for name, value in vars(self).items() if name != "samples"}
        if self.clocks is None:
            del facts["clocks"]
        if self.requests is None:
            failed = sum(not sample["ok"] for sample in self.samples)
            facts |= {"requests": len(self.samples), "failed_requests": failed}
        return facts


def in_seeded_order(items: Sequence[Any], seed: int) -> Iterator[Any]:
    """The items over and over, in one order drawn from the seed."""
    return cycle(random.Random(seed).sample(items, len(items)))


def one_after_another(
    perform: Callable[[Any], Mapping[str, Any]],
    requests: Sequence[Any],
    run: Mapping[str, Any],
    level: str,
    clock: Clock = time.monotonic,
) -> Level:
    """Send requests one after another (single-stream), in seeded order, until warm-up and level are over.

    The warm-up lasts as long as the run says, and on GPUs until their clocks have settled (cotejo.accelerators).
    The level is over after the run's duration, or once the time of a request that succeeded, from when it was due until
    it was done, is known as narrowly as the run's stop_width asks (cotejo.stopping.Stopping). One with `passes` is over
    once each request was sent so many times.

    `perform` does what a request asks and returns its sample's own columns, `first_token_s` as an instant of the clock.
    What it raises in the warm-up is raised here: nothing has been measured. Afterwards it is that sample's error, for
    every attempt counts; only a lack of memory ends the run. The window ends when its last request does.
    """
    result, stopping = Level(level, concurrency=1), Stopping.of(run, len(requests))
    begun, clocks = clock(), settling(run, clock)
    waiting = in_seeded_order(requests, run["seed"])
    while result.warmup_requests == 0 or clock() - begun < run["warmup_s"] or not (clocks is None or clocks.over()):
        perform(next(waiting))
        result.warmup_requests += 1
    result.start_monotonic_s = clock()
    result.warmup_s = result.start_monotonic_s - begun
    result.clocks = clocks.facts() if clocks else None

    waiting = in_seeded_order(requests, run["seed"])
    while not stopping.over(result.duration_s, len(result.samples)):
        sample = _attempt(perform, next(waiting), result, clock)
        result.samples.append(sample)
        result.duration_s = sample["done_s"]
        if sample["ok"]:
            stopping.add(sample["done_s"] - sample["scheduled_s"])
    result.ended_by, result.stopping = stopping.ended_by, stopping.facts()
    return result


def _attempt(perform: Callable[[Any], Mapping[str, Any]], request: Any, level: Level, clock: Clock) -> Sample:
    start = level.start_monotonic_s
    sent = clock()
    try:
        outcome = {**perform(request), "ok": 1}
    except Exception as error:
        if is_out_of_memory(error):
            raise
        outcome = {"ok": 0, "error": last_line(error)}
    done = clock()
    if outcome.get("first_token_s") is not None:
        outcome["first_token_s"] -= start
    facts = {"level": level.level, "index": len(level.samples), "item": request.item}
    return facts | {"scheduled_s": sent - start, "sent_s": sent - start, "done_s": done - start} | outcome


def write_samples(path: Path, levels: Iterable[Level], own_columns: Sequence[str]) -> None:
    """Write the levels' samples as CSV: COLUMNS, then the task's own; the file is whole or absent."""
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, [*COLUMNS, *own_columns], lineterminator="\n")
        writer.writeheader()
        for sample in chain.from_iterable(level.samples for level in levels):
            writer.writerow({name: _cell(value) for name, value in sample.items()})


def _cell(value: Any) -> Any:
    """Instants and durations to a tenth of a microsecond: below it there is only noise."""
    return f"{value:.7f}" if isinstance(value, float) else value
