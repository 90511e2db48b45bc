"""Which jobs a command makes, and which it doesn't: dry-runs only."""

import os
from pathlib import Path

import yaml

from cotejo.command import ROOT
from cotejo.summary import COLUMNS

# What the demo study needs from an empty checkout: six runs of four models, six repeats each.
DEMO = {
    "plan_runs": 1,
    "prepare_dataset": 4,
    "synthesize_model": 4,
    "export_openvino": 3,
    "export_onnx": 1,
    "check_export": 4,
    "measure_process": 36,
    "summarise": 1,
    "price_results": 1,
    "plot_figure": 3,
    "make_report": 1,
    "index_reports": 1,
}


def test_an_empty_checkout_makes_everything_once(project):
    assert project.jobs() == DEMO


def test_a_finished_study_has_nothing_to_do(project):
    project.finish()
    done = project.snakemake("-n")
    assert done.returncode == 0, done.stderr
    assert "Nothing to be done" in done.stdout + done.stderr


def test_the_smoke_overlay_runs_the_full_study_small(project):
    # Of a machine that is described without a GPU, the lines that need one are left out.
    project.edit("config/systems/local.yaml", "site: local", "site: local\ncpu: A processor")
    full = project.jobs("--config", "studies=[edge-cloud]")
    assert full["fetch_model"] == 3
    assert "synthesize_model" not in full
    smoke = project.jobs("--config", "studies=[edge-cloud]", "overlay=smoke")
    assert smoke["synthesize_model"] == 3
    assert "fetch_model" not in smoke
    assert smoke["export_openvino"] == full["export_openvino"]


def test_a_further_precision_adds_its_export_its_gate_and_its_repeats(project):
    project.finish()
    project.edit(
        "config/studies/demo.yaml", "backend: openvino, precision: int8", "backend: openvino, precision: [int8, int4]"
    )
    assert project.jobs() == {
        "plan_runs": 1,
        "prepare_dataset": 1,
        "synthesize_model": 1,
        "export_openvino": 1,
        "check_export": 1,
        "measure_process": 6,
        "summarise": 1,
        "price_results": 1,
        "plot_figure": 3,
        "make_report": 1,
        "index_reports": 1,
    }


def test_more_repeats_add_those_repeats_only(project):
    project.finish()
    project.edit("config/studies/demo.yaml", "repeats: 6", "repeats: 7")
    assert project.jobs()["measure_process"] == 6


def test_what_is_measured_is_not_measured_again(project):
    """A comment changed in a script, a newer lock file, deleted exports: records are facts."""
    project.finish()
    for name in ("scripts/measure_process.py", "scripts/cotejo/worker.py", "scripts/export_openvino.py"):
        path = project.folder / name
        path.write_text(path.read_text() + "\n# a comment\n")
    (project.folder / "envs" / "main.txt").touch()
    assert project.jobs() == {}


def test_a_missing_record_is_measured_with_all_that_it_needs(project):
    project.finish()
    for path in Path(project.folder).glob("results/demo/records/local/video_*/r3.json"):
        path.unlink()
    jobs = project.jobs()
    assert jobs["measure_process"] == 1
    assert jobs["export_openvino"] == 1
    assert jobs["prepare_dataset"] == 1


def test_a_deleted_figure_is_drawn_again_and_no_other(project):
    project.finish()
    (project.folder / "results/demo/figures/video-stages.svg").unlink()
    assert project.jobs() == {"plot_figure": 1, "make_report": 1, "index_reports": 1}


def test_a_deleted_table_of_verdicts_is_made_again_with_what_stands_on_it(project):
    project.finish()
    (project.folder / "results/demo/verdicts.csv").unlink()
    jobs = project.jobs()
    assert "measure_process" not in jobs
    assert jobs["summarise"] == 1


def test_a_touched_figure_module_redraws_its_figures_only(project):
    project.finish()
    (project.folder / "scripts/cotejo/figures/bars.py").touch()
    assert project.jobs() == {"plot_figure": 1, "make_report": 1, "index_reports": 1}


def test_a_further_format_draws_figures_and_measures_nothing(project):
    project.finish()
    project.edit("config/config.yaml", "formats: [svg, png]", "formats: [png, pdf]")
    assert project.jobs() == {"plot_figure": 3, "make_report": 1, "index_reports": 1}
    assert project.jobs("results/demo/figures/video-stages.pdf") == {"plot_figure": 1}
    # The report shows the figures as .svg, whatever else they are written as.
    assert (project.folder / "results/demo/figures/video-stages.svg").exists()


def test_another_style_draws_figures_and_measures_nothing(project):
    project.finish()
    table = project.folder / "results/demo/summary.csv"
    age = table.stat().st_mtime
    table.write_text(f"{','.join(COLUMNS)}\n")
    os.utime(table, (age, age))
    figure = "results/demo/figures/video-stages.svg"
    (project.folder / figure).unlink()
    # Really drawn, so that Snakemake remembers the style it was drawn in; of the others it knows nothing.
    assert project.snakemake(figure).returncode == 0
    assert project.jobs("plots") == {}
    project.edit("config/config.yaml", "style: screen", "style: paper")
    assert project.jobs("plots") == {"plot_figure": 1}


def test_figures_of_published_rows_follow_them(project):
    project.finish("chameleon-blip-triton", "smoke")
    published = project.folder / "config/published/chameleon-blip-triton.csv"
    published.touch()
    asked = ("plots", "--config", "studies=[chameleon-blip-triton]", "overlay=smoke")
    assert project.jobs(*asked) == {"plot_figure": 1}  # of the two, the one that draws them


def test_one_figure_can_be_asked_for_by_name(project):
    project.finish()
    (project.folder / "results/demo/figures/video-stages.png").unlink()
    assert project.jobs("results/demo/figures/video-stages.png") == {"plot_figure": 1}


def test_records_of_other_systems_join_and_are_never_measured(project):
    project.finish()
    here = next(project.folder.glob("results/demo/records/local/video_*"))
    there = project.folder / "results/demo/records/elsewhere" / here.name
    there.mkdir(parents=True)
    (there / "r1.json").write_text("{}")
    os.utime(there / "r1.json", (1_800_000_000, 1_800_000_000))
    jobs = project.jobs()
    assert "measure_process" not in jobs
    assert jobs["summarise"] == 1


def test_plan_prints_the_sheet_and_measures_nothing(project):
    done = project.snakemake("plan")
    assert done.returncode == 0, done.stderr
    assert "text-genai_tinyllama-1.1b-chat_prompts_openvino-genai_int8_1c" in done.stdout
    assert "6 runs, 36 repeats" in done.stdout
    assert "36 repeats to come: at least 3 min of measuring (from warm-up and duration alone), " in done.stdout
    assert "disk: about 0.3 GB (models 0.2 GB, exports 0.2 GB), " in done.stdout
    assert not list(project.folder.glob("results/demo/records/*"))
    assert (project.folder / "results/demo/runs.csv").exists()


def test_the_default_profile_says_nothing_of_where_a_study_runs():
    """As a workflow profile it wins over --profile: anything more would replace what the cluster's profile says."""
    profile = yaml.safe_load((ROOT / "profiles/default/config.yaml").read_text())
    shows = {"__use_yte__", "__definitions__", "?if checkout"}
    assert set(profile) == {"rerun-triggers", "keep-going", "ignore-incomplete", "keep-incomplete"} | shows
    assert set(profile["?if checkout"]) == {"logger"}
