"""A server's session: started pinned and in a session of its own, proven to be ours and right, and stopped again."""

import http.client
import os
import secrets
import shutil
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

from cotejo import accelerators, affinity, container, ports
from cotejo.affinity import Watch, process_tree
from cotejo.artefact import Failure
from cotejo.child import Child, Ending, child_environment, started, supervise
from cotejo.cluster import Joined, joined
from cotejo.code import SCRIPTS
from cotejo.errors import OUT_OF_MEMORY, CotejoError, MeasuringError, last_line
from cotejo.images import Image
from cotejo.servers.interface import Endpoint, Identity, Job, Launch
from cotejo.telling import telling_line

READY_TIMEOUT_S = 600.0
# How often a server that is not ready yet is asked, and how long one that is asked to end may take.
ASK_S = 0.25
STOP_S = 20.0
# How often a server is started anew because another program was quicker to take its port.
PORT_ATTEMPTS = 2
PORTS_FREE_S = 5.0

# Models lie on disk, so no server needs them; what a server never had can't reach its log.
SECRETS = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HUGGINGFACE_TOKEN")


class ServingError(Exception):
    """Why there is no server that could be measured; with its command, and how it ended, where one was started."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.failure = Failure(reason, message)
        self.command: list[str] = []
        self.ending: Ending | None = None
        self.nodes: list[dict[str, Any]] = []  # what was seen on the other nodes


class PortTakenError(ServingError):
    """Another program listens on the server's port."""

    def __init__(self, message: str) -> None:
        super().__init__("port-taken", message)


@dataclass(frozen=True)
class Setting:
    """Where and how a server or a client is started."""

    pin: Sequence[str]
    watch: Watch
    log: Path
    image: Image | None = None  # of an Apptainer container; None: none


@dataclass
class Session:
    """A server that is ready, or was."""

    endpoint: Endpoint
    identity: Identity
    child: Child
    command: list[str]
    ready_s: float
    others: Joined = field(default_factory=Joined)  # its parts on other nodes
    left: list[str] = field(default_factory=list)  # what it left behind, as sentences

    def has_died(self) -> bool:
        return self.child.has_ended() or self.others.ended()


@contextmanager
def serving(module: ModuleType, job: Job, setting: Setting, keyed: bool = True) -> Iterator[Session]:
    """Start a server, wait until the right model answers, and stop it at the end. Within `child.nothing_left`.

    With `keyed` it gets a random key that clients must show, where it can ask for one. ServingError where there comes
    no server to be measured. However this is left, nothing of it runs on; where it is left well, it is first asked to
    end, and what it leaves behind is told in `session.left`.
    """
    with ExitStack() as stack:
        for attempt in range(1, PORT_ATTEMPTS + 1):
            try:
                session = stack.enter_context(_once(module, job, setting, keyed))
                break
            except PortTakenError:
                if attempt == PORT_ATTEMPTS:
                    raise
        yield session


@contextmanager
def _once(module: ModuleType, job: Job, setting: Setting, keyed: bool) -> Iterator[Session]:
    key = secrets.token_urlsafe(32) if keyed and module.KEY else None
    with in_cluster(module, job, setting) as (job, others):
        endpoint = Endpoint(ports.free_ports(module.PORTS), job.run["model"], key)
        try:
            command, environment = server_command(module, job, module.launch(job, endpoint), key, setting.image)
        except CotejoError as error:
            raise ServingError("server-missing", str(error)) from error
        refuse_missing(command[0], environment, "server-missing", remedy(module.STACK, setting.image))
        try:
            with started(setting.pin, command, environment, setting.watch, "server", setting.log) as child:
                begun_s = time.monotonic()
                timeout_s = job.run.get("ready_timeout_s", READY_TIMEOUT_S)
                try:
                    identity = _ready(module, child, endpoint, timeout_s, others)
                except ServingError as error:
                    error.command, error.ending = [*setting.pin, *command], child.end()
                    raise
                ready_s = time.monotonic() - begun_s
                session = Session(endpoint, identity, child, [*setting.pin, *command], ready_s, others)
                yield session
                if not session.has_died():
                    others.refuse_exposed()
                others.release()
                child.stop(STOP_S)
                session.left = _left(child, endpoint)
        finally:
            hide(key, setting.log)


@contextmanager
def in_cluster(module: ModuleType, job: Job, setting: Setting) -> Iterator[tuple[Job, Joined]]:
    """The job with the cluster that its server needs, and the cluster's parts on other nodes, which run meanwhile.

    What is wrong with one of them becomes a ServingError, which then says what was seen on all.
    """
    others = Joined()
    try:
        with joined(module, job, setting.log, partial(_added, module, setting.image)) as (job, others):
            yield job, others
    except MeasuringError as error:
        failed = ServingError(error.reason, str(error))
        failed.nodes = others.reports
        raise failed from error
    except ServingError as error:
        error.nodes = others.reports
        raise
    finally:
        for log in (setting.log, *others.logs):
            hide(others.cluster.token if others.cluster else None, log)


def _added(module: ModuleType, image: Image | None, job: Job, launch: Launch) -> tuple[list[str], dict[str, str]]:
    """The command line of a launch, and what its environment has beside the usual one."""
    command, environment = server_command(module, job, launch, None, image)
    usual = stack_environment(job.threads, job.python)
    return command, {name: value for name, value in environment.items() if usual.get(name) != value}


