"""What a client's module is given."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cotejo.load import LoadLevel
from cotejo.servers.interface import Endpoint, Job


@dataclass(frozen=True)
class ClientJob:
    """One load level to be put on a server. Paths are absolute."""

    run: Mapping[str, Any]
    level: LoadLevel
    endpoint: Endpoint  # without a key where the client has no way to show one
    api: str  # a name of `cotejo.apis`
    dataset_folder: Path
    model_folder: Path
    folder: Path  # empty, for what the client reads and writes
    python: Path  # the interpreter of the client's STACK; its programs lie beside it
    threads: int  # CPUs that it is pinned to
    repeat: int = 1  # each has arrivals of its own
    engine: Job | None = None  # what it is to load, of a client that brings the engine itself (ENGINES)
