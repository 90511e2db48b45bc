"""A server's cluster: its parts on other nodes, which begin and end with it and which nobody else can reach."""

import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

from cotejo import accelerators, nodes, ports
from cotejo.affinity import process_tree
from cotejo.allocation import allocated
from cotejo.artefact import Failure
from cotejo.errors import MeasuringError, NodeFailed
from cotejo.nodes import Follow, Followers
from cotejo.ownership import part_of
from cotejo.servers.interface import HOST, Cluster, Job, Launch

# A socket's path must be shorter than 108 bytes, and Ray's own part of it is 63.
FOLDERS = Path("/tmp")
# Of a cluster on one machine. Ray takes 127.0.0.1 for the wish to be reached by others, and looks for another address.
LOOPBACK, LOOPBACK_INTERFACE = "127.0.0.2", "lo"
# How often it is looked whether something listens where it mustn't, while nothing says when that would begin.
LOOK_S = 10.0

# Of a job and a launch the command line, and what its environment has beside the usual one.
CommandOf = Callable[[Job, Launch], tuple[list[str], dict[str, str]]]


@dataclass
class Joined:
    """A cluster's parts beside the server itself; all empty for a server without a cluster."""

    cluster: Cluster | None = None
    followers: Followers | None = None
    _looked_s: float = 0.0

    @property
    def reports(self) -> list[dict[str, Any]]:
        """What was seen on the other nodes; once they have ended."""
        return self.followers.reports if self.followers else []

    @property
    def logs(self) -> list[Path]:
        """What the other nodes' parts have written to."""
        return self.followers.logs if self.followers else []

    def failure(self) -> Failure | None:
        """What went wrong there; once they have ended."""
        return self.followers.failure() if self.followers else None

    def ended(self) -> bool:
        """Whether a part on another node has ended."""
        return self.followers is not None and self.followers.ended()

    def refuse_ended(self) -> None:
        """NodeFailed where a part on another node has ended."""
        if self.ended():
            raise self.died()

    def died(self) -> NodeFailed:
        """Why a part on another node has ended."""
        assert self.followers
        return self.followers.died()

    def refuse_exposed(self) -> None:
        """NodeFailed where a node doesn't tell, MeasuringError where others can reach what was started."""
        found = self.exposed()
        if found:
            raise MeasuringError("; ".join(found))

    def exposed(self) -> list[str]:
        """Where what was started listens but on the loopback and, in a cluster, its node's one address, on all nodes;
        NodeFailed where one doesn't tell.
        """
        # Slurm's srun listens to the followers on every address, and asks them for Slurm's own credentials.
        ours = [process for process in process_tree(os.getpid()) if part_of(process) != "step"]
        here = ports.exposed(ours, self.cluster.address if self.cluster else HOST)
        return [*here, *(self.followers.exposed() if self.followers else [])]

    def look(self) -> None:
        """Both, the latter now and then."""
        self.refuse_ended()
        if time.monotonic() >= self._looked_s + LOOK_S:
            self._looked_s = time.monotonic()
            self.refuse_exposed()

    def release(self) -> None:
        """Allow the other nodes' parts to end, because the server is about to."""
        if self.followers:
            self.followers.release()


def is_clustered(module: ModuleType, run: Mapping[str, Any]) -> bool:
    """Whether a server needs a cluster for a run."""
    return bool(getattr(module, "clustered", lambda run: False)(run))


@contextmanager
def joined(module: ModuleType, job: Job, log: Path, command_of: CommandOf) -> Iterator[tuple[Job, Joined]]:
    """The job with the cluster that its server needs, the other nodes' parts running; the same job where it needs none.

    `log` is the server's. However this is left, nothing of it runs on; NodeFailed where there are no such nodes, or one
    can't begin, ServerMissing where there can be no cluster here.
    """
    if not is_clustered(module, job.run):
        yield job, Joined()
        return
    allocation = allocated(job.run) if job.run.get("nodes", 1) > 1 else None
    address = allocation.address if allocation else LOOPBACK
    cluster = Cluster(
        nodes=job.run.get("nodes", 1),
        address=address,
        interface=allocation.interface if allocation else LOOPBACK_INTERFACE,
        port=ports.free_ports(["cluster"], address)["cluster"],
        folder=FOLDERS / f"cotejo-{secrets.token_hex(4)}",
        token=secrets.token_urlsafe(32),
    )
    job = replace(job, cluster=cluster)
    cluster.folder.mkdir(mode=0o700)
    try:
        if allocation is None:
            yield job, Joined(cluster)
            return
        follow = _follow(job, cluster, module.join(job), log, command_of)
        with nodes.following(allocation, follow) as followers:
            yield job, Joined(cluster, followers)
    finally:
        shutil.rmtree(cluster.folder)


def stand_in(run: Mapping[str, Any]) -> Cluster:
    """A cluster for launch lines that people read, before there is an allocation."""
    several = run.get("nodes", 1) > 1
    address, interface = ("FIRST_NODE", "INTERFACE") if several else (LOOPBACK, LOOPBACK_INTERFACE)
    return Cluster(run.get("nodes", 1), address, interface, 6379, FOLDERS / "cotejo-ray")


def _follow(job: Job, cluster: Cluster, launch: Launch, log: Path, command_of: CommandOf) -> Follow:
    command, environment = command_of(job, launch)
    assert cluster.token
    secret = {name: value for name, value in environment.items() if value == cluster.token}
    # The node's own GPUs, which only it knows; by this name or, into a container, by one that ends so.
    own = {name: "{devices}" for name in environment if name.endswith(accelerators.variables())}
    return Follow(
        run=job.run,
        command=command,
        python=job.python,
        log=log,
        environment={name: value for name, value in environment.items() if name not in secret} | own,
        secrets=secret,
        part="server",
        lasting=True,
        folders=[cluster.folder, job.scratch],
    )
