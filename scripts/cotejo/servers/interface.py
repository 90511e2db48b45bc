"""What a server's module is given, and what it gives."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HOST = "127.0.0.1"

# What servers count, where they do, since their start. `*_s` are sums over requests, so that a difference divided by
# the requests between two looks is a mean.
COUNTED = (
    "requests",  # answered well
    "failed_requests",
    "tokens_in", "tokens_out",
    "queue_s",  # waiting to be computed
    "compute_s",  # being computed, on whatever part of a batch
    "inference_s",  # in the server from arrival to answer
    "executions",  # batches that were computed: requests / executions is the mean batch size
)  # fmt: skip


@dataclass(frozen=True)
class Cluster:
    """Where the parts of a server that needs a cluster of its own find each other, and what they show each other."""

    nodes: int
    address: str  # IPv4, of the first node
    interface: str  # which has that address there
    port: int
    folder: Path  # on each node, for what the cluster writes while it runs; gone afterwards
    token: str | None = field(default=None, repr=False)  # as an endpoint's key


@dataclass(frozen=True)
class Job:
    """What is to be served, and with what. Paths are absolute."""

    run: Mapping[str, Any]
    artefact: Path  # the export's folder, or the model's where the backend needs no export
    model_folder: Path
    prepared: Path  # what `prepare` renders into; only read afterwards
    python: Path  # the interpreter of the server's STACK
    threads: int  # CPUs that it is pinned to
    scratch: Path  # for what it writes while it runs; gone afterwards
    program: Path | None = None  # the user's own, where config names one
    contained: bool = False  # whether it runs in an image, which has programs of its own and none of this machine's
    cluster: Cluster | None = None  # where the server's module asks for one


@dataclass(frozen=True)
class Endpoint:
    """Where a server listens, and what it answers to."""

    ports: Mapping[str, int]  # by the names of PORTS
    model: str  # the name by which the model is asked for
    key: str | None = None  # that clients must show; never on a command line, in a log or in a record

    def url(self, port: str = "http") -> str:
        return f"http://{HOST}:{self.ports[port]}"

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"} if self.key else {}


@dataclass(frozen=True)
class Launch:
    """A command line, with what its environment needs beside the usual (the key is added by whoever starts it)."""

    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    writes: Sequence[Path] = ()  # folders that it writes to beside the job's scratch, and that outlive it


@dataclass(frozen=True)
class Identity:
    """What a server says that it is: its version, and further facts for the record (`runtime`)."""

    version: str
    facts: Mapping[str, Any] = field(default_factory=dict)
