"""What it costs to plan a large study for Slurm: a dry-run of 5,000 jobs that measure, and a run that has none left.

In a copy of the checkout, whose records are stand-ins: planning looks at names and times, and at what Snakemake
remembers of each job's parameters, which `--touch` writes down as if the jobs had run.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import NamedTuple

sys.path.extend(str(Path(__file__).resolve().parents[2] / folder) for folder in ("", "scripts", "tests/performance"))

from page import replace_between_marks

from cotejo.command import ROOT
from cotejo.study import load_study
from tests.conftest import Project, copy_checkout

MARKS = ("<!-- planning: begin -->", "<!-- planning: end -->")
MOST_MIB = 1024.0
DRY_RUN_S, NOTHING_S = 20.0, 15.0
WIDEST = 104  # so many runs of each kind that all together are measured 5,004 times
REPEATS = 6
PART = 630

STUDY, SYSTEM = "large", "node"
NODE = "name: Node\nsite: cluster\ngpu: NVIDIA A30\ngpus: 2\nslurm: {{cpus_per_task: {cpus}, partition: gpu}}\n"
RUNS = """\
title: Large
defaults: {{model: tinyllama-1.1b-chat, dataset: prompts, weights: synthetic, scale: small, repeats: {repeats}}}
runs:
- {{name: text, backend: [openvino, openvino-genai], precision: [int8, int4], cores: {cores}}}
- {{name: video, model: yolov8n-seg, dataset: street-video, backend: [openvino, onnxruntime], cores: {cores}}}
- {{name: chat, {served}, precision: [int8, int4], cores: {cores}}}
- {{name: gpu, {served}, precision: int8, device: cuda, cores: [1, 2]}}
figures:
- {{kind: bars, name: speed, metric: tokens_per_s, by: [backend, cores]}}
"""
SERVED = "server: llama.cpp, backend: llama.cpp, compute_precision: device-default"
ASKED = ("--cores", "all", "--profile", "slurm", "--config", f"studies=[{STUDY}]", f"system={SYSTEM}")


class Cost(NamedTuple):
    """What one command took, from its start to its end."""

    what: str
    wall_s: float
    cpu_s: float
    most_s: float
    peak_mib: float

    def met(self) -> bool:
        return self.wall_s <= self.most_s and self.peak_mib <= MOST_MIB


def planning_costs(widest: int = WIDEST) -> tuple[int, list[Cost]]:
    """How many jobs measure, and what planning them costs: before any has run, and after all have.

    RuntimeError where a command fails, or finds other jobs than it should.
    """
    with tempfile.TemporaryDirectory(prefix="cotejo-planning-") as folder:
        project = copy_checkout(Path(folder) / "checkout")
        measured = add_study(project, widest)
        dry, said = cost("dry-run", project, DRY_RUN_S, *ASKED, "--dry-run")
        if said.count("\nrule measure_") != measured:
            raise RuntimeError(f"{said.count('rule measure_')} jobs measure, of {measured}")
        project.finish(STUDY, systems=[SYSTEM])
        remember(project)
        again, said = cost("nothing to be done", project, NOTHING_S, *ASKED)
        if "Nothing to be done" not in said or "missing provenance" in said:
            raise RuntimeError(f"something is to be done again: {said[-2000:]}")
    return measured, [dry, again]


def remember(project: Project) -> None:
    """Have Snakemake remember every job as if it had run; in parts side by side, for it sleeps 0.1 s after each."""
    touching = [word for word in ASKED if word not in ("--profile", "slurm")] + ["--touch", "--quiet", "all"]
    records = project.folder.glob(f"results/{STUDY}/records/*/*/r*.json")
    parts = batched(sorted(path.relative_to(project.folder).as_posix() for path in records), PART)
    with ThreadPoolExecutor(8) as beside:
        [*beside.map(lambda part: run(project, *touching, "--nolock", "--force", "--", *part), parts)]
    run(project, *touching, "--forcerun", "plan_runs")


def batched(items: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    return (items[start : start + size] for start in range(0, len(items), size))


def add_study(project: Project, widest: int) -> int:
    """Write the study and its system's file, and tell how many jobs will measure it."""
    config = project.folder / "config"
    cores = list(range(1, widest + 1))
    (config / "systems" / f"{SYSTEM}.yaml").write_text(NODE.format(cpus=max(widest, 2)))
    (config / "studies" / f"{STUDY}.yaml").write_text(RUNS.format(cores=cores, repeats=REPEATS, served=SERVED))
    return REPEATS * len(load_study(STUDY, systems=[SYSTEM], config=config).runs)


def cost(what: str, project: Project, most_s: float, *arguments: str) -> tuple[Cost, str]:
    """What a command of Snakemake's costs, and what it said."""
    begun = time.monotonic()
    said, usage = run(project, *arguments)
    cpu_s = usage.ru_utime + usage.ru_stime
    return Cost(what, time.monotonic() - begun, cpu_s, most_s, usage.ru_maxrss / 1024), said


def run(project: Project, *arguments: str) -> tuple[str, resource.struct_rusage]:
    """What Snakemake says, and what it used; RuntimeError where it fails."""
    command = [sys.executable, "-m", "snakemake", *arguments]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("SNAKEMAKE")}
    # To a file: a pipe that nobody reads would fill, and whoever read it couldn't wait.
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(command, cwd=project.folder, env=environment, stdout=said, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        text = said.read()
    if process.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} ended with status {process.returncode}: {text[-2000:]}")
    return text, usage


def table(costs: Sequence[Cost]) -> str:
    """A Markdown table of what was measured, beside the bounds."""
    lines = ["| `--profile slurm` | wall | CPU | bound | peak memory | bound | |", "|---|--:|--:|--:|--:|--:|---|"]
    for each in costs:
        times = f"{each.wall_s:.1f} s | {each.cpu_s:.1f} s | {each.most_s:g} s"
        memory = f"{each.peak_mib:.0f} MiB | {MOST_MIB:g} MiB"
        lines.append(f"| {each.what} | {times} | {memory} | {'met' if each.met() else '**missed**'} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--widest", type=int, default=WIDEST, help="the most cores of a run (%(default)s)")
    parser.add_argument("--page", type=Path, default=ROOT / "docs" / "performance.md")
    arguments = parser.parse_args()
    load = os.getloadavg()[0]
    measured, costs = planning_costs(arguments.widest)
    when = f"{date.today().isoformat()}, {os.cpu_count()} CPUs, load average before it began {load:.2f}"
    text = f"A study of {measured:,} jobs that measure, planned for Slurm ({when}):\n\n{table(costs)}"
    replace_between_marks(arguments.page, text, MARKS)
    print(f"{text}\n\nwritten to {arguments.page}")


if __name__ == "__main__":
    main()
