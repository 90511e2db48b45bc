"""The machine: time of the pinned CPUs, load, memory, swapping, frequencies and thermal throttling."""

import os
from collections.abc import Collection, Sequence
from pathlib import Path

from cotejo import affinity
from cotejo.telemetry.source import KeptFile, Reading, Source, Target, kept_files

_TICK_S = 1 / os.sysconf("SC_CLK_TCK")
_PAGE_MIB = os.sysconf("SC_PAGE_SIZE") / (1 << 20)


class CpuTime(Source):
    """How long the pinned CPUs were idle, and how long the hypervisor took them.

    Idle, not busy, time: the kernel measures the former where it counts the latter by what runs at its timer's ticks.
    """

    columns = ("idle_s", "steal_s")
    period_s, share = 0.2, 0.001

    def __init__(self, stat: KeptFile, cpus: Collection[int]) -> None:
        self._stat = stat
        self._names = {f"cpu{cpu}".encode() for cpu in cpus}

    def read(self) -> Reading:
        """Nothing where the kernel, or what stands for it in a container, does not list them all."""
        idle = steal = listed = 0
        for line in self._stat.read().splitlines():
            words = line.split(None, 9)
            if not words or not words[0].startswith(b"cpu"):
                break
            if words[0] in self._names and len(words) >= 9:
                listed += 1
                idle += int(words[4]) + int(words[5])  # proc_stat(5): idle, and idle while I/O is awaited
                steal += int(words[8])
        if listed < len(self._names):
            return {}
        return {"idle_s": idle * _TICK_S, "steal_s": steal * _TICK_S}


class MemoryAndLoad(Source):
    """What the whole machine has left, and how busy it is."""

    columns = ("load_1min", "memory_available_mib", "swapped_mib")
    period_s, share = 1.0, 0.0005

    def __init__(self, load: KeptFile, memory: KeptFile, events: KeptFile) -> None:
        self._load, self._memory, self._events = load, memory, events

    def read(self) -> Reading:
        memory, events = self._memory.read().split(), self._events.read().split()
        swapped = [int(events[events.index(name) + 1]) for name in (b"pswpin", b"pswpout") if name in events]
        return {
            "load_1min": float(self._load.read().split()[0]),
            "memory_available_mib": int(memory[memory.index(b"MemAvailable:") + 1]) / 1024,
            "swapped_mib": sum(swapped) * _PAGE_MIB,  # none where the kernel has no swap
        }


class Frequencies(Source):
    """The frequency of each pinned CPU.

    Once a second: kernels before 5.19 interrupt a CPU to tell its frequency.
    """

    period_s, share = 1.0, 0.0005

    def __init__(self, by_cpu: dict[int, KeptFile]) -> None:
        self._files = {f"frequency_mhz[{cpu}]": file for cpu, file in by_cpu.items()}
        self.columns = tuple(self._files)

    def read(self) -> Reading:
        return {column: int(file.read()) / 1000 for column, file in self._files.items()}


class Throttling(Source):
    """How often heat has slowed the pinned CPUs' cores and packages since the machine started; only Intel's count."""

    columns = ("throttled",)
    period_s, share = 1.0, 0.0005

    def __init__(self, counters: Sequence[KeptFile]) -> None:
        self._counters = counters

    def read(self) -> Reading:
        return {"throttled": sum(int(counter.read()) for counter in self._counters)}


def throttle_counters(cpus: Collection[int], system: Path) -> list[KeptFile]:
    """The counter of every core and of every package, once: each of its CPUs counts what befalls the whole."""
    places = {cpu: place for cpu, place in affinity.topology(system).items() if cpu in cpus}
    units = {("core", place.core): cpu for cpu, place in places.items()}
    units |= {("package", place.socket): cpu for cpu, place in places.items()}
    return kept_files(
        system / "cpu" / f"cpu{cpu}" / "thermal_throttle" / f"{unit}_throttle_count" for (unit, _), cpu in units.items()
    )


def sources(target: Target) -> Sequence[Source]:
    """Those that this machine has."""
    proc, system = target.proc, target.sys / "devices" / "system"
    found: list[Source] = [
        CpuTime(KeptFile(proc / "stat"), target.cpus),
        MemoryAndLoad(KeptFile(proc / "loadavg"), KeptFile(proc / "meminfo"), KeptFile(proc / "vmstat")),
    ]
    scaled = {
        cpu: file
        for cpu in sorted(target.cpus)
        for file in kept_files([system / "cpu" / f"cpu{cpu}" / "cpufreq" / "scaling_cur_freq"])
    }
    if scaled:
        found.append(Frequencies(scaled))
    counters = throttle_counters(target.cpus, system)
    if counters:
        found.append(Throttling(counters))
    return found
