"""A process that is measured, or measures, seen from outside: pinned, watched, bounded in time, never left behind."""

import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path

from cotejo import affinity, cgroup
from cotejo.affinity import Watch, children_of, process_tree
from cotejo.ownership import is_mine, marking

# How often the threads' masks are read. A look takes microseconds per thread.
INTERVAL_S = 0.25
# How often it is looked whether a child has ended.
POLL_S = 0.02
# How long one that was killed may take to end: what waits for a driver that hangs never does.
KILL_S = 30.0
# How long one of several may take to end once the others have.
OVER_S = 20.0
TAIL_BYTES = 4096

# Set by whoever started us, they would reach into the measured process: the same run must not depend on the shell.
INHERITED = ("OMP_", "GOMP_", "KMP_", "MKL_", "OPENBLAS_", "NUMEXPR_", "PYTHON", "LLAMA_ARG_")
THREAD_COUNTS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Ending:
    """How a child ended. `exit_code` is minus the signal where one ended it; `cpu_s` is summed over the CPUs."""

    exit_code: int
    timed_out: bool
    oom_killed: bool
    last_line: str
    wall_s: float
    cpu_s: float


def child_environment(threads: int, python_path: Path, outer: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The environment of a measured process: the outer one, but for what would change how it computes."""
    kept = {name: value for name, value in outer.items() if not name.startswith(INHERITED)}
    counts = dict.fromkeys(THREAD_COUNTS, str(threads))
    return {**kept, **counts, "PYTHONPATH": str(python_path), "PYTHONNOUSERSITE": "1", "PYTHONUNBUFFERED": "1"}


class Child:
    """A command that was started on the CPUs that `watch` expects, and what was seen of it."""

    def __init__(self, process: "subprocess.Popen[bytes]", watch: Watch, part: str, log: Path) -> None:
        self.process = process
        self.watch = watch
        self.part = part
        self.log = log
        self.left: list[int] = []  # what could not be ended
        self._ending: Ending | None = None
        self._ended_s: float | None = None
        self._start_s = time.monotonic()
        self._kills_before = cgroup.oom_kills()

    def look(self) -> None:
        """Read its threads' masks."""
        self.watch.look(self.process.pid)

    def has_ended(self) -> bool:
        """Without waiting for it: until then the kernel keeps what it used."""
        if self._ending is None and self._ended_s is None and _ended(self.process.pid):
            self._ended_s = time.monotonic()
        return self._ended_s is not None

    def stop(self, grace_s: float) -> Ending:
        """Ask it to end, end it and all that descends from it after so many seconds, and say how it ended."""
        if not self.has_ended():
            os.kill(self.process.pid, signal.SIGTERM)
            supervise([], self.has_ended, time.monotonic() + grace_s)
        return self.end()

    def end(self, timed_out: bool = False) -> Ending:
        """Kill what is left of it, its descendants in other sessions too, and say how it ended."""
        if self._ending is None:
            with uninterrupted():
                if not self.has_ended():
                    os.killpg(self.process.pid, signal.SIGKILL)
                    self._ended_s = time.monotonic()
                cpu_s = self._reap()
            self._ending = Ending(
                exit_code=self.process.returncode,
                timed_out=timed_out,
                oom_killed=cgroup.oom_kills() > self._kills_before,
                last_line=last_line(self.log),
                wall_s=(self._ended_s or time.monotonic()) - self._start_s,
                cpu_s=cpu_s,
            )
        return self._ending

    def _reap(self) -> float:
        """Wait for it, kill and wait for what descends from it, and tell the CPU time of all."""
        deadline_s = time.monotonic() + KILL_S
        used = _waited(self.process.pid, deadline_s)
        self.process.returncode, cpu_s = used or (-signal.SIGKILL, 0.0)
        self.left = [] if used else [self.process.pid]
        while found := self._descendants():
            if time.monotonic() > deadline_s:
                self.left += found
                break
            for process in found:
                with suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)
            orphans = set(children_of(os.getpid())) & set(found)
            cpu_s += sum(used[1] for orphan in orphans if (used := _waited(orphan, deadline_s)))
        return cpu_s

    def _descendants(self) -> list[int]:
        return [
            process
            for process in process_tree(os.getpid())[1:]
            if process != self.process.pid and is_mine(process, self.part)
        ]


