"""The target `compare`, really run on two small results folders."""

from pathlib import Path

import pytest
from results_example import STEADY_S, put_run

MADE = ("comparison.csv", "comparison.svg", "comparison.png")


@pytest.fixture
def folders(tmp_path: Path) -> tuple[str, ...]:
    """As --config takes them: a baseline, and a candidate that is measured alike."""
    for name in ("before", "after"):
        put_run(tmp_path / name, STEADY_S)
        put_run(tmp_path / name, STEADY_S, name="other")
    return ("--config", f"baseline={tmp_path}/before", f"candidate={tmp_path}/after")


def slow_down(folder: Path) -> None:
    """Measure one of the candidate's runs again, 20 % less of it done in the same time."""
    put_run(folder / "after", [time_s / 0.8 for time_s in STEADY_S])


def stamps(project) -> list[int]:
    return [(project.folder / "results/compare" / name).stat().st_mtime_ns for name in MADE]


def test_the_same_makes_the_files_once_and_succeeds(project, folders):
    done = project.snakemake("compare", *folders)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "no run is slower by more than 2 %" in done.stdout
    before = stamps(project)
    assert project.jobs("compare", *folders) == {"compare": 1}
    assert project.snakemake("compare", *folders).returncode == 0
    assert stamps(project) == before


def test_a_slowdown_fails_and_its_files_stay(project, folders, tmp_path):
    slow_down(tmp_path)
    done = project.snakemake("compare", *folders)
    assert done.returncode == 1
    assert "text_int8, single-stream: slower: the same work takes 25" in done.stdout
    before = stamps(project)
    project.edit("config/config.yaml", "tolerance_percent: 2", "tolerance_percent: 50")
    assert project.snakemake("compare", *folders).returncode == 0
    assert stamps(project) == before


def test_changed_records_are_compared_again(project, folders, tmp_path):
    assert project.snakemake("compare", *folders).returncode == 0
    slow_down(tmp_path)
    assert project.jobs("compare", *folders) == {"compare_results": 1, "plot_comparison": 1, "compare": 1}


def test_a_machine_that_can_measure_nothing_compares(project, folders):
    project.edit("config/datasets.yaml", "config/datasets/prompts.jsonl", "config/datasets/gone.jsonl")
    assert "gone.jsonl" in project.refusal("-n")
    assert set(project.jobs("compare", *folders)) == {"compare_results", "plot_comparison", "compare"}


def test_results_of_this_checkout_are_compared_and_never_measured(project, tmp_path):
    put_run(project.folder / "results/demo", STEADY_S)
    put_run(tmp_path / "after", STEADY_S)
    folders = ("--config", "baseline=results/demo", f"candidate={tmp_path}/after", "studies=[edge-cloud]")
    assert project.jobs("compare", *folders) == {"compare_results": 1, "plot_comparison": 1, "compare": 1}


def test_nobody_who_compares_nothing_notices(project):
    assert not {"compare", "compare_results", "plot_comparison"} & set(project.jobs())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("baseline={0}/before",), "candidate: '': a comparison needs two folders"),
        (("candidate={0}/after",), "baseline: '': a comparison needs two folders"),
        (("baseline={0}/before", "candidate={0}/afte"), "/after'?"),
        (("baseline={0}/before", "candidate={0}"), "holds no records. Give a results/<study> folder"),
        (("baseline={0}/before", "candidate={0}/before/../before"), "is the baseline itself"),
        (("baseline=7", "candidate={0}/after"), "baseline: 7: must be text, not a number"),
    ],
)
def test_wrong_folders_stop_before_any_job(project, folders, tmp_path, arguments, message):
    said = project.refusal("compare", "--config", *(argument.format(tmp_path) for argument in arguments))
    assert message in said


def test_a_negative_tolerance_stops_before_any_job(project):
    project.edit("config/config.yaml", "tolerance_percent: 2", "tolerance_percent: -1")
    assert "compare.tolerance_percent: -1: must be at least 0" in project.refusal()


def test_no_folders_stop_before_any_job_with_one_line(project):
    done = project.snakemake("compare")
    assert done.returncode == 1
    [said] = [line for line in done.stderr.splitlines() if "baseline" in line]
    assert said.startswith("error: config/config.yaml or --config: baseline: '': a comparison needs two folders.")
    assert "Traceback" not in done.stderr
