"""Tables and figures of the records that are there: nothing is measured for them, whatever else is missing."""

import os
import re
import shutil

import pytest
from results_example import STEADY_S, put_run

from cotejo.study import load_study

DRAWN = {"plan_runs": 1, "summarise": 1, "plot_figure": 3}

# More cores than any machine has, and data that lie on another one: enough to draw, not to measure.
ELSEWHERE = """
title: Measured elsewhere
published: published/elsewhere.csv
defaults: {weights: synthetic, scale: small, cores: 4096, dataset: mine, backend: openvino, precision: int8}
runs:
  - {name: text, model: tinyllama-1.1b-chat}
  - {name: more, model: tinyllama-1.1b-chat, new_tokens: 16}
figures:
  - {kind: bars, name: one, metric: tokens_per_s, by: [name]}
  - {kind: bars, name: two, metric: tokens_per_s, by: [cores]}
"""
PUBLISHED = """
study,system,run,task,model,backend,precision,accelerators,split,client,concurrency,metric,statistic,value,unit,note
elsewhere,lab,text,text-generation,tinyllama-1.1b-chat,openvino,int8,0,,in-process,,generation_throughput,mean,16,tok/s,
elsewhere,lab,,text-generation,tinyllama-1.1b-chat,openvino,int8,0,,top,,process_cpu,snapshot,99,%,
"""
ARGUMENTS = ("--config", "studies=[elsewhere]")


@pytest.fixture
def elsewhere(project):
    """A checkout with nothing but a study and the records that a system called lab made of it."""
    config = project.folder / "config"
    (config / "studies/elsewhere.yaml").write_text(ELSEWHERE)
    (config / "published/elsewhere.csv").write_text(PUBLISHED.lstrip())
    with (config / "datasets.yaml").open("a") as entries:
        entries.write("\nmine:\n  kind: prompts\n  source: {path: /nowhere/mine.jsonl}\n")
    for run in load_study("elsewhere", config=config).runs:
        put_run(project.folder / "results/elsewhere", STEADY_S, system="lab", run=run | {"system": "lab"})
    return project


def test_an_empty_checkout_draws_and_measures_nothing(project):
    assert project.jobs("plots") == DRAWN
    assert project.jobs("results/demo/figures/video-stages.svg") == DRAWN | {"plot_figure": 1}


@pytest.mark.parametrize(
    ("target", "rules"),
    [
        ("summary.csv", {"plan_runs", "summarise"}),
        ("comparison.csv", {"plan_runs", "summarise", "compare_published"}),
        ("cost.csv", {"plan_runs", "summarise", "price_results"}),
        ("report.html", {"plan_runs", "summarise", "price_results", "compare_published", "plot_figure", "make_report"}),
    ],
)
def test_no_table_and_no_page_is_measured_for(elsewhere, target, rules):
    assert set(elsewhere.jobs(f"results/elsewhere/{target}", *ARGUMENTS)) == rules


def test_all_measures_before_it_tabulates(project):
    for targets in ((), ("plots", "all")):
        said = project.snakemake("-n", *targets)
        assert said.returncode == 0, said.stderr
        [inputs] = re.findall(r"^rule summarise:\n    input: (.*)$", said.stdout, flags=re.MULTILINE)
        assert len(re.findall(r"results/demo/records/local/[^,]*/r[1-6]\.json", inputs)) == 36


def test_records_of_another_system_are_enough_to_draw(elsewhere):
    done = elsewhere.snakemake("plots", "results/elsewhere/report.html", *ARGUMENTS)
    assert done.returncode == 0, done.stdout + done.stderr
    results = elsewhere.folder / "results/elsewhere"
    assert {path.name for path in results.glob("figures/*.svg")} == {"one.svg", "two.svg"}
    assert not list((elsewhere.folder / "resources").glob("*/*"))
    assert {path.name for path in (results / "records").iterdir()} == {"lab"}
    lines = (results / "comparison.csv").read_text().splitlines()
    assert len(lines) == 3
    assert "Beside what was published" in (results / "report.html").read_text()
    assert elsewhere.jobs("plots", "results/elsewhere/report.html", *ARGUMENTS) == {}


