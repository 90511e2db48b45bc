"""Servers of known behaviour, and load put on them by Cotejo's client."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from cotejo.clients import own
from cotejo.clients.interface import ClientJob
from cotejo.command import ROOT
from cotejo.files import read_json, write_json
from cotejo.load import LoadLevel
from cotejo.samples import Level
from cotejo.servers.interface import Endpoint

ENVIRONMENT = {"PYTHONPATH": str(ROOT / "scripts"), "PATH": "/usr/local/bin:/usr/bin:/bin"}
RUN = {
    "seed": 1, "task": "text-generation", "server": None, "client": "cotejo", "new_tokens": 16,
    "shared_prefix_tokens": 0, "warmup_s": 0.5, "duration_s": 2.0, "stop_width": None,
    "stop_percentile": 50, "stop_least_s": 0.0, **own.OPTIONS,
}  # fmt: skip


@dataclass
class Known:
    """A server of known behaviour: its port, and once it has ended what it saw: arrived, first token, done."""

    port: int
    truth: np.ndarray = field(default_factory=lambda: np.empty((0, 3)))

    def between(self, start_s: float, end_s: float) -> np.ndarray:
        """The truth of what arrived between two instants of CLOCK_MONOTONIC."""
        return self.truth[(self.truth[:, 0] >= start_s) & (self.truth[:, 0] < end_s)]


@contextmanager
def server_process(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A Python process that prints its port; it is killed at the end if it still lives."""
    command = [sys.executable, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT) as process:
        try:
            assert process.stdout is not None
            yield process, int(process.stdout.readline())
        finally:
            process.kill()


@contextmanager
def known_server(folder: Path, **behaviour: Any) -> Iterator[Known]:
    """A known_server.py; its truth is there once the block has ended."""
    script, truth = Path(__file__).with_name("known_server.py"), folder / "truth.json"
    with server_process(str(script), "--behaviour", json.dumps(behaviour), "--truth", str(truth)) as (process, port):
        known = Known(port)
        yield known
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=20)
        known.truth = np.array(read_json(truth)).reshape(-1, 3)


def job_of(folder: Path, port: int, level: LoadLevel, api: str = "openai-chat", **settings: Any) -> ClientJob:
    """A level for the server at a port, with a data set of two prompts."""
    dataset = folder / "dataset"
    items = [{"file": f"{number}.txt", "text": f"Prompt number {number}."} for number in range(2)]
    write_json(dataset / "dataset.json", {"kind": "prompts", "items": items})
    for item in items:
        (dataset / item["file"]).write_text(item["text"], encoding="utf-8")
    place = folder / f"client-{level.name}-{time.monotonic_ns()}"
    place.mkdir()
    endpoint = Endpoint({"http": port}, "known")
    return ClientJob({**RUN, **settings}, level, endpoint, api, dataset, folder, place, Path(sys.executable), 1)


def start(job: ClientJob) -> subprocess.Popen[str]:
    launch = own.command(job)
    environment = ENVIRONMENT | launch.environment
    return subprocess.Popen(launch.command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def driven(job: ClientJob, timeout_s: float = 60) -> Level:
    """What our client's process makes of a job."""
    begun_s = time.monotonic()
    with start(job) as process:
        output, errors = process.communicate(timeout=timeout_s)
    assert process.returncode == 0, errors
    return own.read(job, begun_s, output)


def closed(concurrency: int) -> LoadLevel:
    return LoadLevel(f"concurrency-{concurrency}", "closed", concurrency=concurrency)


def open_at(rate_rps: float, arrival: str = "poisson") -> LoadLevel:
    return LoadLevel(f"rate-{rate_rps:g}", "open", rate_rps=rate_rps, arrival=arrival)
