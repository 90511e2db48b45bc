"""What the modules of load tools by others share: one request in a file, programs, and levels made of their rows."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from cotejo.apis import api
from cotejo.clients.interface import ClientJob
from cotejo.errors import CotejoError
from cotejo.files import read_json, write_json
from cotejo.samples import Level, Sample

# After it a request has failed: far beyond any answer's time, and short enough for a level not to hang for ever.
REQUEST_TIMEOUT_S = 300


ITEM = "item.json"
INSTANTS = ("scheduled_s", "sent_s", "first_token_s", "done_s")


class OneRequest(NamedTuple):
    """The request that a tool sends over and over: its body lies in a file."""

    item: str
    url: str
    body: Path
    headers: dict[str, str]


def one_request(job: ClientJob) -> OneRequest:
    """The first of the run's requests, its body written into the job's folder, and its item's name beside it."""
    module = api(job.api)
    item = next(module.items(job.run, job.dataset_folder, job.model_folder))
    request = module.request(item, job.run, job.endpoint)
    body = job.folder / "body.json"
    body.write_bytes(request.body)
    write_json(job.folder / ITEM, item.item)
    return OneRequest(item.item, job.endpoint.url() + request.path, body, request.headers)


def sent_item(job: ClientJob) -> str:
    """The item's name of the one request that was sent."""
    return str(read_json(job.folder / ITEM))


def header_arguments(request: OneRequest) -> list[str]:
    """The request's headers as hey and ab take them."""
    headers = dict(request.headers)
    arguments = ["-T", headers.pop("Content-Type")]
    for name, value in headers.items():
        arguments += ["-H", f"{name}: {value}"]
    return arguments


def level_of(
    job: ClientJob,
    rows: Iterable[Sample],
    start_s: float,
    window_s: tuple[float, float],
    inputs: str,
    **facts: Any,
) -> Level:
    """The level of a tool's requests, whose instants count from start_s, the monotonic instant of the tool's start.

    It holds the requests due in the window, from the end of the warm-up until no more were sent, whenever they were
    done: in a closed loop each answer is followed by a request, so as many are sent in it as answered. The others
    count as warm-up. CotejoError where none is left.
    """
    begin_s, end_s = window_s
    every = list(rows)
    kept = [row for row in every if begin_s <= row["scheduled_s"] < end_s]
    kept.sort(key=lambda row: row["scheduled_s"])
    if not kept:
        raise CotejoError(
            f"{job.run['client']}: {job.level.name}: none of {len(every)} requests was due after the warm-up of "
            f"{begin_s:.1f} s. Set a longer duration_s"
        )
    shifted = [row | {name: row[name] - begin_s for name in INSTANTS if row.get(name) is not None} for row in kept]
    return Level(
        level=job.level.name,
        warmup_requests=len(every) - len(kept),
        warmup_s=begin_s,
        start_monotonic_s=start_s + begin_s,
        duration_s=end_s - begin_s,
        samples=[{"level": job.level.name, "index": index, **row} for index, row in enumerate(shifted)],
        concurrency=job.level.concurrency,
        load=job.level.load,
        rate_rps=job.level.rate_rps,
        inputs=inputs,
        **facts,
    )


def window(job: ClientJob) -> tuple[float, float]:
    """When the warm-up ends and when no more is sent, in seconds, for tools that can stop at any time."""
    warmup_s = float(job.run["warmup_s"])
    return warmup_s, warmup_s + float(job.run["duration_s"])


def failure_of(status: int) -> dict[str, Any]:
    """A sample's columns by HTTP's status alone."""
    return {"ok": 1, "error": ""} if 200 <= status < 300 else {"ok": 0, "error": f"HTTP {status}"}


def program(name: str, remedy: str) -> str:
    """A program's path; CotejoError where it is missing."""
    found = shutil.which(name)
    if found is None:
        raise CotejoError(f"{name}: not found on PATH. {remedy}")
    return found


def said(command: Sequence[str], pattern: str, environment: Mapping[str, str] = MappingProxyType({})) -> str:
    """What a pattern's first group finds in what a command prints; "unknown" where it finds nothing."""
    if shutil.which(command[0]) is None:
        return "unknown"
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | dict(environment))
    match = re.search(pattern, done.stdout + done.stderr, re.MULTILINE)
    return match[1] if match else "unknown"
