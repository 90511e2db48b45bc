"""What the sampler reads, and how: sources, and files kept open between two readings."""

import os
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

Reading = Mapping[str, float | str | None]  # by column; None where it can't be told this time

# Columns of every file: the instant on the monotonic clock, and the CPU time that the sampler itself has used.
TIME, OWN = "monotonic_s", "own_cpu_s"
# What stands between several words in a cell, and what for none of them.
BETWEEN_WORDS, NO_WORD = "+", "none"

# /proc/stat has 100 bytes a CPU at most.
MOST_BYTES = 1 << 18


class Target(NamedTuple):
    """What is to be sampled: the descendants of a process but for some of its children, on some CPUs."""

    parent: int
    without: frozenset[int]
    cpus: frozenset[int]
    proc: Path = Path("/proc")
    sys: Path = Path("/sys")


class Source(ABC):
    """Something that is read again and again.

    `period_s`: how often; less often where a reading takes so much CPU time that it would cost more than `share` of
    one core. `blocks`: it waits for others, so it gets a thread, and rows in the file, of its own.
    """

    columns: tuple[str, ...]
    period_s: float
    share: float
    blocks = False

    @abstractmethod
    def read(self) -> Reading:
        """The values of some of its columns now."""


class KeptFile:
    """A file of /proc or /sys that stays open, so that reading it anew takes one system call."""

    def __init__(self, path: str | Path) -> None:
        self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    def read(self) -> bytes:
        """What it says now; OSError where it can't be read, such as ESRCH of a process that is no more."""
        return os.pread(self._descriptor, MOST_BYTES, 0)

    def close(self) -> None:
        os.close(self._descriptor)


def read_all(path: str) -> bytes:
    """A file that is a list, of which the kernel gives a page at a time."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return b"".join(iter(lambda: os.read(descriptor, MOST_BYTES), b""))
    finally:
        os.close(descriptor)


def kept_files(paths: Iterable[Path]) -> list[KeptFile]:
    """Those of the files that can be read, opened."""
    found = []
    for path in paths:
        try:
            file = KeptFile(path)
            file.read()
        except OSError:
            continue
        found.append(file)
    return found
