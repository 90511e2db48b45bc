"""Records copied to a machine that has neither model nor data are drawn and set beside what was published."""

import csv
import shutil

import pytest

from cotejo.published.rows import COLUMNS
from cotejo.record import folder_name
from cotejo.study import load_study

pytestmark = pytest.mark.beside

STUDY = """
title: Measured in a lab
published: published/lab.csv
defaults:
  {{weights: synthetic, scale: small, dataset: mine, backend: pytorch, precision: fp32, cores: {cores}, new_tokens: 4,
    repeats: 1, warmup_s: 0.1, duration_s: 0.3}}
runs: [{{name: text, model: tinyllama-1.1b-chat}}]
figures: [{{kind: bars, name: speed, metric: tokens_per_s, by: [name]}}]
"""
PUBLISHED = f"""{",".join(COLUMNS)}
lab,lab-a,text,text-generation,tinyllama-1.1b-chat,pytorch,fp32,0,,in-process,,generation_throughput,mean,100,tok/s,
lab,lab-a,,text-generation,tinyllama-1.1b-chat,pytorch,fp32,0,,top,,process_cpu,snapshot,99,%,
"""


@pytest.fixture
def machines(project_factory):
    """A lab, which has the data and a system of its own, and a desk, which has but the study."""
    lab, desk = project_factory("lab"), project_factory("desk")
    data = lab.folder.parent / "lab-data.jsonl"
    data.write_text('{"text": "Once upon a time"}\n{"text": "The quick brown fox"}\n')
    for machine in (lab, desk):
        config = machine.folder / "config"
        (config / "studies/lab.yaml").write_text(STUDY.format(cores=1))
        (config / "published/lab.csv").write_text(PUBLISHED)
        with (config / "datasets.yaml").open("a") as entries:
            entries.write(f"\nmine:\n  kind: prompts\n  source: {{path: {data}}}\n")
    # A lock of its own: what is measured doesn't matter here, so it needn't wait for other measurements.
    lab.edit("scripts/cotejo/lock.py", "/tmp/cotejo-measuring.lock", str(data.with_name("lock")))
    (lab.folder / "config/systems/lab-a.yaml").write_text("name: Lab A\nsite: edge\n")
    return lab, desk, data


def test_records_alone_make_all_figures_and_tables(machines):
    lab, desk, data = machines
    [run] = load_study("lab", systems=["lab-a"], config=lab.folder / "config").runs
    record = f"results/lab/records/lab-a/{folder_name(run)}/r1.json"
    measured = lab.snakemake(record, "--config", "studies=[lab]", "system=lab-a")
    assert measured.returncode == 0, measured.stdout + measured.stderr
    results = desk.folder / "results/lab"
    shutil.copytree(lab.folder / "results/lab/records", results / "records")
    shutil.rmtree(lab.folder)
    data.unlink()

    drawn = desk.snakemake("plots", "results/lab/report.html", "-p", "--config", "studies=[lab]")
    assert drawn.returncode == 0, drawn.stdout + drawn.stderr
    assert "rule plot_figure" in drawn.stderr and "rule measure" not in drawn.stderr
    assert not list((desk.folder / "resources").glob("*/*"))
    assert {path.name for path in (results / "figures").iterdir()} == {"speed.svg", "speed.png"}
    assert "<title>Measured in a lab</title>" in (results / "report.html").read_text()
    with (results / "comparison.csv").open(newline="") as stream:
        text, snapshot = csv.DictReader(stream)
    assert (text["system"], text["standing"]) == ("lab-a", "not comparable")
    assert text["reasons"].startswith("synthetic weights; small scale; not publishable: ")
    assert float(text["ratio"]) == pytest.approx(float(text["median"]) / 100)
    assert (snapshot["standing"], snapshot["reasons"]) == ("not measured", "no run of the study re-measures it")
    assert desk.jobs("plots", "results/lab/report.html", "--config", "studies=[lab]") == {}
