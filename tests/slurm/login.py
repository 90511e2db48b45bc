"""A checkout on the cluster's shared file system, a study in it, and what is typed on the login node."""

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from cluster import Cluster

from cotejo.files import read_json

STUDY = """\
title: Two ways to write
defaults:
  {{model: tinyllama-1.1b-chat, dataset: mine, weights: synthetic, scale: small, backend: pytorch, precision: fp32,
    new_tokens: 4, repeats: {repeats}, warmup_s: 0.1, duration_s: {duration_s}, timeout_s: 300}}
runs:
  - {{name: one, cores: 1}}
  - {{name: two, cores: 2}}
figures: [{{kind: bars, name: speed, metric: tokens_per_s, by: [name]}}]
"""
SYSTEM = """\
name: Virtual nodes
site: cluster
cpus: {cpus}
slurm: {{cpus_per_task: {cpus}, {slurm}}}
"""


@dataclass(frozen=True)
class Job:
    """A job, or one of its goes, as Slurm has written it down when it ended."""

    id: str
    rule: str  # of the workflow
    state: str
    nodes: str
    start: datetime
    end: datetime


class Login:
    """Someone at the login node, in a checkout of their own."""

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        self.cluster = cluster
        self.folder = folder

    def write_study(self, repeats: int = 2, duration_s: float = 0.5, cpus: int | None = None, slurm: str = "partition: cpu") -> None:
        """A study of a small model, `mine`, of two runs, and a system `virtual` that has it measured on the cluster."""
        config = self.folder / "config"
        data = self.folder / "mine.jsonl"
        data.write_text('{"text": "Once upon a time"}\n{"text": "The quick brown fox"}\n')
        with (config / "datasets.yaml").open("a") as entries:
            entries.write(f"\nmine:\n  kind: prompts\n  source: {{path: {data}}}\n")
        (config / "studies/mine.yaml").write_text(STUDY.format(repeats=repeats, duration_s=duration_s))
        system = SYSTEM.format(cpus=cpus or os.cpu_count(), slurm=slurm)
        (config / "systems/virtual.yaml").write_text(system)

    def hasten(self) -> None:
        """Have Snakemake ask for its jobs' states as often as tests want to know them."""
        profile = self.folder / "profiles/slurm/config.yaml"
        text, found = re.subn(r"(?m)^(slurm-init-seconds-before-status-checks): \d+", r"\1: 2", profile.read_text())
        assert found == 1
        profile.write_text(text)

    def environment(self) -> dict[str, str]:
        """What a user's shell has, and Cotejo's environment first on its path."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("SNAKEMAKE", "SLURM"))}
        return kept | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}

    def type(self, command: str, **options: Any) -> subprocess.CompletedProcess[str]:
        """Type a command, of words without quotes; what it says is captured."""
        return self.cluster.run("login", command.split(), self.folder, env=self.environment(), **options)

    def measured(self, command: str) -> str:
        """Type a command that must succeed; what it said."""
        done = self.type(command)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def records(self, study: str = "mine") -> dict[str, Any]:
        """The records that lie there, by their paths from the results folder on."""
        results = self.folder / "results" / study / "records"
        return {path.relative_to(results).as_posix(): read_json(path) for path in sorted(results.glob("*/*/r*.json"))}

    def jobs(self) -> list[Job]:
        """Every job that has ended, in the order of their ends; one that was requeued stands there once for each go."""
        said = self.cluster.run("login", ["squeue", "--states=all", "--noheader", "--format=%A|%k"], check=True).stdout
        comments = dict(line.split("|") for line in said.splitlines())
        file = self.cluster.own / "jobs.txt"
        lines = file.read_text().splitlines() if file.exists() else []
        return [_job(dict(re.findall(r"(\w+)=(\S*)", line)), comments) for line in lines]


def _job(told: dict[str, str], comments: dict[str, str]) -> Job:
    rule = re.match(r"rule_(\w+?)(?:_wildcards_.*)?$", comments[told["JobId"]])
    return Job(
        told["JobId"],
        rule[1] if rule else "",
        told["JobState"],
        told["NodeList"],
        datetime.fromisoformat(told["StartTime"]),
        datetime.fromisoformat(told["EndTime"]),
    )