def test_what_only_measuring_needs_stops_only_measuring(elsewhere):
    said = elsewhere.refusal(*ARGUMENTS)
    assert said.startswith("error: config/studies/elsewhere.yaml: runs[0].cores: 4096: ")
    elsewhere.edit("config/studies/elsewhere.yaml", "cores: 4096", "cores: 1")
    assert "config/datasets.yaml: mine.source.path: /nowhere/mine.jsonl: no such file" in elsewhere.refusal(*ARGUMENTS)
    assert elsewhere.snakemake("plan", *ARGUMENTS).returncode == 0


def test_a_changed_option_makes_that_figure_again_and_no_other(elsewhere):
    assert elsewhere.snakemake("plots", *ARGUMENTS).returncode == 0
    elsewhere.edit("config/studies/elsewhere.yaml", "by: [cores]", "by: [cores], title: Otherwise")
    assert elsewhere.jobs("plots", *ARGUMENTS) == {"plot_figure": 1}
    before = {path.stem: path.stat().st_mtime_ns for path in elsewhere.folder.glob("results/elsewhere/figures/*.svg")}
    assert elsewhere.snakemake("plots", *ARGUMENTS).returncode == 0
    after = {path.stem: path.stat().st_mtime_ns for path in elsewhere.folder.glob("results/elsewhere/figures/*.svg")}
    assert [name for name in sorted(before) if before[name] != after[name]] == ["two"]
    assert elsewhere.jobs("plots", *ARGUMENTS) == {}


def test_a_further_run_is_on_the_sheet_and_waits_to_be_measured(elsewhere):
    assert elsewhere.snakemake("plots", *ARGUMENTS).returncode == 0
    further = "  - {name: further, model: tinyllama-1.1b-chat, new_tokens: 8}\nfigures:"
    elsewhere.edit("config/studies/elsewhere.yaml", "figures:", further)
    assert elsewhere.jobs("plots", *ARGUMENTS) == {"plan_runs": 1, "summarise": 1, "plot_figure": 2}


def test_what_all_made_is_not_made_again_for_plots_nor_the_other_way_round(elsewhere):
    for run in load_study("elsewhere", config=elsewhere.folder / "config").runs:
        put_run(elsewhere.folder / "results/elsewhere", STEADY_S[: run["repeats"]], run=run)
    done = elsewhere.snakemake(*ARGUMENTS)
    assert done.returncode == 0, done.stdout + done.stderr
    assert elsewhere.jobs("plots", *ARGUMENTS) == elsewhere.jobs(*ARGUMENTS) == {}
    (elsewhere.folder / "results/elsewhere/summary.csv").unlink()
    shutil.rmtree(elsewhere.folder / "results/elsewhere/figures")
    assert elsewhere.snakemake("plots", *ARGUMENTS).returncode == 0
    assert not {"plan_runs", "summarise", "plot_figure", "measure_process"} & set(elsewhere.jobs(*ARGUMENTS))


def test_records_older_than_the_tables_are_noticed(elsewhere):
    """As rsync and cp -a leave them."""
    lab = elsewhere.folder / "results/elsewhere/records/lab"
    aside = elsewhere.folder.parent / "aside"
    [run] = lab.glob("more_*")
    shutil.move(run, aside)
    assert elsewhere.snakemake("plots", *ARGUMENTS).returncode == 0
    assert elsewhere.jobs("plots", *ARGUMENTS) == {}
    shutil.move(aside, run)
    for path in run.iterdir():
        os.utime(path, (1_500_000_000, 1_500_000_000))
    assert elsewhere.jobs("plots", *ARGUMENTS) == {"summarise": 1, "plot_figure": 2}


def test_a_record_that_is_gone_is_not_measured_again_to_be_drawn(project):
    project.finish()
    next(project.folder.glob("results/demo/records/local/video_*/r3.json")).unlink()
    assert project.jobs("plots") == {}
    assert project.jobs()["measure_process"] == 1
