"""The measured process, seen from outside: pinned, watched, bounded in time, and never left behind."""

import ctypes
import os
import resource
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from cotejo import affinity, cgroup
from cotejo.affinity import Watch, children_of

# How often the threads' masks are read. A look takes microseconds per thread.
INTERVAL_S = 0.25
# How often it is looked whether the child has ended.
POLL_S = 0.02
TAIL_BYTES = 4096

# Set by whoever started us, they would reach into the measured process: the same run must not depend on the shell.
INHERITED = ("OMP_", "GOMP_", "KMP_", "MKL_", "OPENBLAS_", "NUMEXPR_", "PYTHON")
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


def run_child(
    pin: Sequence[str],
    command: Sequence[str],
    environment: Mapping[str, str],
    watch: Watch,
    timeout_s: float,
    log: Path,
    at_end: Callable[[], None] = lambda: None,
) -> Ending:
    """Run a command behind its pin command until it ends, or kill it when its time is over; its output goes to the log.

    `at_end` is called once it has ended by itself, before it is waited for: what it used can still be read then.
    However this function is left, by an exception too, none of the child's descendants lives on. Were this process
    itself killed, the kernel kills the child.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    kills_before, cpu_before = cgroup.oom_kills(), _children_cpu_s()
    with log.open("wb") as stream, _nothing_left() as started, _aside(watch.expected) as step_aside:
        start_s = time.monotonic()
        parent = os.getpid()
        process = subprocess.Popen(
            [*pin, *command],
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            env=dict(environment),
            start_new_session=True,
            preexec_fn=lambda: _measured_of(parent),
        )
        started.append(process)
        deadline_s = start_s + timeout_s
        _await_pin(process, pin[0], deadline_s)
        step_aside()
        timed_out = not _watched(process, watch, deadline_s)
        wall_s = time.monotonic() - start_s
        if not timed_out:
            at_end()
    return Ending(
        exit_code=process.returncode,
        timed_out=timed_out,
        oom_killed=cgroup.oom_kills() > kills_before,
        last_line=_last_line(log),
        wall_s=wall_s,
        cpu_s=_children_cpu_s() - cpu_before,
    )


def die_with(parent: int) -> None:
    """In a child, before it becomes its command: have the kernel kill it when the parent ends."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before the call
        os._exit(1)


def _measured_of(parent: int) -> None:
    """In the child, before it becomes the command: die with the parent, and be what the kernel kills for memory."""
    die_with(parent)
    with suppress(OSError), open("/proc/self/oom_score_adj", "w") as adjustment:  # noqa: PTH123 (between fork and exec)
        adjustment.write("1000")


def _await_pin(process: subprocess.Popen[bytes], mechanism: str, deadline_s: float) -> None:
    """Return when the pin command has set the mask and become the command, or has ended, or at the deadline."""
    while _first_argument(process.pid) == mechanism and time.monotonic() < deadline_s:
        time.sleep(0.001)


def _first_argument(process: int) -> str:
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes().split(b"\0")[0].decode(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return ""


def _watched(process: subprocess.Popen[bytes], watch: Watch, deadline_s: float) -> bool:
    """Look at the child's threads until it ends; False where the deadline came first."""
    while True:
        watch.look(process.pid)
        next_s = min(time.monotonic() + INTERVAL_S, deadline_s)
        while not _has_ended(process):
            if time.monotonic() >= next_s:
                break
            time.sleep(POLL_S)
        else:
            return True
        if next_s >= deadline_s:
            return False


def _has_ended(process: subprocess.Popen[bytes]) -> bool:
    """Without waiting for it: until then the kernel keeps what it used."""
    return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


@contextmanager
def _aside(cpus: frozenset[int]) -> Iterator:
    """Yield a function that moves this process off the measured CPUs, where it has others; it moves back at the end.

    Not before the child has its own mask, which it could not leave this one's for.
    """
    mine = affinity.mask()
    try:
        yield lambda: os.sched_setaffinity(0, mine - cpus or mine)
    finally:
        os.sched_setaffinity(0, mine)


@contextmanager
def _nothing_left() -> Iterator[list[subprocess.Popen[bytes]]]:
    """Yield a list for the started process; at the end kill it and every descendant, those in other sessions too.

    Meanwhile orphans are handed to this process (as their "subreaper"), which is how it finds them.
    """
    others = set(children_of(os.getpid()))
    started: list[subprocess.Popen[bytes]] = []
    _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1)
    try:
        yield started
    finally:
        # A second Ctrl-C must not cut this short.
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
        for process in started:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        while orphans := set(children_of(os.getpid())) - others:
            for orphan in orphans:
                os.kill(orphan, signal.SIGKILL)
                os.waitpid(orphan, 0)
        _libc.prctl(_PR_SET_CHILD_SUBREAPER, 0)
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)


def _children_cpu_s() -> float:
    """Of the children that have been waited for: not of the sampler, which is waited for later."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _last_line(log: Path) -> str:
    """The last line of a log that says something, or an empty text."""
    with log.open("rb") as stream:
        stream.seek(max(0, log.stat().st_size - TAIL_BYTES))
        lines = stream.read().decode(errors="replace").splitlines()
    return next((line.strip() for line in reversed(lines) if line.strip()), "")
