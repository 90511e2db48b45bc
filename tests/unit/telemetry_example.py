"""Folders that look like /proc and /sys, and a series of readings, for tests of the telemetry."""

from pathlib import Path
from typing import Any

from cotejo.telemetry.source import Target
from cotejo.telemetry.table import Series, Table


class Machine:
    """A machine whose /proc and /sys a test writes; process 100 is the one that measures."""

    def __init__(self, folder: Path, cpus: int = 2) -> None:
        self.proc, self.sys = folder / "proc", folder / "sys"
        self.target = Target(100, frozenset({101}), frozenset(range(cpus)), self.proc, self.sys)
        self.cpu_s: dict[int, float] = {}
        for process in (100, 101):  # the one that measures, and the sampler
            self.process(process, parent=1)
        self.children(100, 101)

    def write(self, path: str, text: str) -> None:
        """A file's new content, in the same file, so that one who keeps it open reads it."""
        file = self.proc.parent / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def process(
        self, process: int, parent: int, cpu_s: float = 0.0, ended_s: float = 0.0, pages: int = 0, io_mib: int = 0,
        faults: tuple[int, int] = (0, 0),
    ) -> None:  # fmt: skip
        """A process, what it and the children that it has waited for used, and the memory it holds."""
        self.cpu_s[process] = cpu_s
        own, ended = round(cpu_s * 100), round(ended_s * 100)
        before = f"{process} (a) (name) S {parent} 0 0 0 0 0"
        self.write(
            f"proc/{process}/stat", f"{before} {faults[0]} 0 {faults[1]} 0 {own} 0 {ended} 0 20 0 1 0 5 0 {pages} 0\n"
        )
        self.write(f"proc/{process}/io", f"rchar: 9\nread_bytes: {io_mib << 20}\nwrite_bytes: {io_mib << 21}\n")
        if not (self.proc / str(process) / "task").exists():
            self.children(process)

    def children(self, process: int, *children: int) -> None:
        self.write(f"proc/{process}/task/{process}/children", " ".join(map(str, children)))

    def clock(self, process: int) -> float:
        """The CPU time of a process; ProcessLookupError once it was taken out of `cpu_s`: it has ended."""
        if process not in self.cpu_s:
            raise ProcessLookupError(process)
        return self.cpu_s[process]


def table(times_s: list[float], **columns: list[Any]) -> Table:
    """Columns that were all read at the same times; None is a blank cell. `a__b` is column a[b]."""
    made = {}
    for name, values in columns.items():
        read = [(time_s, value) for time_s, value in zip(times_s, values, strict=True) if value is not None]
        quantity, bracket, which = name.partition("__")
        made[f"{quantity}[{which}]" if bracket else name] = Series([t for t, _ in read], [v for _, v in read])
    return made
