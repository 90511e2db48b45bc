"""The load levels of a server's session: one client process for each, one after another."""

import http.client
import random
import shutil
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from cotejo.affinity import process_tree
from cotejo.artefact import Failure
from cotejo.child import Ending, started, supervise
from cotejo.clients.interface import ClientJob
from cotejo.errors import CotejoError, NodeFailed, last_line
from cotejo.load import LoadLevel, levels_of
from cotejo.samples import Level
from cotejo.servers.interface import Endpoint
from cotejo.session import (
    STOP_S,
    ServingError,
    Session,
    Setting,
    hide,
    ran_out_of_memory,
    refuse_missing,
    remedy,
    stack_environment,
    telling_line,
)
from cotejo.telemetry.process import process_cpu_s

# How long a client may go on beyond warm-up and duration: it starts, and the last answers come in.
GRACE_S = 360.0
# How long a client may take to notice that its server is no more.
NOTICE_S = 10.0
# A server is idle again when it uses no more CPU than before the first level did, and this much of a core.
IDLE_CORES = 0.05
IDLE_WINDOW_S = 0.25
DRAIN_S = 30.0


@dataclass(frozen=True)
class Client:
    """What drives the load, and where."""

    module: ModuleType
    run: dict[str, Any]
    api: str
    dataset_folder: Path
    model_folder: Path
    python: Path
    setting: Setting  # the log is that of the first level's name put before its suffix
    scratch: Path

    def job(self, level: LoadLevel, endpoint: Endpoint) -> ClientJob:
        """The job of one level, in a folder of its own that is empty."""
        folder = self.scratch / level.name
        folder.mkdir(parents=True)
        shown = endpoint if self.module.KEY else Endpoint(endpoint.ports, endpoint.model)
        return ClientJob(
            self.run, level, shown, self.api, self.dataset_folder, self.model_folder, folder, self.python,
            len(self.setting.watch.expected),
        )  # fmt: skip


@dataclass
class Sweep:
    """What became of the levels, in the order in which they were measured."""

    levels: list[Level] = field(default_factory=list)
    counted: list[dict[str, float] | None] = field(default_factory=list)  # of each, by the server
    failure: Failure | None = None
    command: list[str] = field(default_factory=list)  # of the first level's client, from its pinning on
    version: str | None = None  # the client's
    peak_rss_mib: float | None = None  # the most that each of the server's processes held, summed
    left: list[str] = field(default_factory=list)  # what was left behind in the end, as sentences
    # Of a client that brings the engine (cotejo.engine), which is measured itself:
    ending: Ending | None = None
    nodes: list[dict[str, Any]] = field(default_factory=list)  # what was seen on the other nodes


def sweep(session: Session, server: ModuleType, client: Client, deadline_s: float) -> Sweep:
    """Put a run's load levels on a server, in an order drawn from the seed, and let it come to rest after each.

    `deadline_s`, an instant of the monotonic clock, is when the client under way is killed. It ends with the first
    level that fails; what was measured until then stays.
    """
    result = Sweep()
    levels = levels_of(client.run)
    at_rest = _busy_cores(session)
    try:
        for load in random.Random(client.run["seed"]).sample(levels, len(levels)):
            job = client.job(load, session.endpoint)
            result.version = result.version or _version(client, job)
            before = _counted(session, server)
            level = _level(session, client, job, result, deadline_s)
            result.levels.append(level)
            result.peak_rss_mib = peak_rss_mib(session.child.process.pid) or result.peak_rss_mib
            result.counted.append(_difference(before, _counted(session, server)))
            refuse_all_failed(level)
            _drain(session, at_rest)
            if session.has_died():
                raise _died(session, result)
    except ServingError as error:
        result.failure = error.failure
    # Whatever a level's own trouble, a server that is no more is its cause.
    if result.failure and session.has_died() and result.failure.reason not in ("server-died", NodeFailed.reason):
        result.failure = _died(session, result).failure
    return result


def _version(client: Client, job: ClientJob) -> str:
    try:
        return str(client.module.version(job))
    except CotejoError as error:
        raise ServingError("client-missing", str(error)) from error


def _level(session: Session, client: Client, job: ClientJob, result: Sweep, deadline_s: float) -> Level:
    """One level, by a client process of its own; ServingError where that fails."""
    run, setting = client.run, client.setting
    log = setting.log.with_name(f"{setting.log.stem}.{job.level.name}{setting.log.suffix}")
    output = job.folder / "standard-output"
    try:
        launch = client.module.command(job)
    except CotejoError as error:
        raise ServingError("client-missing", str(error)) from error
    environment = {**stack_environment(job.threads, job.python), **launch.environment}
    refuse_missing(launch.command[0], environment, "client-missing", remedy(client.module.STACK))
    result.command = result.command or [*setting.pin, *launch.command]
    start_s = time.monotonic()
    deadline_s = min(deadline_s, start_s + run["warmup_s"] + run["duration_s"] + GRACE_S)
    try:
        with started(setting.pin, launch.command, environment, setting.watch, "client", log, output) as child:
            children = [session.child, child]
            in_time = supervise(children, lambda: child.has_ended() or session.has_died(), deadline_s)
            if session.has_died():
                # It then writes down what it has seen: every attempt counts.
                supervise([child], child.has_ended, time.monotonic() + NOTICE_S)
                child.stop(STOP_S)
            ending = child.end(timed_out=not in_time)
        return read_level(client, job, start_s, output, ending, log)
    finally:
        for file in (log, output):
            hide(session.endpoint.key, file)
        if output.is_file():
            shutil.copyfile(output, log.with_suffix(".out"))


