"""One command for several systems: the jobs of each, and where they can be measured. Dry-runs, mostly."""

import os
import re

import pytest
from results_example import STEADY_S, put_run

from cotejo.study import load_study

STUDY = """
title: Two systems
defaults: {weights: synthetic, scale: small, repeats: 2, duration_s: 1, dataset: prompts, precision: int8}
runs:
  - {name: text, model: tinyllama-1.1b-chat, backend: openvino}
  - {name: gpu, model: tinyllama-1.1b-chat, backend: pytorch, precision: fp32, device: cuda, accelerators: 1}
figures:
  - {kind: bars, name: speed, metric: tokens_per_s, by: [name]}
"""
SYSTEMS = {"plain": "cpu: Example\ncpus: 2", "big": "gpu: Example\ngpus: 2\ncpus: 2\nslurm: {cpus_per_task: 2}"}
BOTH = ("--config", "studies=[two]", "system=[plain,big]")


@pytest.fixture
def two(project):
    """A checkout with a study for two systems, of which one has no GPU, and no section for Slurm."""
    texts = {f"systems/{name}": f"name: {name}\nsite: cluster\n{facts}\n" for name, facts in SYSTEMS.items()}
    for name, text in {"studies/two": STUDY, **texts}.items():
        path = project.folder / f"config/{name}.yaml"
        path.write_text(text)
        os.utime(path, (1_600_000_000, 1_600_000_000))
    return project


def measured(said):
    """How often each run of each system is measured."""
    found = re.findall(r"^    output: results/two/records/([^/]+)/([a-z]+)_[^/]+/r\d+\.json", said, flags=re.MULTILINE)
    return {pair: found.count(pair) for pair in found}


def test_each_system_has_its_own_jobs_and_they_share_all_else(two):
    done = two.snakemake(*BOTH, "-n")
    assert done.returncode == 0, done.stdout + done.stderr
    assert measured(done.stdout) == {("plain", "text"): 2, ("big", "text"): 2, ("big", "gpu"): 2}
    alone = two.jobs("--config", "studies=[two]", "system=big")
    both = two.jobs(*BOTH)
    assert {rule: count for rule, count in both.items() if count != alone[rule]} == {"measure_process": 6}


def test_what_one_system_has_is_measured_on_the_other_only(two):
    two.finish("two", systems=["plain"])
    done = two.snakemake(*BOTH, "-n")
    assert measured(done.stdout) == {("big", "text"): 2, ("big", "gpu"): 2}


def test_rounds_interleave_on_each_system(two):
    said = two.snakemake(*BOTH, "-n").stdout
    jobs = re.findall(
        r"^    wildcards: results=two, system=(\w+), run=(\w+?)_[^,]+, repeat=(\d)\n    priority: (\d+)$",
        said,
        flags=re.MULTILINE,
    )
    assert len(jobs) == 6
    for system, runs in (("plain", 1), ("big", 2)):
        of_system = sorted((job for job in jobs if job[0] == system), key=lambda job: -int(job[3]))
        rounds = [[job[1] for job in of_system if job[2] == repeat] for repeat in "12"]
        assert [job[1] for job in of_system] == rounds[0] + rounds[1]
        assert rounds[0] == rounds[1] and len(rounds[0]) == runs


def test_several_are_never_measured_here(two):
    said = two.refusal(*BOTH)
    assert "system: [plain, big]: are measured on their own nodes. Add --profile slurm, or name the one" in said
    assert not (two.folder / "resources/models").exists()


def test_slurm_must_know_what_to_ask_for(two):
    said = two.refusal("--profile", "slurm", *BOTH)
    assert "config/systems/plain.yaml: slurm: is missing: nothing says what Slurm is to be asked for" in said


def test_all_that_needs_no_measuring_is_made_of_several_anywhere(two):
    config = two.folder / "config"
    for run in load_study("two", systems=["big"], config=config).runs[:1]:
        put_run(two.folder / "results/two", STEADY_S[:2], system="big", run=run)
    assert two.snakemake("plan", *BOTH).stdout.count(", system ") == 2
    done = two.snakemake("plots", "results/two/report.html", *BOTH)
    assert done.returncode == 0, done.stdout + done.stderr
    verdicts = (two.folder / "results/two/verdicts.csv").read_text().splitlines()
    assert len(verdicts) == 5  # text of big; text of plain, and gpu of both: not measured
    assert sum("not measured" in line for line in verdicts) == 3
    report = (two.folder / "results/two/report.html").read_text()
    assert "snakemake --cores all --profile slurm --config studies=[two] system=[plain,big]" in report
    assert "needs 1 GPU" in report
    assert two.jobs("plots", "results/two/report.html", *BOTH) == {}


def test_one_of_them_alone_measures_nothing_again(two):
    two.finish("two", systems=["plain", "big"])
    assert two.jobs(*BOTH) == {}
    assert "measure_process" not in two.jobs("--config", "studies=[two]", "system=plain")


def test_the_sheet_follows_what_is_selected(two):
    assert two.snakemake("plan", *BOTH).returncode == 0
    assert "plan_runs" not in two.jobs("plan", *BOTH)
    assert two.jobs("plan", "--config", "studies=[two]", "system=plain")["plan_runs"] == 1


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("system=[plain,bgi]", "system: 'bgi': there is no config/systems/bgi.yaml. Did you mean 'big'?"),
        ("system=[]", "system: []: must not be empty"),
        ("system=[big,big]", "names 'big' twice"),
    ],
)
def test_a_wrong_list_stops_with_one_message(two, argument, message):
    assert message in two.refusal("--config", argument)
