"""The order of the jobs: all that prepares comes first, then round after round of repeats, each in the drawn order."""

import csv
import re

# One run needs no export: it could be measured long before the others' exports are there.
STUDY = """
title: In order
defaults: {weights: synthetic, scale: small, repeats: 3, duration_s: 1}
runs:
  - {name: text, model: tinyllama-1.1b-chat, dataset: prompts, backend: pytorch, cores: [1, all]}
  - {name: quick, model: tinyllama-1.1b-chat, dataset: prompts, backend: openvino, precision: [int8, int4]}
  - {name: video, model: yolov8n-seg, dataset: street-video, backend: openvino}
figures: []
"""

# Stands in for every command: makes what it is asked for, and notes that it was called.
STAND_IN = """
import sys
from pathlib import Path

name, arguments = Path(sys.argv[0]).stem, sys.argv[1:]
with Path("calls.txt").open("a") as calls:
    print(name, *(word for word in arguments if word.startswith("results/")), file=calls)
for output in map(Path, arguments[arguments.index("--output") + 1 :]):
    if output.name.startswith("--"):
        break
    if output.suffix in (".json", ".csv"):
        output.parent.mkdir(parents=True, exist_ok=True)
        for beside in (output, output.with_suffix(".samples.csv"), output.with_suffix(".telemetry.csv")):
            beside.touch()
    else:
        output.mkdir(parents=True)
"""

ANALYSIS = {"summarise", "price_results", "plot_figure", "make_report", "index_reports", "all"}


def planned(project, *arguments):
    """The jobs of a dry-run as (rule, priority, run, repeat), highest priority first; jobs of analysis left out."""
    said = project.snakemake("-n", *arguments).stdout
    jobs = []
    for rule, facts in re.findall(r"^(?:local)?rule (\w+):\n((?:    .*\n)*)", said, flags=re.MULTILINE):
        priority = re.search(r"^    priority: (\d+)$", facts, flags=re.MULTILINE)
        measured = re.search(r"run=([^,]+), repeat=(\d+)$", facts, flags=re.MULTILINE)
        run, repeat = measured.groups() if measured else ("", 0)
        jobs.append((rule, int(priority[1]) if priority else 0, run, int(repeat)))
    assert jobs, said
    return sorted((job for job in jobs if job[0] not in ANALYSIS), key=lambda job: -job[1])


def first_round(project, *config):
    """The runs in the order in which their first repeats are planned."""
    jobs = planned(project, "--config", *config)
    return [run for rule, _, run, repeat in jobs if rule == "measure_process" and repeat == 1]


def rounds(measured, runs):
    """The order of the runs in each round, once the repeats go round by round."""
    assert [repeat for _, repeat in measured] == [1 + place // runs for place in range(len(measured))]
    return [[run for run, _ in measured[start : start + runs]] for start in range(0, len(measured), runs)]


def test_preparing_ranks_first_and_measuring_goes_round_by_round(project):
    jobs = planned(project)
    measuring = [job for job in jobs if job[0] == "measure_process"]
    assert jobs == [*(job for job in jobs if job[0] != "measure_process"), *measuring]
    preparing = {priority for rule, priority, *_ in jobs if rule != "measure_process"}
    assert min(preparing) > max(priority for _, priority, *_ in measuring)
    assert len({priority for _, priority, *_ in measuring}) == len(measuring) == 36
    first, *others = rounds([job[2:] for job in measuring], runs=6)
    assert all(other == first for other in others)


def test_the_sheet_says_the_drawn_order(project):
    project.snakemake("results/demo/runs.csv")
    with (project.folder / "results/demo/runs.csv").open(newline="") as stream:
        sheet = sorted(csv.DictReader(stream), key=lambda run: int(run["rank"]))
    assert [f"{run['id']}~{run['digest']}" for run in sheet] == first_round(project, "studies=[demo]")


def test_another_study_beside_it_does_not_reorder_a_study(project):
    (project.folder / "config/studies/ordered.yaml").write_text(STUDY)
    demo, ordered = (first_round(project, f"studies=[{name}]") for name in ("demo", "ordered"))
    together = first_round(project, "studies=[demo,ordered]")
    assert [run for run in together if run in demo] == demo
    assert [run for run in together if run in ordered] == ordered
    assert len(together) == len(demo) + len(ordered) == 11


def test_snakemakes_scheduler_keeps_to_it(project):
    """Run for real, with stand-ins for the commands, on two cores of which a preparing job takes one."""
    (project.folder / "config/studies/ordered.yaml").write_text(STUDY)
    expected = first_round(project, "studies=[ordered]")
    for script in (project.folder / "scripts").glob("*.py"):
        script.write_text(STAND_IN)
    done = project.snakemake("--until", "measure_process", "--config", "studies=[ordered]")
    assert done.returncode == 0, done.stderr
    calls = (project.folder / "calls.txt").read_text().splitlines()
    measured = [re.search(r"/([^/]+)/r(\d+)\.json", call) for call in calls if call.startswith("measure_process ")]
    assert len(measured) == 15
    assert all(call.startswith("measure_process ") for call in calls[-15:])
    assert rounds([(found[1], int(found[2])) for found in measured], runs=5) == [expected] * 3
