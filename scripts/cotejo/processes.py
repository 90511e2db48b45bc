"""Several processes that do one run's work together: which of them this one is, its part of CPUs and of batches, and
what it holds of memory.
"""

import os
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

from cotejo.affinity import Topology
from cotejo.errors import CotejoError

Item = TypeVar("Item")

# What torchrun tells each: https://docs.pytorch.org/docs/stable/elastic/run.html#environment-variables
VARIABLES = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE")


class Rank(NamedTuple):
    """Which one a process is, from 0, of how many: on all nodes, and on its own. One alone is the first of one."""

    number: int = 0
    of: int = 1
    local: int = 0
    local_of: int = 1

    @property
    def alone(self) -> bool:
        return self.of == 1


ALONE = Rank()


def own_rank(environment: Mapping[str, str] = os.environ) -> Rank:
    """What this process was told to be."""
    told = [environment[name] for name in VARIABLES if name in environment]
    return Rank(*map(int, told)) if len(told) == len(VARIABLES) else ALONE


def shares(cpus: Collection[int], topology: Topology, processes: int) -> list[list[int]]:
    """So many equal groups of the CPUs, each sorted: the threads of a core, and the cores of a node, stay together.

    What doesn't divide is in no group. CotejoError where there are fewer CPUs than processes.
    """
    size = len(cpus) // processes
    if not size:
        raise CotejoError(
            f"cores: {processes} processes can't each have a CPU of their own among {len(cpus)}. Give more `cores`, or "
            "fewer processes"
        )
    ordered = sorted(cpus, key=lambda cpu: (topology[cpu].node, topology[cpu].core, cpu))
    return [sorted(ordered[first : first + size]) for first in range(0, size * processes, size)]


def part_of(step: Sequence[Item], rank: Rank) -> Sequence[Item]:
    """What of a step's items one process takes: as many as every other, and none that another takes.

    PyTorch's DistributedSampler would give some twice where they don't divide; here that is a ValueError.
    """
    size, rest = divmod(len(step), rank.of)
    if rest:
        raise ValueError(f"{len(step)} items can't be divided over {rank.of} processes")
    return step[rank.number * size : (rank.number + 1) * size]


def peak_rss_mib(status: Path = Path("/proc/self/status")) -> float:
    """The most memory that this process has held at once (VmHWM)."""
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024
