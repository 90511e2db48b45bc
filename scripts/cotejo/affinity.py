"""Which CPUs a measured process may use: from what a study asks to what each of its threads was really allowed.

CPUs are counted as the kernel numbers them. Everything is relative to the mask this process was given, by Slurm, a
cgroup or taskset: nobody may be pinned outside it.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from cotejo.errors import CotejoError

SYSTEM = Path("/sys/devices/system")


@dataclass(frozen=True)
class Place:
    """Where a CPU sits: its physical core (named by that core's first CPU), its NUMA node, its socket."""

    core: int
    node: int
    socket: int


Topology = dict[int, Place]


def mask() -> set[int]:
    """The CPUs this process may use."""
    return os.sched_getaffinity(0)


def topology(system: Path = SYSTEM) -> Topology:
    """Every CPU that is online and its place. What /sys does not tell is a core of its own, on node 0 and socket 0."""
    online = system / "cpu" / "online"
    cpus = parse_cpus(online.read_text()) if online.is_file() else sorted(mask())
    nodes = {
        cpu: int(folder.name.removeprefix("node"))
        for folder in (system / "node").glob("node[0-9]*")
        for cpu in parse_cpus((folder / "cpulist").read_text())
    }
    return {cpu: _place(system / "cpu" / f"cpu{cpu}" / "topology", cpu, nodes.get(cpu, 0)) for cpu in cpus}


def _place(folder: Path, cpu: int, node: int) -> Place:
    siblings = folder / "thread_siblings_list"
    socket = folder / "physical_package_id"
    return Place(
        core=min(parse_cpus(siblings.read_text())) if siblings.is_file() else cpu,
        node=node,
        socket=max(0, int(socket.read_text())) if socket.is_file() else 0,
    )


def uniform(cpus: int, sockets: int = 1) -> tuple[set[int], Topology]:
    """The mask and topology of a machine known only by its numbers: that many cores, a NUMA node for each socket."""
    nodes = {cpu: cpu * sockets // cpus for cpu in range(cpus)}
    return set(nodes), {cpu: Place(core=cpu, node=node, socket=node) for cpu, node in nodes.items()}


def resolve(cores: int | str, mask: Collection[int], topology: Topology) -> list[int]:
    """The CPUs, sorted, that `cores` means here.

    "all": the whole mask. A number: that many, distinct physical cores before SMT siblings, on one NUMA node where one
    has enough. "0-3,8": those positions in the mask. "node0": the part of the mask on that NUMA node.
    CotejoError saying what is allowed where the mask can't give it.
    """
    allowed = sorted(mask)
    if cores == "all":
        return allowed
    if isinstance(cores, int) and not isinstance(cores, bool) and 1 <= cores <= len(allowed):
        return sorted(_preferred(cores, allowed, topology)[:cores])
    if isinstance(cores, str) and re.fullmatch(r"node\d+", cores):
        on_node = [cpu for cpu in allowed if topology[cpu].node == int(cores.removeprefix("node"))]
        if on_node:
            return on_node
    elif isinstance(cores, str) and re.fullmatch(r"\d+(-\d+)?(,\d+(-\d+)?)*", cores):
        positions = _positions(cores, len(allowed))
        if positions:
            return [allowed[position] for position in positions]
    raise CotejoError(_wrong(allowed, topology))


def _positions(text: str, count: int) -> list[int]:
    """The positions of a list such as "0-3,8", sorted, or none where one is doubled, reversed or not below `count`."""
    # The bounds are checked before the ranges are laid out: "0-999999999999" must fail, not fill the memory.
    if any(int(bound) >= count for bound in re.findall(r"\d+", text)):
        return []
    positions = sorted(parse_cpus(text))
    return positions if positions and len(positions) == len(set(positions)) else []


def _preferred(count: int, allowed: list[int], topology: Topology) -> list[int]:
    """The mask in the order in which `count` CPUs are best taken: the first thread of every core, node by node."""
    rank: dict[int, int] = {}
    threads: dict[int, int] = {}
    for cpu in allowed:
        core = topology[cpu].core
        rank[cpu] = threads.get(core, 0)
        threads[core] = rank[cpu] + 1
    cores_of: dict[int, int] = {}
    for core in threads:
        node = topology[core].node if core in topology else 0
        cores_of[node] = cores_of.get(node, 0) + 1
    order = sorted(cores_of, key=lambda node: (cores_of[node] < count, -min(cores_of[node], count), node))
    return sorted(allowed, key=lambda cpu: (rank[cpu], order.index(topology[cpu].node), cpu))


def _wrong(allowed: list[int], topology: Topology) -> str:
    nodes = sorted({topology[cpu].node for cpu in allowed})
    last = len(allowed) - 1
    return (
        f"not among the {len(allowed)} CPUs ({format_cpus(allowed)}) that may be used here. Give a number from 1 to "
        f'{len(allowed)}, all, positions from 0 to {last} such as "{"0" if last == 0 else f"0-{last}"}", each once, '
        f"or a NUMA node: {', '.join(f'node{node}' for node in nodes)}"
    )


def parse_cpus(text: str) -> list[int]:
    """The numbers of a list as the kernel writes it: "0-3,8" → [0, 1, 2, 3, 8]."""
    numbers: list[int] = []
    for part in filter(None, text.strip().split(",")):
        first, _, last = part.partition("-")
        numbers += range(int(first), int(last or first) + 1)
    return numbers


def format_cpus(cpus: Iterable[int]) -> str:
    """The inverse of parse_cpus: [0, 1, 2, 3, 8] → "0-3,8"."""
    runs: list[list[int]] = []
    for cpu in sorted(cpus):
        if runs and cpu == runs[-1][-1] + 1:
            runs[-1].append(cpu)
        else:
            runs.append([cpu])
    return ",".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)


def pin_command(cpus: Collection[int]) -> list[str]:
    """What to put before a command so that it runs on these CPUs only, with its memory allocated where it runs.

    Its first word names the mechanism: numactl, or taskset where numactl is missing or can't work (some containers
    forbid its system call), which leaves the memory policy as it is.
    """
    listed = format_cpus(cpus)
    numactl = ["numactl", f"--physcpubind={listed}", "--localalloc"]
    if shutil.which("numactl"):
        tried = subprocess.run([*numactl, "true"], capture_output=True, check=False)
        if tried.returncode == 0:
            return numactl
    if shutil.which("taskset"):
        return ["taskset", "-c", listed]
    raise CotejoError(
        "numactl and taskset: neither works here, so nothing can be pinned. Install the packages numactl and util-linux"
    )


@dataclass
class Watch:
    """What was seen of the threads of a process tree: each look adds to it.

    `violations` holds each thread name and mask seen outside `expected` once.
    """

    expected: frozenset[int]
    checks: int = 0
    observed: set[int] = field(default_factory=set)
    violations: list[dict[str, str]] = field(default_factory=list)

    def look(self, root: int) -> None:
        """Read the mask of every thread of a process and of its descendants, but of those that end meanwhile."""
        self.checks += 1
        for process in process_tree(root):
            for thread in threads_of(process):
                try:
                    allowed = os.sched_getaffinity(thread)
                except ProcessLookupError:
                    continue
                self.observed |= allowed
                if not allowed <= self.expected:
                    self._add(process, thread, allowed)

    def _add(self, process: int, thread: int, allowed: set[int]) -> None:
        try:
            name = Path(f"/proc/{process}/task/{thread}/comm").read_text().strip()
        except (FileNotFoundError, ProcessLookupError):
            name = "ended"
        violation = {"thread": name, "cpus": format_cpus(allowed)}
        if violation not in self.violations:
            self.violations.append(violation)


def process_tree(root: int) -> list[int]:
    """A process and its living descendants, parents first."""
    tree = [root]
    for process in tree:
        tree += children_of(process)
    return tree


def children_of(process: int) -> list[int]:
    """The living direct children of a process, ended ones that nobody has waited for included."""
    children: list[int] = []
    for thread in threads_of(process):
        try:
            children += map(int, Path(f"/proc/{process}/task/{thread}/children").read_text().split())
        except (FileNotFoundError, ProcessLookupError):
            continue
    return children


def threads_of(process: int) -> list[int]:
    """The thread ids of a process; none where it has ended."""
    try:
        return [int(name) for name in os.listdir(f"/proc/{process}/task")]  # noqa: PTH208 (many times a second)
    except (FileNotFoundError, ProcessLookupError):
        return []
