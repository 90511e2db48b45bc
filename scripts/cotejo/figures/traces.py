"""Telemetry as figures draw it: what GPUs and CPUs did over time, from records and from published logs."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cotejo.accelerators import own
from cotejo.figures.select import Entry
from cotejo.figures.telling import judged
from cotejo.files import read_json
from cotejo.telemetry.dmon import read_dmon
from cotejo.telemetry.table import Table, Window, read_table, several

CPU = "cpu_cores"  # the one quantity that is told where there is no GPU
MOST_POINTS = 400  # of a line: finer than it is thick


@dataclass(frozen=True)
class Readings:
    """One quantity of one GPU, or of the measured processes: when it was read, and what."""

    times: Sequence[float]
    values: Sequence[float]


@dataclass(frozen=True)
class Trace:
    """What was read of one machine while it worked: readings by quantity and by what they are of."""

    title: str
    published: bool
    by_quantity: Mapping[str, Mapping[str, Readings]]
    windows: Sequence[Window] = ()  # of the load levels, on the same clock
    worth: Sequence[str] = ()  # the verdict of all repeats together, and the marks


def log_trace(path: Path, title: str, quantities: Sequence[str]) -> Trace:
    """A log of `nvidia-smi dmon`: a GPU's first reading lies at 0, its next one at 1, for the logs have no clock."""
    found: dict[str, dict[str, list[float]]] = {quantity: {} for quantity in quantities}
    for row in read_dmon(path):
        for quantity in quantities:
            if row.get(quantity) is not None:
                found[quantity].setdefault(f"GPU {row['gpu']}", []).append(row[quantity])
    by_quantity = {
        quantity: {which: Readings(range(len(values)), values) for which, values in series.items()}
        for quantity, series in found.items()
        if series
    }
    return Trace(title, True, by_quantity)


def record_trace(folder: Path, entry: Entry, quantities: Sequence[str]) -> Trace | None:
    """The first whole repeat of a run, its time counted from the first load level on; None where there is none."""
    run = folder / "records" / entry.row["system"] / f"{entry.row['run']}~{entry.row['digest']}"
    for path in sorted(run.glob("r*.json"), key=lambda path: int(path.stem[1:])):
        record, telemetry = read_json(path), path.with_suffix(".telemetry.csv")
        if record["status"] != "ok" or not telemetry.exists():
            continue
        start_s = min(level["start_monotonic_s"] for level in record["levels"])
        windows = [
            Window(level["start_monotonic_s"] - start_s, level["start_monotonic_s"] - start_s + level["duration_s"])
            for level in record["levels"]
        ]
        by_quantity = _of_table(read_table(telemetry), start_s, quantities, own(record))
        return Trace(entry.of_run, False, by_quantity, windows, judged([entry.row]))
    return None


def _of_table(
    table: Table, start_s: float, quantities: Sequence[str], shown: Collection[str] | None
) -> dict[str, dict[str, Readings]]:
    """The quantities of each GPU that the processes were shown, of all where nobody told which; where there is none of
    them, the CPU cores that the measured processes used.
    """
    by_quantity: dict[str, dict[str, Readings]] = {}
    for quantity in quantities:
        gpus = {uuid: one for uuid, one in several(table, quantity).items() if shown is None or uuid in shown}
        series = {
            f"GPU {number}": _thinned([time_s - start_s for time_s in gpus[uuid].times_s], gpus[uuid].values)
            for number, uuid in enumerate(gpus)
            if gpus[uuid].times_s
        }
        by_quantity |= {quantity: series} if series else {}
    if not by_quantity:
        by_quantity[CPU] = {"CPU": _cores(table, start_s)}
    return by_quantity


def _cores(table: Table, start_s: float) -> Readings:
    """CPU cores used, as means over a second each, or over as long as is drawn as one point."""
    used = table["cpu_s"]
    first, last = used.times_s[0], used.times_s[-1]
    step_s = max(1.0, (last - first) / MOST_POINTS)
    starts = [first + step_s * step for step in range(math.floor((last - first) / step_s))]
    grown = [used.growth(Window(start, start + step_s)) or 0.0 for start in starts]
    return Readings([start + step_s / 2 - start_s for start in starts], [value / step_s for value in grown])


def _thinned(times: Sequence[float], values: Sequence[float]) -> Readings:
    """Of many readings as many as can be drawn."""
    peaks = peaks_of(values, MOST_POINTS)
    return Readings([times[place] for place in peaks], [values[place] for place in peaks])


def peaks_of(values: Sequence[float], most: int) -> list[int]:
    """The places of at most so many values: of each stretch the highest, for a peak is what one looks for."""
    stretch = math.ceil(len(values) / most)
    return [
        max(range(first, min(first + stretch, len(values))), key=lambda place: values[place])
        for first in range(0, len(values), max(1, stretch))
    ]
