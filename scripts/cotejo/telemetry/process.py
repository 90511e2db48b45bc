"""The measured processes: a tree of them, in which children come and go between two readings; and apart from them, the
clients that put load on a measured server."""

import math
import operator
import os
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from cotejo.ownership import part_of
from cotejo.telemetry.source import KeptFile, Reading, Source, Target, read_all

_TICK_S = 1 / os.sysconf("SC_CLK_TCK")
_PAGE_MIB = os.sysconf("SC_PAGE_SIZE") / (1 << 20)
_MIB = 1 << 20

CLIENT = "client"
STEP = "step"  # what starts the followers on an allocation's other nodes (cotejo.nodes) belongs to neither

CpuClock = Callable[[int], float]
PartOf = Callable[[int], str | None]


def process_cpu_s(process: int) -> float:
    """The CPU seconds of a process, to the nanosecond: /proc has them in hundredths.

    By the clock that clock_getcpuclockid(3) names: the process's number inverted, above three bits for the kind.
    OSError where there is no such process.
    """
    return time.clock_gettime((~process << 3) | 2)


class Counters(NamedTuple):
    """What a process used, or several did; NaN where the kernel doesn't say, and in sums with that."""

    cpu_s: float = 0
    minor_faults: float = 0
    major_faults: float = 0
    read_mib: float = 0
    written_mib: float = 0

    def plus(self, other: "Counters") -> "Counters":
        return Counters(*map(operator.add, self, other))

    def no_less_than(self, other: "Counters") -> "Counters":
        return Counters(*map(max, self, other))  # which keeps a NaN that comes first, and drops one that comes second


class Look(NamedTuple):
    """One look at one process. `used` has what its ended children used in it, which the kernel adds to it."""

    used: Counters
    own_ticks: int
    childrens_ticks: int
    rss_mib: float


class Member:
    """A process of the tree."""

    def __init__(self, process: int, proc: str, cpu_clock: CpuClock) -> None:
        self.process = process
        self._cpu_clock = cpu_clock
        self._stat = KeptFile(f"{proc}/{process}/stat")
        try:
            self._io: KeptFile | None = KeptFile(f"{proc}/{process}/io")
        except OSError:  # of another user, or not compiled into the kernel
            self._io = None

    def look(self) -> Look | None:
        """None where it has ended and been waited for."""
        try:
            words = self._stat.read().rpartition(b")")[2].split()  # proc_pid_stat(5), from `state` on
            own_s = self._cpu_clock(self.process)
        except OSError:
            return None
        minor, childrens_minor, major, childrens_major, *ticks = map(int, words[7:15])
        used = Counters(
            own_s + sum(ticks[2:]) * _TICK_S, minor + childrens_minor, major + childrens_major, *self._io_mib()
        )
        return Look(used, sum(ticks[:2]), sum(ticks[2:]), int(words[21]) * _PAGE_MIB)

    def _io_mib(self) -> tuple[float, float]:
        """What it has read from and written to storage, its ended children included."""
        try:
            words = self._io.read().split() if self._io else []
        except OSError:
            words = []
        if b"read_bytes:" not in words:
            return math.nan, math.nan
        read, written = (int(words[words.index(name) + 1]) / _MIB for name in (b"read_bytes:", b"write_bytes:"))
        return read, written

    def close(self) -> None:
        self._stat.close()
        if self._io:
            self._io.close()