@contextmanager
def started(
    pin: Sequence[str],
    command: Sequence[str],
    environment: Mapping[str, str],
    watch: Watch,
    part: str,
    log: Path,
    output: Path | None = None,
) -> Iterator[Child]:
    """Start a command behind its pin command, in a session of its own; what it says goes to the log, or what it writes
    to its standard output to a file `output`.

    Within `nothing_left`. At the end it is killed, and all that descends from it. Were this process itself killed, the
    kernel kills it; what descends from it is found by its mark (`cotejo.ownership`).
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    parent, marked, cpus = os.getpid(), marking(part), set(watch.expected)

    def prepare() -> None:
        marked()
        _die_first_with(parent)
        os.sched_setaffinity(0, cpus)  # numactl refuses CPUs that this process, which stands aside, may not use

    with log.open("wb") as stream, output.open("wb") if output else nullcontext(stream) as said:
        process = subprocess.Popen(
            [*pin, *command],
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=stream,
            env=dict(environment),
            start_new_session=True,
            preexec_fn=prepare,
        )
        child = Child(process, watch, part, log)
        try:
            yield child
        finally:
            child.end()


def run_child(
    pin: Sequence[str],
    command: Sequence[str],
    environment: Mapping[str, str],
    watch: Watch,
    timeout_s: float,
    log: Path,
    at_end: Callable[[], None] = lambda: None,
    over: Callable[[], bool] = lambda: False,
) -> Ending:
    """Run a command behind its pin command until it ends, or kill it when its time is over; its output goes to the log.

    `at_end` is called once it has ended by itself, before it is waited for: what it used can still be read then.
    Once it is `over` without it, where it is one of several, it has a short time to end, and is then killed.
    However this function is left, by an exception too, none of the child's descendants lives on.
    """
    with nothing_left(), aside(watch.expected), started(pin, command, environment, watch, "worker", log) as child:
        deadline_s = time.monotonic() + timeout_s
        timed_out = not supervise([child], lambda: child.has_ended() or over(), deadline_s)
        if child.has_ended() or supervise([child], child.has_ended, min(time.monotonic() + OVER_S, deadline_s)):
            at_end()
        return child.end(timed_out)


def supervise(children: Sequence[Child], over: Callable[[], bool], deadline_s: float) -> bool:
    """Look at the children's threads until it is over; False where the deadline came first."""
    while True:
        for child in children:
            child.look()
        next_s = min(time.monotonic() + INTERVAL_S, deadline_s)
        while not over():
            if time.monotonic() >= next_s:
                break
            time.sleep(POLL_S)
        else:
            return True
        if next_s >= deadline_s:
            return False


def die_with(parent: int) -> None:
    """In a child, before it becomes its command: have the kernel kill it when the parent ends."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before the call
        os._exit(1)


def _die_first_with(parent: int) -> None:
    """In a child, before it becomes its command: die with the parent, and be what the kernel kills for memory."""
    die_with(parent)
    with suppress(OSError), open("/proc/self/oom_score_adj", "w") as adjustment:  # noqa: PTH123 (between fork and exec)
        adjustment.write("1000")


def _ended(process: int) -> bool:
    return os.waitid(os.P_PID, process, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _waited(process: int, deadline_s: float) -> tuple[int, float] | None:
    """The exit code of a child, and the CPU seconds that it and those it waited for used; None where it won't end."""
    while True:
        ended, status, usage = os.wait4(process, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status), usage.ru_utime + usage.ru_stime
        if time.monotonic() > deadline_s:
            return None
        time.sleep(0.001)


@contextmanager
def aside(cpus: frozenset[int]) -> Iterator[None]:
    """Keep this process off the measured CPUs meanwhile, where it has others."""
    mine = affinity.mask()
    os.sched_setaffinity(0, mine - cpus or mine)
    try:
        yield
    finally:
        os.sched_setaffinity(0, mine)


@contextmanager
def nothing_left() -> Iterator[None]:
    """At the end kill every process that was started within and still lives, in whatever session.

    Meanwhile orphans are handed to this process (as their "subreaper"), which is how it finds them.
    """
    others = set(children_of(os.getpid()))
    _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1)
    try:
        yield
    finally:
        with uninterrupted():
            deadline_s = time.monotonic() + KILL_S
            while orphans := set(children_of(os.getpid())) - others:
                for orphan in orphans:
                    os.kill(orphan, signal.SIGKILL)
                    _waited(orphan, deadline_s)
                if time.monotonic() > deadline_s:
                    break
            _libc.prctl(_PR_SET_CHILD_SUBREAPER, 0)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """A second Ctrl-C must not cut this short."""
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)


def last_line(log: Path) -> str:
    """The last line of a log that says something, or an empty text."""
    with log.open("rb") as stream:
        stream.seek(max(0, log.stat().st_size - TAIL_BYTES))
        lines = stream.read().decode(errors="replace").splitlines()
    return next((line.strip() for line in reversed(lines) if line.strip()), "")
