"""What Slurm is asked for, by a system's file, and what an earlier Snakemake left in its queue."""

import getpass
import math
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from cotejo.errors import CotejoError
from cotejo.overlay import gpus

# What the executor plugin reads, beside what it never needs here.
RESOURCES = (
    "slurm_partition", "slurm_account", "qos", "constraint", "cpus_per_task", "mem_mb", "runtime", "slurm_extra",
    "nodes", "tasks", "mpi",
)  # fmt: skip

# A job that is started again goes on in its log, which says why.
APPEND = "--open-mode=append"

# Of a measuring job, beside the run's own `timeout_s`: staging, starting, stopping, and Snakemake's own start.
AROUND_MIN = 15

# profiles/slurm/config.yaml gives it to every job's name.
JOB_NAMES = "cotejo_"
ASK_S = 60.0

Resources = dict[str, str | int]

# What asks for nothing. Where Snakemake counts in units it can't be left out by a function.
NOTHING: Resources = {"mem_mb": 0, "runtime": 0}


def measuring_resources(system: Mapping[str, Any], run: Mapping[str, Any]) -> Resources:
    """What a job asks for that measures a run, or starts its server: whole machines, and the GPUs that it is to see.

    By the names of the executor plugin's resources. NOTHING for a system without `slurm`.
    """
    if "slurm" not in system:
        return NOTHING
    asked, nodes = system["slurm"], run.get("nodes", 1)
    extra = [APPEND, "--exclusive"]
    number = gpus(run) // nodes
    if number:
        # As --gres would be, which the plugin takes for a wish for as many tasks as there are GPUs.
        kind = f"{asked['gpu_type']}:" if "gpu_type" in asked else ""
        extra.append(f"--gpus-per-node={kind}{number}")
    runtime_min = math.ceil(run["timeout_s"] / 60) + AROUND_MIN
    found = {"runtime": runtime_min} | _common(asked, "partition") | {"slurm_extra": " ".join(extra)}
    if nodes > 1:
        # `mpi` keeps the job out of an srun of one task, within which no other could be started on the other nodes.
        found |= {"nodes": nodes, "tasks": nodes, "mpi": "srun"}
    return found


def preparing_resources(system: Mapping[str, Any]) -> Resources:
    """What a job asks for that measures nothing, likewise: a machine's CPUs and memory, for models are large."""
    if "slurm" not in system:
        return {}
    asked = system["slurm"]
    return _common(asked, "prepare_partition" if "prepare_partition" in asked else "partition")


def _common(asked: Mapping[str, Any], partition: str) -> Resources:
    names = {"slurm_partition": partition, "slurm_account": "account", "runtime": "runtime_min"}
    names |= {key: key for key in ("cpus_per_task", "qos", "constraint")}
    found: Resources = {name: asked[key] for name, key in names.items() if key in asked}
    # 0 asks for nothing; left out, it would be what Snakemake guesses from the size of the inputs.
    return found | {"mem_mb": int(asked.get("memory_gib", 0) * 1024), "slurm_extra": APPEND}


class Queued(NamedTuple):
    """A job in Slurm's queue."""

    id: str
    state: str
    comment: str  # which rule and which wildcards it is of


def refuse_queued(folder: Path) -> None:
    """CotejoError where jobs of a Snakemake that is no more are still to run in a checkout, or do.

    For the one that has the checkout's lock: whatever else is queued there is nobody's. What they measure would be
    measured twice.
    """
    queued = queued_in(folder)
    if not queued:
        return
    told = "; ".join(f"{job.id} ({job.state.lower()}, {job.comment})" for job in queued[:3])
    more = f" and {len(queued) - 3} more" if len(queued) > 3 else ""
    numbers = " ".join(job.id for job in queued)
    raise CotejoError(
        f"{folder}: an earlier Snakemake that was killed has left jobs in Slurm's queue: {told}{more}. "
        f"Let them end, so that what they measure counts, or end them by `scancel {numbers}`; then run this again"
    )


def queued_in(folder: Path) -> list[Queued]:
    """This user's jobs that a Snakemake has submitted from a checkout and that haven't ended, by squeue."""
    # The user by name: --me is younger than some sites' Slurm. The comment last, for it may hold anything.
    command = ["squeue", "--noheader", "--user", getpass.getuser(), "--format", "%A|%T|%j|%Z|%k"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=ASK_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CotejoError(
            f"{command[0]}: {error}. Is this a login node of the cluster, and does Slurm answer?"
        ) from error
    if done.returncode != 0:
        raise CotejoError(f"{command[0]}: {done.stderr.strip()}. Wait until Slurm answers, then run this again")
    rows = (line.split("|", maxsplit=4) for line in done.stdout.splitlines() if line.count("|") >= 4)
    return [
        Queued(job, state, comment)
        for job, state, name, place, comment in rows
        # One that is completing has ended, and only its node isn't free again yet.
        if name.startswith(JOB_NAMES) and state != "COMPLETING" and os.path.realpath(place) == os.path.realpath(folder)
    ]


def remember_job_age() -> None:
    """Have the executor plugin remember how long Slurm tells of jobs that have ended, for as long as Snakemake runs.

    Version 2.8.0 asks Slurm's controller before each look at its jobs. Where that doesn't answer it takes sacct for
    squeue, and on a site without accounting it goes on asking sacct, which never answers, long after squeue does again.
    """
    import snakemake_executor_plugin_slurm as plugin

    age_s = plugin.get_min_job_age()
    if age_s is not None:
        plugin.get_min_job_age = lambda: age_s
