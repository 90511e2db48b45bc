"""What else is going on on this machine: looked at right before and right after a measurement."""

import os
import re
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from cotejo import accelerators, affinity
from cotejo.accelerators import Accelerator
from cotejo.affinity import Topology, process_tree
from cotejo.ownership import part_of

PROC = Path("/proc")
SYS = Path("/sys")

# A tick of /proc/stat is 10 ms: a slice tells a CPU's use to a tenth. The median of the slices leaves out a burst of
# up to 0.2 s, such as a daemon that wakes up; whatever keeps computing shows in each of them.
SLICES = 5
SLICE_S = 0.1

# Of the processes that used the CPUs meanwhile, the busiest are named, but none that used less than two ticks.
NAMED = 5
LEAST_TICKS = 2

# What the driver may keep of a program that has ended, in MiB: less than any model, more than a context's leavings.
KEPT_MIB = 64

# A process may call itself anything, and its name ends up in tables.
_UNSAFE = re.compile(r"[^\w .:/+@()-]")

# The modules that a measurement runs as processes of their own, and what it marks programs of others as.
MODULES = ("cotejo.worker", "cotejo.telemetry")
SERVING = ("server", "client")


class Process(NamedTuple):
    """A process that is alive: its name as the kernel has it, the ticks it has used, and the CPU it ran on last."""

    name: str
    ticks: int
    cpu: int


def look(
    cpus: frozenset[int],
    proc: Path = PROC,
    sys: Path = SYS,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> dict[str, Any]:
    """What else the machine does in about half a second, as `before` and `after` of the record's `quiet` have it.

    `cpus` are those of the measured process. None for whatever the machine does not tell.
    """
    topology = affinity.topology(sys / "devices" / "system")
    cores = {topology[cpu].core for cpu in cpus if cpu in topology}
    siblings = frozenset(cpu for cpu, place in topology.items() if place.core in cores) - cpus
    groups = {"pinned": cpus, "siblings": siblings, "others": frozenset(topology) - cpus - siblings}

    start_s, processes_before = clock(), _processes(proc)
    ticks = [_ticks(proc)]
    for _ in range(SLICES):
        sleep(SLICE_S)
        ticks.append(_ticks(proc))
    duration_s, processes = clock() - start_s, _processes(proc)
    memory = _memory_mib(proc)
    return {
        "busy_percent": {name: _busy_percent(ticks, group) for name, group in groups.items()},
        "busiest": _busiest(processes_before, processes, duration_s),
        "load_1min": _number(_text(proc / "loadavg").split(" ")[0]),
        "runnable": _count(_field(proc / "stat", "procs_running")),
        "pressure_percent": {name: _pressure_percent(proc / "pressure" / name) for name in ("cpu", "memory", "io")},
        "swap_used_mib": _difference(memory.get("SwapTotal"), memory.get("SwapFree")),
        "memory_available_mib": memory.get("MemAvailable"),
        "governors": _governors(cpus, sys),
        "cpu_throttled": _throttled(cpus, topology, sys),
        "gpus": accelerators.looks(set(process_tree(os.getpid()))),
        "leftovers": _leftovers(proc),
    }


def _ticks(proc: Path) -> dict[int, tuple[int, int]]:
    """Of each CPU the ticks in which it computed, for whomever, and all its ticks, since the machine started."""
    ticks = {}
    for line in _text(proc / "stat").splitlines():
        name, *texts = line.split()
        if name[:3] == "cpu" and name[3:].isdigit() and len(texts) >= 7:
            user, nice, system, idle, iowait, irq, softirq = map(int, texts[:7])
            busy = user + nice + system + irq + softirq
            ticks[int(name[3:])] = (busy, busy + idle + iowait)
    return ticks


def _busy_percent(ticks: list[dict[int, tuple[int, int]]], cpus: frozenset[int]) -> float | None:
    """The share of the CPUs' time that was used, the median of the slices between the readings."""
    if not cpus or not all(cpus <= reading.keys() for reading in ticks):
        return None
    sums = [tuple(sum(reading[cpu][part] for cpu in cpus) for part in (0, 1)) for reading in ticks]
    shares = [
        100 * (busy - busy_before) / (total - total_before)
        for (busy_before, total_before), (busy, total) in pairwise(sums)
        if total > total_before
    ]
    return round(min(100.0, max(0.0, statistics.median(shares))), 1) if shares else None


def _processes(proc: Path) -> dict[tuple[int, str], Process]:
    """Every process that can be seen but this one and its descendants, by its number and when it started."""
    own = set(process_tree(os.getpid()))
    processes = {}
    for folder in _numbered(proc):
        before, _, after = _text(folder / "stat").rpartition(")")
        fields = after.split()  # from the third of `man 5 proc_pid_stat` on
        if int(folder.name) not in own and len(fields) > 36:
            name = _UNSAFE.sub("?", before.partition("(")[2])
            processes[int(folder.name), fields[19]] = Process(name, int(fields[11]) + int(fields[12]), int(fields[36]))
    return processes


def _busiest(
    before: Mapping[tuple[int, str], Process], after: Mapping[tuple[int, str], Process], duration_s: float
) -> list[dict[str, Any]]:
    """The processes that computed most meanwhile, the busiest first; only by name: command lines may hold secrets."""
    used = [
        (process.ticks - before[key].ticks if key in before else process.ticks, process)
        for key, process in after.items()
    ]
    tick_percent = 100 / os.sysconf("SC_CLK_TCK") / duration_s
    busiest = sorted((pair for pair in used if pair[0] >= LEAST_TICKS), key=lambda pair: pair[0], reverse=True)
    return [
        {"name": process.name, "cpu_percent": round(ticks * tick_percent, 1), "last_cpu": process.cpu}
        for ticks, process in busiest[:NAMED]
    ]


def _leftovers(proc: Path) -> list[str]:
    """As what processes of another measurement run; this one has the machine's lock, so none may live."""
    own = set(process_tree(os.getpid()))
    found = []
    for folder in _numbered(proc):
        if int(folder.name) in own:
            continue
        words = _text(folder / "cmdline").split("\0")
        modules = {word for option, word in pairwise(words) if option == "-m"}
        found += [name for name in MODULES if any(f"{module}.".startswith(f"{name}.") for module in modules)]
        part = part_of(int(folder.name))
        found += [f"cotejo {part}"] if part in SERVING else []
    return sorted(found)


def _numbered(proc: Path) -> list[Path]:
    return [folder for folder in proc.iterdir() if folder.name.isdigit()] if proc.is_dir() else []


def _memory_mib(proc: Path) -> dict[str, int]:
    pairs = [line.split() for line in _text(proc / "meminfo").splitlines()]
    return {words[0].rstrip(":"): int(words[1]) >> 10 for words in pairs if len(words) == 3 and words[1].isdigit()}


def _pressure_percent(file: Path) -> float | None:
    """The share of the last 10 s in which some process waited for it."""
    words = _text(file).partition("\n")[0].split()
    return next((_number(word.removeprefix("avg10=")) for word in words if word.startswith("avg10=")), None)


def _governors(cpus: frozenset[int], sys: Path) -> list[str] | None:
    folder = sys / "devices" / "system" / "cpu"
    found = {_text(folder / f"cpu{cpu}" / "cpufreq" / "scaling_governor") for cpu in cpus}
    return sorted(found - {""}) or None


def _throttled(cpus: frozenset[int], topology: Topology, sys: Path) -> int | None:
    """How often heat has slowed these CPUs' cores and packages since the machine started; only its growth tells."""
    folder = sys / "devices" / "system" / "cpu"
    places = {cpu: topology[cpu] for cpu in cpus if cpu in topology}
    counters = {("core", place.core): cpu for cpu, place in places.items()}
    counters |= {("package", place.socket): cpu for cpu, place in places.items()}
    counts = [
        _count(_text(folder / f"cpu{cpu}" / "thermal_throttle" / f"{unit}_throttle_count"))
        for (unit, _), cpu in counters.items()
    ]
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


def gpu_memory_kept(
    before: Mapping[str, Any], after: Mapping[str, Any], shown: Sequence[Accelerator] | None = None
) -> list[str]:
    """What GPUs hold after a program that they did not hold before it, as sentences, by two looks.

    Of those that it was shown; of all where nobody told which. Where somebody else computes on a GPU meanwhile, its
    memory tells nothing.
    """
    own = {gpu["uuid"] for gpu in before["gpus"]} if shown is None else {part.gpu for part in shown}
    held = {gpu["uuid"]: gpu["memory_used_mib"] for gpu in before["gpus"] if gpu["uuid"] in own}
    kept = [
        (gpu["uuid"], gpu["memory_used_mib"] - held[gpu["uuid"]])
        for gpu in after["gpus"]
        if gpu["memory_used_mib"] is not None and held.get(gpu["uuid"]) is not None and gpu["foreign_processes"] == 0
    ]
    return [f"GPU {uuid} holds {mib} MiB more than before" for uuid, mib in kept if mib > KEPT_MIB]


def _field(file: Path, name: str) -> str:
    """The word after a name at the start of a line."""
    lines = (line.split() for line in _text(file).splitlines())
    return next((words[1] for words in lines if words[:1] == [name] and len(words) > 1), "")


def _text(file: Path) -> str:
    """A small file's text, empty where there is none, or it may not be read, or its process has ended meanwhile."""
    try:
        return file.read_text(errors="replace").strip()
    except OSError:
        return ""


def _count(text: str) -> int | None:
    return int(text) if text.isdigit() else None


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _difference(whole: int | None, part: int | None) -> int | None:
    return None if whole is None or part is None else whole - part
