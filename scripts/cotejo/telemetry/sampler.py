"""The sampler: reads its sources at 5 Hz until it is told to end, and leaves one CSV, whole or not at all."""

import csv
import math
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from cotejo.files import replacing
from cotejo.telemetry import SOURCES
from cotejo.telemetry.source import OWN, TIME, Reading, Source, Target

TICK_S = 0.2

Clock = Callable[[], float]
Wait = Callable[[float], bool]  # for so many seconds, or until it is over: whether it is
Write = Callable[[float, Reading], None]


class OwnCost(Source):
    """The CPU time that the sampler itself has used, its start included."""

    columns = (OWN,)
    period_s, share = TICK_S, 0.0005

    def read(self) -> Reading:
        return {OWN: time.process_time()}


def open_sources(target: Target, modules: Sequence[str] = SOURCES) -> list[Source]:
    """Every source that this machine has, the sampler itself among them."""
    found = (import_module(f"cotejo.telemetry.{module}").sources(target) for module in modules)
    return [OwnCost(), *(source for sources in found for source in sources)]


def sample(
    sources: Iterable[Source],
    write: Write,
    wait: Wait,
    clock: Clock = time.monotonic,
    cpu_clock: Clock = time.thread_time,
) -> None:
    """Read the sources on a grid of TICK_S, each when its period and its cost allow; all once more when it is over.

    A reading's instant is the tick's, so the quick sources come first: those that are read most often.
    """
    ordered = sorted(sources, key=lambda source: source.period_s)
    due_s = [-math.inf] * len(ordered)
    begun_s = clock()
    tick = 0
    over = False
    while True:
        now_s = clock()
        row: dict[str, Any] = {}
        for place, source in enumerate(ordered):
            if over or due_s[place] <= now_s:
                before_s = cpu_clock()
                row |= source.read()
                cost_s = cpu_clock() - before_s
                # Half a tick early, so that a period of some ticks is not one more for a tick that came early.
                due_s[place] = now_s + max(source.period_s - TICK_S / 2, cost_s / source.share)
        if row:
            write(now_s, row)
        if over:
            return
        tick = max(tick + 1, math.ceil((clock() - begun_s) / TICK_S))  # the ticks that a long reading missed are gone
        over = wait(begun_s + tick * TICK_S - clock())


def run(sources: Sequence[Source], output: Path, wait: Wait) -> None:
    """Sample into `output` until `wait` says that it is over."""
    columns = [TIME, *(column for source in sources for column in source.columns)]
    lock, ending = threading.Lock(), threading.Event()
    with replacing(output) as temporary, temporary.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, columns, lineterminator="\n")
        writer.writeheader()

        def write(now_s: float, reading: Reading) -> None:
            with lock:
                writer.writerow({TIME: _cell(now_s), **{name: _cell(value) for name, value in reading.items()}})

        threads = [
            threading.Thread(target=_or_die, args=([source], write, ending.wait)) for source in sources if source.blocks
        ]
        for thread in threads:
            thread.start()
        try:
            sample([source for source in sources if not source.blocks], write, wait)
        finally:
            ending.set()
            for thread in threads:
                thread.join()


def _or_die(sources: Sequence[Source], write: Write, wait: Wait) -> None:
    """What fails in a thread fails the sampler, which leaves no file then."""
    try:
        sample(sources, write, wait)
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)


def _cell(value: float | str | None) -> float | str | None:
    """Microseconds, microjoules and millionths of a MiB are enough."""
    return round(value, 6) if isinstance(value, float) else value
