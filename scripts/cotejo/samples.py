"""Samples: one row per request, with instants of CLOCK_MONOTONIC, and the load levels they were drawn in."""

import csv
import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, cycle
from pathlib import Path
from typing import Any

from cotejo.files import replacing

# *_s: instants since the level's start; *_ms, among the columns that a task appends: durations. Blank: not applicable.
COLUMNS = (
    "level", "index", "item", "scheduled_s", "sent_s", "first_token_s", "done_s", "tokens_in", "tokens_out",
    "ok", "error",
)  # fmt: skip

Clock = Callable[[], float]
Sample = dict[str, Any]

OUT_OF_MEMORY = ("bad_alloc", "bad allocation", "can't allocate memory", "cannot allocate memory", "not enough memory",
                 "failed to allocate memory", "memory allocation of", "failed to map segment")  # fmt: skip


@dataclass
class Level:
    """What one load level measured: its window on CLOCK_MONOTONIC, and a row per request in it (warm-up left out)."""

    level: str
    warmup_requests: int = 0
    warmup_s: float = 0.0
    start_monotonic_s: float = 0.0
    duration_s: float = 0.0
    samples: list[Sample] = field(default_factory=list)

    def summary(self) -> dict[str, Any]:
        """The level as worker.json and the record hold it: without its samples, but with their number."""
        facts = {name: value for name, value in vars(self).items() if name != "samples"}
        failed = sum(not sample["ok"] for sample in self.samples)
        return facts | {"requests": len(self.samples), "failed_requests": failed}


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
    """Send requests one after another (single-stream), in seeded order, until the run's warm-up and duration are over.

    `perform` does what a request asks and returns its sample's own columns, `first_token_s` as an instant of the clock.
    What it raises in the warm-up is raised here: nothing has been measured. Afterwards it is that sample's error, for
    every attempt counts; only a lack of memory ends the run. The window ends when its last request does.
    """
    result = Level(level)
    begun = clock()
    waiting = in_seeded_order(requests, run["seed"])
    while result.warmup_requests == 0 or clock() - begun < run["warmup_s"]:
        perform(next(waiting))
        result.warmup_requests += 1
    result.start_monotonic_s = clock()
    result.warmup_s = result.start_monotonic_s - begun

    waiting = in_seeded_order(requests, run["seed"])
    while not result.samples or result.duration_s < run["duration_s"]:
        sample = _attempt(perform, next(waiting), result, clock)
        result.samples.append(sample)
        result.duration_s = sample["done_s"]
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


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception, of whatever library, says that memory did not suffice."""
    return isinstance(error, MemoryError) or any(sign in str(error).lower() for sign in OUT_OF_MEMORY)


def last_line(error: BaseException) -> str:
    """An exception's kind and the last line of its text, which is where libraries say what went wrong."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[-1].strip()}" if lines else type(error).__name__


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
