"""Whose a process is: a mark that all inherit whom a measurement starts, and what a measurement that was killed left.

The mark is a limit on file locks (RLIMIT_LOCKS), which Linux hands down to every descendant and has not enforced since
version 2.4. A variable in the environment would not do: vLLM, Ray and all who set their title write over it.
"""

import os
import resource
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

PROC = Path("/proc")
PARTS = ("worker", "server", "client", "step")

_RLIMIT_LOCKS = 10
_PID_BITS = 22  # the kernel's PID_MAX_LIMIT
END_S = 10.0


class Mark(NamedTuple):
    """Who started a process, by its number and when that was started itself (in ticks since boot), and as what."""

    owner: int
    owner_started: int
    part: str


class Leftover(NamedTuple):
    """A process whose owner is no more."""

    process: int
    group: int
    part: str


def started_at(process: int, proc: Path = PROC) -> int | None:
    """When a process was started, in ticks since boot; None where there is none of that number, or it has ended."""
    try:
        words = (proc / str(process) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if words[0] in "ZX" else int(words[19])


def marking(part: str) -> Callable[[], None]:
    """What a child of this process does between fork and exec to be marked as this process's."""
    code = (started_at(os.getpid()) or 0) << _PID_BITS | os.getpid()
    limits = (PARTS.index(part), code)
    return lambda: resource.setrlimit(_RLIMIT_LOCKS, limits)


def mark_of(process: int) -> Mark | None:
    """A process's mark; None where it has none, is no more, or is another user's."""
    try:
        part, code = resource.prlimit(process, _RLIMIT_LOCKS)
    except (ProcessLookupError, PermissionError):
        return None
    owner_started, owner = code >> _PID_BITS, code % (1 << _PID_BITS)
    if code < 0 or not owner_started or part not in range(len(PARTS)):
        return None
    return Mark(owner, owner_started, PARTS[part])


def part_of(process: int) -> str | None:
    """As what a process was started by a measurement."""
    mark = mark_of(process)
    return mark and mark.part


def is_mine(process: int, part: str) -> bool:
    """Whether this process has started another as such a part, or a process that descends from such a one."""
    mark = mark_of(process)
    return mark is not None and (mark.owner, mark.part) == (os.getpid(), part)


def leftovers() -> list[Leftover]:
    """What this user's measurements left running that are no more themselves."""
    namespace = _namespace(os.getpid())
    found = []
    for process in (int(path.name) for path in PROC.iterdir() if path.name.isdigit()):
        mark = mark_of(process)
        # Inside a container processes have other numbers, so an owner that lives there would look dead from here.
        if mark and started_at(mark.owner) != mark.owner_started and _namespace(process) == namespace:
            with suppress(ProcessLookupError):
                found.append(Leftover(process, os.getpgid(process), mark.part))
    return [each for each in found if started_at(each.process) is not None]


def end_leftovers(within_s: float = END_S) -> tuple[list[Leftover], list[Leftover]]:
    """Kill them, and only them: those that have ended, and those that have not after so many seconds."""
    ended: dict[int, Leftover] = {}
    deadline_s = time.monotonic() + within_s
    while remaining := leftovers():
        if time.monotonic() > deadline_s:
            break
        for each in remaining:
            _kill(each)
            ended[each.process] = each
        time.sleep(0.01)
    alive = {each.process for each in remaining}
    return [each for process, each in ended.items() if process not in alive], remaining


def named(found: Sequence[Leftover]) -> str:
    """Leftovers as messages name them, group by group."""
    groups: dict[tuple[int, str], list[int]] = {}
    for each in found:
        groups.setdefault((each.group, each.part), []).append(each.process)
    return "; ".join(
        f"{part}, process group {group}: processes {', '.join(map(str, sorted(members)))}"
        for (group, part), members in sorted(groups.items())
    )


def _kill(leftover: Leftover) -> None:
    """By a handle, so that nobody else who is given its number meanwhile is hit."""
    with suppress(ProcessLookupError):
        handle = os.pidfd_open(leftover.process)
        try:
            mark = mark_of(leftover.process)
            if mark and started_at(mark.owner) != mark.owner_started:
                signal.pidfd_send_signal(handle, signal.SIGKILL)
        finally:
            os.close(handle)


def _namespace(process: int) -> str | None:
    try:
        return str((PROC / str(process) / "ns" / "pid").readlink())
    except OSError:
        return None