def server_command(
    module: ModuleType, job: Job, launch: Launch, key: str | None, image: Image | None
) -> tuple[list[str], dict[str, str]]:
    """The command line that starts a server, or an engine of it, and its environment; in a container of an image."""
    if image is None:
        return list(launch.command), server_environment(module, job, launch, key)
    program = container.find_program() or container.PROGRAMS[0]
    inside = server_environment(module, job, launch, key, container.handed_on(os.environ))
    for folder in launch.writes:
        folder.mkdir(parents=True, exist_ok=True)
    command = container.in_image(program, image.file, launch, job)
    return command, container.around(program, inside, stack_environment(job.threads, job.python))


def server_environment(
    module: ModuleType, job: Job, launch: Launch, key: str | None, outer: Mapping[str, str] = os.environ
) -> dict[str, str]:
    """The environment of a server: without secrets of the user's, with its key, and its own stack's programs first."""
    kept = stack_environment(job.threads, job.python, outer)
    gpus = accelerators.shown(job.run, kept).variables
    return {**kept, **gpus, **launch.environment, **({module.KEY: key} if key else {})}


def stack_environment(threads: int, python: Path, outer: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The environment of a program that belongs to an interpreter's stack: without secrets of the user's."""
    given = child_environment(threads, SCRIPTS, outer)
    usual = {name: value for name, value in given.items() if name not in SECRETS}
    folders = [str(python.parent)] if python.is_absolute() else []  # in an image it is but a name
    return usual | {"PATH": os.pathsep.join([*folders, usual.get("PATH", os.defpath)])}


def remedy(stack: str | None, image: Image | None = None) -> str:
    """What to do where a program of a stack is missing, or the one that makes containers."""
    if image:
        return container.REMEDY
    if stack is None:
        return "Install it, or put its folder on PATH"
    return f"Run `make env-{stack}`, or name your own under `environments` in config/config.yaml"


def refuse_missing(program: str, environment: Mapping[str, str], reason: str, remedy: str) -> None:
    """ServingError where there is no such program."""
    if shutil.which(program, path=environment.get("PATH")) is None:
        raise ServingError(reason, f"{program}: there is no such program. {remedy}")


def _ready(module: ModuleType, child: Child, endpoint: Endpoint, timeout_s: float, others: Joined) -> Identity:
    """What the server says that it is, once it does and every port is held by what was started here."""
    deadline_s = time.monotonic() + timeout_s
    numbers = set(endpoint.ports.values())
    said = "it listened on no port"
    while True:
        until_s = min(time.monotonic() + ASK_S, deadline_s)
        ended = supervise([child], lambda: child.has_ended() or others.ended(), until_s)
        held = _held(numbers)
        if ended and not child.has_ended():
            others.refuse_ended()
        if ended:
            raise ServingError(
                "out-of-memory" if ran_out_of_memory(child) else "server-exited",
                f"ended before it was ready: {explained(module, telling_line(child.log))}",
            )
        if held == numbers:
            said = "it answered, but no model was ready"
            try:
                identity: Identity | None = module.identify(endpoint)
            except CotejoError as error:
                raise ServingError("wrong-model", str(error)) from error
            except (OSError, ValueError, http.client.HTTPException) as error:
                said, identity = f"asked who it is, it said: {last_line(error)}", None
            if identity:
                others.refuse_exposed()
                return identity
        if time.monotonic() >= deadline_s:
            raise ServingError(
                "server-not-ready",
                f"not ready after {timeout_s:g} s (ready_timeout_s): {said}. Its log's last telling line: "
                f"{telling_line(child.log)}",
            )


def explained(module: ModuleType, line: str) -> str:
    """A line of a server's log, with what its module knows to do about it."""
    more = module.explain(line) if hasattr(module, "explain") else ""
    return f"{line}. {more}" if more else line


def _held(numbers: set[int]) -> set[int]:
    """The ports on which what was started here listens; PortTakenError where somebody else does."""
    found = ports.listeners(numbers)
    own = ports.sockets_of(process_tree(os.getpid())) if found else set()
    for listener in found:
        if listener.inode not in own:
            raise PortTakenError(f"port {listener.port}: another program listens on it. Stop that program")
        if not ports.is_loopback(listener):
            raise ServingError(
                "error", f"port {listener.port}: it listens on {listener.address}, where other machines can reach it"
            )
    return {listener.port for listener in found}


def _left(child: Child, endpoint: Endpoint) -> list[str]:
    """What a server that was stopped left behind."""
    numbers = set(endpoint.ports.values())
    supervise([], lambda: not ports.listeners(numbers), time.monotonic() + PORTS_FREE_S)
    still = {listener.port for listener in ports.listeners(numbers)}
    return [f"port {number} is not free again" for number in sorted(still)] + [
        f"process {process} could not be ended" for process in child.left
    ]


def ran_out_of_memory(child: Child) -> bool:
    """Whether a child that has ended did so for a lack of memory."""
    ending = child.end()
    signs = (*OUT_OF_MEMORY, "memoryerror", "out of memory")
    killed = ending.exit_code == -signal.SIGKILL and ending.oom_killed
    return killed or any(sign in telling_line(child.log).lower() for sign in signs)


def hide(key: str | None, file: Path) -> None:
    """Strike a key out of what a program wrote, for no program can be trusted never to write it."""
    if key and file.is_file() and key.encode() in (data := file.read_bytes()):
        file.write_bytes(data.replace(key.encode(), b"[key]"))


def client_cpus(asked: int | str, servers: frozenset[int]) -> frozenset[int]:
    """The CPUs that a run's `client_cores` means here: "rest" is all but the server's, or those where it has all."""
    allowed = affinity.mask()
    if asked == "rest":
        return frozenset(allowed - servers) or servers
    try:
        return frozenset(affinity.resolve(asked, allowed, affinity.topology()))
    except CotejoError as error:
        raise CotejoError(f"--run: client_cores: {asked!r}: {error}") from error
