"""A client that brings the engine itself: its process is started, pinned, watched and stopped as a server is.

No server is running meanwhile, so that nothing else computes, and there is nothing to be calibrated or counted.
"""

import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from types import ModuleType

from cotejo.child import started, supervise
from cotejo.clients.interface import ClientJob
from cotejo.errors import CotejoError
from cotejo.load import levels_of
from cotejo.samples import Level
from cotejo.servers.interface import Endpoint, Job
from cotejo.session import (
    ServingError,
    Setting,
    hide,
    in_cluster,
    ran_out_of_memory,
    refuse_missing,
    remedy,
    server_command,
    telling_line,
)
from cotejo.sweep import Client, Sweep, read_level, refuse_all_failed


def brings_engine(client: ModuleType) -> bool:
    """Whether a client loads the model itself."""
    return hasattr(client, "ENGINES")


def sweep_engine(
    server: ModuleType, engine: Job, client: Client, setting: Setting, deadline_s: float, finish: Callable[[], None]
) -> Sweep:
    """Run a client that brings the engine of `server`, at its one load level. Within `child.nothing_left`.

    `setting` is the server's: its CPUs, its log, its image. `deadline_s`, an instant of the monotonic clock, is when it
    is killed; `finish` is called when it has ended, before it is waited for.
    """
    [load] = levels_of(client.run)
    job = client.job(load, Endpoint({}, client.run["model"]))
    job = replace(job, engine=replace(engine, scratch=job.folder), python=engine.python, threads=engine.threads)
    result = Sweep()
    try:
        level = _level(server, client, job, setting, deadline_s, finish, result)
        result.levels.append(level)
        result.counted.append(None)
        refuse_all_failed(level)
    except ServingError as error:
        result.failure, result.nodes = error.failure, result.nodes or error.nodes
    return result


def _level(
    server: ModuleType, client: Client, job: ClientJob, setting: Setting, deadline_s: float,
    finish: Callable[[], None], result: Sweep,
) -> Level:  # fmt: skip
    """The level; ServingError where it fails. What was started, and how it ended, is put into `result`."""
    assert job.engine is not None
    output, start_s = job.folder / "standard-output", time.monotonic()
    with in_cluster(server, job.engine, setting) as (engine, others):
        try:
            launch = client.module.command(replace(job, engine=engine))
            command, environment = server_command(server, engine, launch, None, setting.image)
        except CotejoError as error:
            raise ServingError("client-missing", str(error)) from error
        refuse_missing(command[0], environment, "client-missing", remedy(client.module.STACK, setting.image))
        result.command, start_s = [*setting.pin, *command], time.monotonic()

        def ended() -> bool:
            if not child.has_ended():
                others.look()
            return child.has_ended()

        with started(setting.pin, command, environment, setting.watch, "server", setting.log, output) as child:
            in_time = supervise([child], ended, deadline_s)
            others.release()
            finish()
            result.ending = child.end(timed_out=not in_time)
    result.nodes = others.reports
    hide(others.cluster.token if others.cluster else None, output)
    shutil.copyfile(output, setting.log.with_suffix(".out"))
    result.left = [f"process {process} could not be ended" for process in child.left]
    failure = others.failure()
    if failure:
        raise ServingError(failure.reason, failure.message)
    if in_time and result.ending.exit_code != 0 and ran_out_of_memory(child):
        raise ServingError("out-of-memory", f"{job.level.name}: {telling_line(child.log)}")
    return read_level(client, job, start_s, output, result.ending, setting.log)