def read_level(client: Client, job: ClientJob, start_s: float, output: Path, ending: Ending, log: Path) -> Level:
    """What a client that has ended tells of its level; ServingError where it tells nothing that can be read."""
    name = job.level.name
    if ending.timed_out:
        raise ServingError("timeout", f"{name}: the client had not ended after {ending.wall_s:.0f} s and was killed")
    try:
        # What it wrote counts even if it was asked to end.
        if ending.exit_code in (0, -signal.SIGTERM):
            return client.module.read(job, start_s, output.read_text(encoding="utf-8", errors="replace"))
    except CotejoError as error:
        raise ServingError("client-failed", f"{name}: {error}") from error
    how = f"exit code {ending.exit_code}" if ending.exit_code > 0 else signal.Signals(-ending.exit_code).name
    said = telling_line(log if log.stat().st_size else output)  # some tell of their errors where their results go
    raise ServingError("client-failed", f"{name}: the client ended by {how}: {said}")


def refuse_all_failed(level: Level) -> None:
    """A level of failures alone has no speed."""
    summary = level.summary()
    if summary["requests"] == 0:
        raise ServingError("error", f"{level.level}: no request was answered, or failed, in the measured window")
    if summary["failed_requests"] == summary["requests"]:
        last = f", the last with: {level.samples[-1]['error']}" if level.samples else ""
        raise ServingError("error", f"{level.level}: every one of {summary['requests']} requests failed{last}")


def _died(session: Session, result: Sweep) -> ServingError:
    measured = ", ".join(level.level for level in result.levels) or "none"
    until_then = f". Levels measured until then, the last perhaps in part: {measured}"
    if not session.child.has_ended():
        error = session.others.died()
        return ServingError(error.reason, f"{error}{until_then}")
    ending = session.child.end()
    how = f"exit code {ending.exit_code}" if ending.exit_code >= 0 else signal.Signals(-ending.exit_code).name
    reason = "out-of-memory" if ran_out_of_memory(session.child) else "server-died"
    said = telling_line(session.child.log)
    return ServingError(reason, f"the server ended by {how} while it was measured: {said}{until_then}")


def _counted(session: Session, server: ModuleType) -> dict[str, float] | None:
    """What the server has counted; None where it counts nothing, or no longer answers."""
    if not server.COUNTERS or session.has_died():
        return None
    try:
        return dict(server.counters(session.endpoint))
    except (CotejoError, OSError, ValueError, http.client.HTTPException) as error:
        print(f"the server's counters could not be read: {last_line(error)}", file=sys.stderr)
        return None


def _difference(before: dict[str, float] | None, after: dict[str, float] | None) -> dict[str, float] | None:
    """What was counted between two looks, warm-up included."""
    if before is None or after is None:
        return None
    return {name: after[name] - before[name] for name in after if name in before}


def _drain(session: Session, at_rest: float) -> None:
    """Wait until the server does no more than before the first level: it may still compute for who has hung up."""
    deadline_s = time.monotonic() + DRAIN_S
    while time.monotonic() < deadline_s and not session.has_died():
        if _busy_cores(session) <= at_rest + IDLE_CORES:
            return
    if not session.has_died():
        print(f"the server was still busy {DRAIN_S:g} s after its clients had ended", file=sys.stderr)


def _busy_cores(session: Session) -> float:
    """How many CPUs the server keeps busy, over a fraction of a second."""
    before_s, start_s = _cpu_s(process_tree(session.child.process.pid)), time.monotonic()
    supervise([session.child], session.has_died, start_s + IDLE_WINDOW_S)
    after_s = _cpu_s(process_tree(session.child.process.pid))
    grown_s = sum(after_s[process] - before_s[process] for process in after_s if process in before_s)
    return grown_s / (time.monotonic() - start_s)


def peak_rss_mib(root: int) -> float:
    """The most memory that each process of a tree has held at once (VmHWM), summed; 0 where they have ended."""
    kib = 0
    for process in process_tree(root):
        with suppress(OSError, StopIteration):
            lines = Path(f"/proc/{process}/status").read_text().splitlines()
            kib += int(next(line for line in lines if line.startswith("VmHWM:")).split()[1])
    return kib / 1024


def _cpu_s(processes: Sequence[int]) -> dict[int, float]:
    used = {}
    for process in processes:
        try:
            used[process] = process_cpu_s(process)
        except OSError:
            continue
    return used
