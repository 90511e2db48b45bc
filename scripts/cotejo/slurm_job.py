"""The Slurm job that this process is part of: what Slurm says of it, and how Slurm writes lists of nodes."""

import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import product
from typing import Any

from cotejo.errors import CotejoError

# A controller that is busy, or away, isn't waited for: a measurement can do without what only it knows.
ASK_S = 5.0


@dataclass(frozen=True)
class Job:
    """A job; None for what neither Slurm's controller nor the job's variables tell."""

    id: str
    partition: str | None = None
    nodes: tuple[str, ...] | None = None  # their names; all nodes of the allocation
    cpus: int | None = None  # on all of them together, as `gpus`
    gpus: int | None = None
    restarts: int | None = None  # how often Slurm has put it back into its queue
    time_limit_s: int | None = None  # None where there is no limit, too


def own_job(environment: Mapping[str, str] = os.environ, timeout_s: float = ASK_S) -> Job | None:
    """The job that this process is part of; None outside Slurm.

    Asked of the controller, for a job's steps don't see all of their job's variables.
    """
    job = environment.get("SLURM_JOB_ID")
    if not job:
        return None
    told = _described(job, environment, timeout_s)
    return _read(job, told) if told else _remembered(job, environment)


def refuse_superseded(job: Job | None) -> None:
    """CotejoError where Slurm has put a job, as it was asked for at first, back into its queue since then.

    A node that comes back after Slurm gave it up goes on for a while with what another one may have measured by now.
    """
    now = own_job()
    if job and now and None not in (job.restarts, now.restarts) and now.restarts != job.restarts:
        raise CotejoError(
            f"Slurm job {job.id}: it was put back into the queue meanwhile, and this go of it ended. The later one "
            "writes the record; nothing is written here"
        )


def facts(job: Job | None) -> dict[str, Any] | None:
    """A job as the record's `environment.slurm` has it."""
    if job is None:
        return None
    return asdict(job) | {"nodes": None if job.nodes is None else list(job.nodes)}


def expanded(listed: str) -> tuple[str, ...]:
    """The names of a list as Slurm writes it: "gpu[01-03,7],login" → gpu01, gpu02, gpu03, gpu7, login."""
    names: list[str] = []
    for part in re.findall(r"(?:[^,\[]|\[[^\]]*\])+", listed):
        pieces = re.split(r"\[([^\]]*)\]", part)
        choices = [_numbers(piece) if place % 2 else [piece] for place, piece in enumerate(pieces)]
        names += map("".join, product(*choices))
    return tuple(names)


def _numbers(ranges: str) -> list[str]:
    """["01", "02", "7"] of "01-02,7"."""
    found: list[str] = []
    for part in ranges.split(","):
        first, _, last = part.partition("-")
        if first.isdigit() and (last or first).isdigit():
            found += [f"{number:0{len(first)}}" for number in range(int(first), int(last or first) + 1)]
        else:  # some sites count to another base
            found.append(part)
    return found


def _described(job: str, environment: Mapping[str, str], timeout_s: float) -> str:
    """One line of keys and values about a job; empty where Slurm doesn't answer, or no longer knows it."""
    command = ["scontrol", "--oneliner", "--details", "show", "job", job]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=timeout_s, check=False, env=dict(environment)
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _read(job: str, line: str) -> Job:
    # The first of each name: what follows further on may be a user's own words, as in Command and Comment.
    told: dict[str, str] = {}
    for name, value in re.findall(r"(?:^|(?<=\s))([A-Za-z_]+)=(\S*)", line):
        told.setdefault(name, value)
    return Job(
        id=job,
        partition=told.get("Partition"),
        nodes=expanded(told["NodeList"]) if told.get("NodeList", "(null)") != "(null)" else None,
        cpus=_whole(told.get("NumCPUs")),
        gpus=_gpus(told["JOB_GRES"]) if "JOB_GRES" in told else None,
        restarts=_whole(told.get("Restarts")),
        time_limit_s=_seconds(told.get("TimeLimit", "")),
    )


def _remembered(job: str, environment: Mapping[str, str]) -> Job:
    """What the variables alone tell, of those that this process sees."""
    listed = environment.get("SLURM_JOB_NODELIST")
    return Job(
        id=job,
        partition=environment.get("SLURM_JOB_PARTITION"),
        nodes=expanded(listed) if listed else None,
        restarts=_whole(environment.get("SLURM_RESTART_COUNT")),
    )


def _gpus(generic: str) -> int:
    """The GPUs among a job's generic resources: 3 of "gpu:a30:2,gpu:t4:1,nvme:100"; none of "(null)"."""
    return sum(int(number) for number in re.findall(r"(?:^|,)gpu(?::[^:,]+)?:(\d+)", generic))


def _whole(text: str | None) -> int | None:
    return int(text) if text and text.isdigit() else None


def _seconds(text: str) -> int | None:
    """The seconds of "1-02:03:04" (days, hours, minutes, seconds); None of "UNLIMITED"."""
    found = re.fullmatch(r"(?:(\d+)-)?(\d+):(\d+):(\d+)", text)
    if not found:
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds
