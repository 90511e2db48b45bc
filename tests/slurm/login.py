"""A checkout on the cluster's shared file system, studies in it, and what is typed on the login node."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from cluster import Cluster

from cotejo.files import read_json

STUDY = """\
title: Two ways to write
defaults:
  {{model: tinyllama-1.1b-chat, dataset: mine, weights: synthetic, scale: small, backend: pytorch, precision: fp32,
    new_tokens: 4, repeats: {repeats}, warmup_s: 0.1, duration_s: {duration_s}, timeout_s: 300}}
runs: [{{name: written, cores: [{cores}]}}]
figures: [{{kind: bars, name: speed, metric: tokens_per_s, by: [cores]}}]
"""
SYSTEM = """\
name: Virtual nodes
site: cluster
cpus: {cpus}
slurm: {{cpus_per_task: {cpus}, partition: cpu}}
"""
DATA = "\nmine:\n  kind: prompts\n  source: {{path: {path}}}\n"
WITHIN_S = 120
# What runs on a node that runs nothing.
DAEMONS = r"virtual_machine\.py|munged|slurmd$|slurmstepd|ps -e"

Found = TypeVar("Found")


@dataclass(frozen=True)
class Job:
    """A job that has ended, or one go of it, as Slurm wrote it down then."""

    id: str
    rule: str  # of the workflow
    state: str
    node: str
    start: datetime
    end: datetime


@dataclass(frozen=True)
class Measuring:
    """A measurement under way."""

    job: str
    node: str


class Login:
    """Someone at the login node, in a checkout of their own."""

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        self.cluster = cluster
        self.folder = folder
        data = folder / "mine.jsonl"
        data.write_text('{"text": "Once upon a time"}\n{"text": "The quick brown fox"}\n')
        with (folder / "config/datasets.yaml").open("a") as entries:
            entries.write(DATA.format(path=data))
        (folder / "config/systems/virtual.yaml").write_text(SYSTEM.format(cpus=os.cpu_count()))

    def write_study(self, name: str, cores: str = "1", repeats: int = 1, duration_s: float = 0.5) -> str:
        """Write a study of a small model, and give the command that measures it on the cluster."""
        text = STUDY.format(cores=cores, repeats=repeats, duration_s=duration_s)
        (self.folder / f"config/studies/{name}.yaml").write_text(text)
        return f"snakemake --cores all --profile slurm --config studies=[{name}] system=virtual"

    def hasten(self) -> None:
        """Have Snakemake ask for its jobs' states as soon as tests want to know them."""
        profile = self.folder / "profiles/slurm/config.yaml"
        keys = {"slurm-init-seconds-before-status-checks": "1", "max-status-checks-per-second": "1"}
        text = profile.read_text()
        for key, value in keys.items():
            text, found = re.subn(rf"(?m)^{key}: [\d.]+", f"{key}: {value}", text)
            assert found == 1, key
        profile.write_text(text)

    def environment(self) -> dict[str, str]:
        """What a user's shell has, with Cotejo's environment first on its path, and before it what a test puts down."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("SNAKEMAKE", "SLURM"))}
        return kept | {"PATH": f"{self.folder}/bin:{Path(sys.executable).parent}:{os.environ['PATH']}"}

    def type(self, command: str, timeout_s: float = 300) -> subprocess.CompletedProcess[str]:
        """Type a command, of words without quotes; what it says is captured."""
        environment = self.environment()
        return self.cluster.run("login", command.split(), self.folder, env=environment, timeout=timeout_s)

    def finish(self, command: str) -> str:
        """Type a command that must succeed; what it said."""
        done = self.type(command)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def prepare(self, command: str) -> None:
        """Have a study's model and data set made, on the login node, where that takes no time of Slurm's."""
        self.finish(command.replace(" --profile slurm", "") + " --until synthesize_model prepare_dataset")

    def start(self, command: str) -> subprocess.Popen[str]:
        """Type a command, and go on; what it says is in said.txt. It is killed where the process is."""
        typed = self.cluster.command("login", command.split(), self.folder)
        with (self.folder / "said.txt").open("w") as said:
            return subprocess.Popen(typed, env=self.environment(), stdout=said, stderr=said, text=True)

    def said(self) -> str:
        """What the command that was started last has said."""
        return (self.folder / "said.txt").read_text()

    def ended(self, process: subprocess.Popen[str], within_s: float = 300) -> int:
        """The exit status of a command that was started, once it has ended."""
        try:
            return process.wait(within_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(self.said()) from None

    def inner(self, process: subprocess.Popen[str]) -> int:
        """The number, outside the login node, of the command that was started."""
        return int(Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text())

    def queued(self) -> str:
        """Slurm's queue, without what has ended."""
        return self.cluster.run("login", ["squeue", "--noheader"], check=True).stdout

    def measuring(self) -> Measuring | None:
        """A measurement whose measured process is up on its node."""
        said = self.cluster.run("login", ["squeue", "--states=running", "--noheader", "--format=%A|%N|%k"], check=True)
        rows = [line.split("|") for line in said.stdout.splitlines() if "|rule_measure_process" in line]
        return next((Measuring(job, node) for job, node, _ in rows if self.workers(node)), None)

    def workers(self, node: str) -> list[str]:
        """The measured processes on a node."""
        return [line for line in self.left_on(node) if "cotejo.worker" in line]

    def left_on(self, node: str) -> list[str]:
        """What runs on a node beside its daemons, what has ended and isn't reaped left out."""
        said = self.cluster.run(node, ["ps", "-eww", "--no-headers", "-o", "stat=,args="], check=True).stdout
        rows = [line.split(maxsplit=1) for line in said.splitlines()]
        return [args for state, args in rows if not state.startswith("Z") and not re.search(DAEMONS, args)]

    def records(self, study: str, system: str = "virtual") -> dict[str, Any]:
        """A study's records of a system by file, without those folders' names that all have."""
        folder = self.folder / "results" / study / "records" / system
        return {path.relative_to(folder).as_posix(): read_json(path) for path in sorted(folder.glob("*/r*.json"))}

    def jobs(self) -> list[Job]:
        """Every job that has ended, in the order of their ends; one that was requeued stands there once for each go."""
        said = self.cluster.run("login", ["squeue", "--states=all", "--noheader", "--format=%A|%k"], check=True).stdout
        comments = dict(line.split("|") for line in said.splitlines())
        file = self.cluster.own / "jobs.txt"
        lines = file.read_text().splitlines() if file.exists() else []
        return [_job(dict(re.findall(r"(\w+)=(\S*)", line)), comments) for line in lines]

    def measured(self, jobs: list[Job]) -> list[Job]:
        """Those of jobs that measure."""
        return [job for job in jobs if job.rule.startswith("measure_")]


def soon(condition: Callable[[], Found], within_s: float = WITHIN_S) -> Found:
    """What a condition gives, once that is something."""
    deadline = time.monotonic() + within_s
    while not (found := condition()):
        assert time.monotonic() < deadline, f"not so within {within_s} s"
        time.sleep(0.1)
    return found


def _job(told: dict[str, str], comments: dict[str, str]) -> Job:
    rule = re.match(r"rule_(\w+?)(?:_wildcards_.*)?$", comments[told["JobId"]])
    times = (datetime.fromisoformat(told[key]) for key in ("StartTime", "EndTime"))
    return Job(told["JobId"], rule[1] if rule else "", told["JobState"], told["NodeList"], *times)
