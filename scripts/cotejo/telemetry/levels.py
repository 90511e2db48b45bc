"""What the telemetry amounts to in the window of a load level: a pure function of the sampler's table."""

import statistics
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from cotejo.telemetry.source import BETWEEN_WORDS, NO_WORD, OWN
from cotejo.telemetry.table import Series, Table, Window, several

# A second and a half: a GPU is looked at five times a second.
LEAST_READINGS = 8

# Of each GPU: its key in the record, the column, and what is told of the readings in the window.
_GPU_FACTS = (
    ("utilisation_percent", "utilisation_percent", statistics.fmean),
    ("memory_peak_mib", "memory_mib", max),
    ("temperature_peak_c", "temperature_c", max),
    ("sm_clock_mhz", "sm_clock_mhz", statistics.median),
    ("memory_clock_mhz", "memory_clock_mhz", statistics.median),
    ("rx_mb_per_s", "rx_mb_per_s", statistics.fmean),
    ("tx_mb_per_s", "tx_mb_per_s", statistics.fmean),
    ("foreign_processes", "foreign_processes", lambda counts: int(max(counts))),
)


def level_telemetry(
    table: Table,
    level: Mapping[str, Any],
    cpus: int,
    sampler_aside: bool,
    clients_aside: bool = True,
    own_gpus: Collection[str] | None = None,
) -> dict[str, Any] | None:
    """The `telemetry` of one of a record's levels, measured on so many pinned CPUs; None where its window has none.

    `sampler_aside`, `clients_aside`: whether the sampler, and the clients, had other CPUs than the measured ones.
    `own_gpus`: the UUIDs of those that the measured processes were shown; None: nobody told which, and all count.
    """
    window = Window(level["start_monotonic_s"], level["start_monotonic_s"] + level["duration_s"])
    if window.duration_s <= 0 or (cpu_s := _column(table, "cpu_s").growth(window)) is None:
        return None
    client_s = _column(table, "client_cpu_s").growth(window)
    used_s = cpu_s if sampler_aside else cpu_s + (_column(table, OWN).growth(window) or 0.0)
    used_s += 0.0 if clients_aside else client_s or 0.0
    idle_s, steal_s = (_column(table, name).growth(window) for name in ("idle_s", "steal_s"))
    gpus = [{**_gpu(table, uuid, window), "used": own_gpus is None or uuid in own_gpus} for uuid in _gpu_names(table)]
    throttled = _column(table, "throttled").steps(window)
    return {
        "ticks": sum(window.start_s <= time_s <= window.end_s for time_s in _column(table, "cpu_s").times_s),
        "cpu_cores": cpu_s / window.duration_s,
        "client_cpu_cores": None if client_s is None else client_s / window.duration_s,
        "foreign_cpu_percent": foreign_percent(window.duration_s * cpus, idle_s, steal_s, used_s),
        "steal_percent": None if steal_s is None else 100 * steal_s / (window.duration_s * cpus),
        "load_1min": _most(table, "load_1min", window),
        "rss_peak_mib": _most(table, "rss_mib", window),
        "pss_peak_mib": _most(table, "pss_mib", window),
        "minor_faults": _count(_column(table, "minor_faults").growth(window)),
        "major_faults": _count(_column(table, "major_faults").growth(window)),
        "read_mib": _column(table, "read_mib").growth(window),
        "written_mib": _column(table, "written_mib").growth(window),
        "swapped_mib": _column(table, "swapped_mib").steps(window),
        "memory_available_mib": min(_column(table, "memory_available_mib").within(window), default=None),
        "frequency_mhz": _frequency(table, window),
        "cpu_throttled": None if throttled is None else round(throttled),
        "energy": {**_package_energy(table, window), "gpu_j": _sum([gpu["energy_j"] for gpu in gpus if gpu["used"]])},
        "gpus": gpus,
    }


def foreign_percent(whole_s: float, idle_s: float | None, steal_s: float | None, used_s: float) -> float | None:
    """The share of the CPUs' time that neither idled, nor was stolen, nor used by the tree, its clients or the sampler.

    Never negative: what idled is rounded to ticks of 1/100 s, and kernels without paravirtual time accounting count
    a process's stolen time as used. None where the kernel doesn't tell what idled.
    """
    if idle_s is None or steal_s is None:
        return None
    return 100 * max(0.0, whole_s - idle_s - steal_s - used_s) / whole_s


def _column(table: Table, name: str) -> Series:
    return table.get(name, Series())


def _most(table: Table, name: str, window: Window) -> float | None:
    return max(_column(table, name).within(window), default=None)


def _count(growth: float | None) -> int | None:
    return None if growth is None else round(growth)


def _frequency(table: Table, window: Window) -> dict[str, float] | None:
    readings = [value for series in several(table, "frequency_mhz").values() for value in series.within(window)]
    return {"median": statistics.median(readings), "least": min(readings)} if readings else None


def _package_energy(table: Table, window: Window) -> dict[str, Any]:
    packages = several(table, "package_energy_j")
    energy_j = _sum([series.growth(window) for series in packages.values()])
    return {"package_j": energy_j, "package": None if energy_j is None else ", ".join(packages)}


def _sum(parts: Sequence[float | None]) -> float | None:
    """None where a part is missing, or there is none: the sum of the others would look like all."""
    known = [part for part in parts if part is not None]
    return sum(known) if known and len(known) == len(parts) else None


def _at_work(series: Series, idle: Collection[float], window: Window) -> list[float]:
    """The readings in a window but for those of idle instants: a clock that nothing uses falls, and tells nothing."""
    pairs = zip(series.times_s, series.values, strict=True)
    return [value for time_s, value in pairs if window.start_s <= time_s <= window.end_s and time_s not in idle]


def _change_percent(readings: Sequence[float]) -> float | None:
    """By how much the second half's mean differs from the first's; None of too few: one reading may be far off."""
    if len(readings) < LEAST_READINGS:
        return None
    middle = len(readings) // 2
    before, after = statistics.fmean(readings[:middle]), statistics.fmean(readings[-middle:])
    return 100 * (after / before - 1) if before else None


def _gpu_names(table: Table) -> list[str]:
    return list(several(table, "utilisation_percent"))


def _gpu(table: Table, uuid: str, window: Window) -> dict[str, Any]:
    def series(column: str) -> Series:
        return _column(table, f"{column}[{uuid}]")

    energy_j = series("energy_j").growth(window)
    if energy_j is None:
        energy_j = series("power_w").integral(window)
    facts = {
        key: told(readings) if (readings := series(column).within(window)) else None for key, column, told in _GPU_FACTS
    }
    used = series("utilisation_percent")
    idle = {time_s for time_s, percent in zip(used.times_s, used.values, strict=True) if not percent}
    cells = series("throttle_reasons").within(window)
    reasons = {name for cell in cells for name in cell.split(BETWEEN_WORDS)} - {NO_WORD}
    return {
        "uuid": uuid,
        **facts,
        "power_w": None if energy_j is None else energy_j / window.duration_s,
        "throttle_reasons": sorted(reasons) if cells else None,
        "sm_clock_change_percent": _change_percent(_at_work(series("sm_clock_mhz"), idle, window)),
        "energy_j": energy_j,
    }