class Tree:
    """The descendants of a process, parents first, and what they have used together: the clients, or all others.

    Orphans are among them where that process is their subreaper. A process that lives and ends between two readings
    counts too: the kernel adds it to the parent that waits for it.
    """

    def __init__(
        self, target: Target, cpu_clock: CpuClock = process_cpu_s, clients: bool = False, part_of: PartOf = part_of
    ) -> None:
        self._proc = str(target.proc)
        self._parent = target.parent
        self._without = target.without
        self._cpu_clock = cpu_clock
        self._clients = clients
        self._part_of = part_of
        self.members: dict[int, Member] = {}
        self._looks: dict[int, Look] = {}
        self._ended = Counters()  # what nobody's parent inherited
        self._used = Counters()

    def find(self) -> None:
        """Find the processes that are new."""
        waiting = []
        for child in self._children(self._parent):
            if child in self._without:
                continue
            part = self._part_of(child)
            if part != STEP and (part == CLIENT) == self._clients:
                waiting.append(child)
            elif child in self.members:  # found before it had its mark
                self.members.pop(child).close()
                self._looks.pop(child, None)
        for process in waiting:  # grows meanwhile
            waiting += self._children(process)
            if process not in self.members:
                try:
                    self.members[process] = Member(process, self._proc, self._cpu_clock)
                except (FileNotFoundError, ProcessLookupError):
                    continue

    def _children(self, process: int) -> list[int]:
        children: list[int] = []
        try:
            threads = os.listdir(f"{self._proc}/{process}/task")  # noqa: PTH208 (many times a second)
        except (FileNotFoundError, ProcessLookupError):
            return children
        for thread in threads:
            try:
                children += map(int, read_all(f"{self._proc}/{process}/task/{thread}/children").split())
            except (FileNotFoundError, ProcessLookupError):
                continue
        return children

    def read(self) -> tuple[Counters, float]:
        """What all have used so far, and the MiB that they hold now."""
        looks, ended = self._look_at_all()
        inherited = sum(
            look.childrens_ticks - self._looks[process].childrens_ticks
            for process, look in looks.items()
            if process in self._looks
        )
        # The ticks of one that ended are in its parent's, which can't be less: both are rounded down, the sum later.
        if sum(look.own_ticks + look.childrens_ticks for look in ended) > inherited:
            for look in ended:
                self._ended = self._ended.plus(look.used)
        self._looks = looks
        total = self._ended
        for look in looks.values():
            total = total.plus(look.used)
        # A child that ended after its parent was looked at is missing for one reading.
        self._used = total.no_less_than(self._used)
        return self._used, sum(look.rss_mib for look in looks.values())

    def _look_at_all(self) -> tuple[dict[int, Look], list[Look]]:
        """A look at each that lives, and the last look at those that don't any more.

        All are looked at again after one ended, so that its parent has been looked at since.
        """
        ended: list[Look] = []
        while True:
            looks = {process: member.look() for process, member in self.members.items()}
            gone = [process for process, look in looks.items() if look is None]
            if not gone:
                return {process: look for process, look in looks.items() if look}, ended
            for process in gone:
                self.members.pop(process).close()
                if process in self._looks:
                    ended.append(self._looks[process])


class Finder(Source):
    """Finds the processes that are new. Its cost grows with the number of threads; it has no columns."""

    columns = ()
    period_s, share = 0.2, 0.001

    def __init__(self, tree: Tree) -> None:
        self._tree = tree

    def read(self) -> Reading:
        self._tree.find()
        return {}


class Usage(Source):
    """CPU time, memory held, page faults, and I/O on storage, of all processes together."""

    columns = (*Counters._fields, "rss_mib")
    period_s, share = 0.2, 0.0022

    def __init__(self, tree: Tree) -> None:
        self._tree = tree

    def read(self) -> Reading:
        used, rss_mib = self._tree.read()
        known = {name: value for name, value in used._asdict().items() if not math.isnan(value)}
        return {**known, "rss_mib": rss_mib}


class ProportionalMemory(Source):
    """The memory held, what is shared being divided among those that share it.

    Seldom: for it the kernel walks the page tables and holds the lock that the process needs to map memory.
    """

    columns = ("pss_mib",)
    period_s, share = 10.0, 0.0003

    def __init__(self, tree: Tree, proc: str) -> None:
        self._tree = tree
        self._proc = proc

    def read(self) -> Reading:
        sizes_kib = []
        for process in self._tree.members:
            try:
                file = KeptFile(f"{self._proc}/{process}/smaps_rollup")
            except (FileNotFoundError, ProcessLookupError):
                continue
            except PermissionError:
                return {}
            try:
                words = file.read().split()
            except ProcessLookupError:  # it has ended
                continue
            finally:
                file.close()
            sizes_kib.append(int(words[words.index(b"Pss:") + 1]))
        return {"pss_mib": sum(sizes_kib) / 1024} if sizes_kib else {}


class ClientTime(Source):
    """The CPU time of all clients together."""

    columns = ("client_cpu_s",)
    period_s, share = 0.2, 0.0004

    def __init__(self, tree: Tree) -> None:
        self._tree = tree

    def read(self) -> Reading:
        self._tree.find()
        return {"client_cpu_s": self._tree.read()[0].cpu_s}


def sources(target: Target) -> Sequence[Source]:
    """The measured processes' sources, which share what they know of the tree, and the clients'."""
    tree = Tree(target)
    own = [Finder(tree), Usage(tree), ProportionalMemory(tree, str(target.proc))]
    return [*own, ClientTime(Tree(target, clients=True))]
