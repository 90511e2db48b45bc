"""What a client can do at most, and what it adds: its own load on a server that answers at once, on the same CPUs."""

import json
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np

from cotejo.affinity import Watch
from cotejo.apis import api
from cotejo.child import started, supervise
from cotejo.clients.interface import ClientJob
from cotejo.clients.null_server import MODEL
from cotejo.errors import CotejoError
from cotejo.load import LoadLevel
from cotejo.samples import Level
from cotejo.servers.interface import Endpoint
from cotejo.session import Setting, stack_environment
from cotejo.stats import percentile_ms

WARMUP_S, WINDOW_S = 0.2, 0.6
CONCURRENCY = 8
READY_S = 20.0
TIMEOUT_S = 180.0  # of one level: some clients take half a minute to start


def calibrate(client: ModuleType, job: ClientJob, server: Setting, driver: Setting) -> dict[str, float | None] | None:
    """A client's rate and the latency that it adds; None where a null server is not enough for it (`CALIBRATES`).

    `closed_rps`, `streaming_rps`: the requests a second that it gets answered whole and streamed, CONCURRENCY at once;
    equal where it always streams, and `streaming_rps` None where it never does. `added_latency_p50_ms`, `_p99_ms`: of
    one request at a time (to its first token, if it always streams), with what kernel and null server take.
    `job` is one of the run's, whose level and endpoint don't count; its folder is filled. `server` and `driver` say on
    which CPUs. Within `cotejo.child.nothing_left`. CotejoError where the client fails.
    """
    if not getattr(client, "CALIBRATES", True) or "closed" not in client.LOADS:
        return None
    with _null_server(job, server) as port:
        alone = _level(client, job, driver, port, 1, stream=False)
        rates = [_level(client, job, driver, port, CONCURRENCY, stream=False)]
        if api(job.api).STREAMS and job.run.get("stream"):
            rates.append(_level(client, job, driver, port, CONCURRENCY, stream=True))
    whole = [_rate_rps(level) for level in rates if not _streamed(level)]
    streamed = [_rate_rps(level) for level in rates if _streamed(level)]
    p50_ms, p99_ms = _latencies_ms(alone)
    return {
        "closed_rps": (whole or streamed)[0],
        "added_latency_p50_ms": p50_ms,
        "added_latency_p99_ms": p99_ms,
        "streaming_rps": streamed[0] if streamed else None,
    }


@contextmanager
def _null_server(job: ClientJob, setting: Setting) -> Iterator[int]:
    """A null server for the job's API; gives its port."""
    settings = {name: job.run[name] for name in ("new_tokens", "caption_tokens") if name in job.run}
    command = [sys.executable, "-m", "cotejo.clients.null_server", "--api", job.api, "--run", json.dumps(settings)]
    log, output = job.folder / "null-server.log", job.folder / "null-server.port"
    environment = stack_environment(1, job.python)
    with started(setting.pin, command, environment, Watch(setting.watch.expected), "server", log, output) as child:
        ready = supervise(
            [], lambda: child.has_ended() or output.read_text().endswith("\n"), time.monotonic() + READY_S
        )
        if not ready or child.has_ended():
            raise CotejoError(f"null server: it did not start. Its last line: {child.end().last_line}")
        yield int(output.read_text())


def _level(client: ModuleType, job: ClientJob, setting: Setting, port: int, concurrency: int, stream: bool) -> Level:
    """A short level by the client, in a folder of its own below the job's."""
    name = f"concurrency-{concurrency}{'-streamed' if stream else ''}"
    folder = job.folder / name
    folder.mkdir()
    short = {"warmup_s": WARMUP_S, "duration_s": WINDOW_S, "stop_width": None, "server": None}
    run = {**job.run, **short} | ({"stream": stream} if "stream" in client.OPTIONS else {})
    level = LoadLevel(name, "closed", concurrency=concurrency)
    mine = replace(job, run=run, level=level, endpoint=Endpoint({"http": port}, MODEL), folder=folder)
    launch = client.command(mine)
    environment = {**stack_environment(job.threads, job.python), **launch.environment}
    log, output = folder / "log", folder / "output"
    begun_s = time.monotonic()
    with started(
        setting.pin, launch.command, environment, Watch(setting.watch.expected), "client", log, output
    ) as child:
        in_time = supervise([], child.has_ended, begun_s + TIMEOUT_S)
        ending = child.end(timed_out=not in_time)
    if ending.exit_code != 0:
        raise CotejoError(
            f"client {run['client']}: exit code {ending.exit_code} at a null server. Its last line: {ending.last_line}"
        )
    return client.read(mine, begun_s, output.read_text(encoding="utf-8", errors="replace"))


def _good(level: Level) -> list[Mapping[str, Any]]:
    return [sample for sample in level.samples if sample["ok"]]


def _streamed(level: Level) -> bool:
    return any("ttft" in name for name in level.reported) or any(
        sample.get("first_token_s") is not None for sample in level.samples
    )


def _rate_rps(level: Level) -> float:
    return len(_good(level)) / level.duration_s if level.samples else level.reported["requests_per_s"]


def _latencies_ms(level: Level) -> tuple[float | None, float | None]:
    """Percentiles 50 and 99 of the time to the first token, or of the whole where answers come whole."""
    end = "first_token_s" if _streamed(level) else "done_s"
    if level.samples:
        times_s = np.array([sample[end] - sample["scheduled_s"] for sample in _good(level)])
        return percentile_ms(times_s, 50), percentile_ms(times_s, 99)
    what = "ttft" if _streamed(level) else "latency"
    return level.reported.get(f"{what}_p50_ms"), level.reported.get(f"{what}_p99_ms")
