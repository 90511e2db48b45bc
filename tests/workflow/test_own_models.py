"""Models of the user's own: which jobs they make, and what stops before any."""

import os
import shutil
from pathlib import Path

import pytest
from own_example import add_entry, entry_of, make_folder

STUDY = """\
title: Mine
defaults: {model: mine, dataset: prompts, repeats: 2, duration_s: 1}
runs:
  - {name: text, backend: openvino, precision: int8}
figures: []
"""
SELECTED = ("--config", "studies=[mine]")


@pytest.fixture
def folder(project, tmp_path: Path) -> Path:
    folder = make_folder(tmp_path / "folder")
    add_entry(project.folder / "config", "mine", entry_of(folder))
    # Older than what `finish` makes.
    os.utime(project.folder / "config" / "models.yaml", (1_600_000_000, 1_600_000_000))
    project.write_study("mine", STUDY)
    return folder


def test_it_is_copied_exported_and_measured(project, folder):
    jobs = project.jobs(*SELECTED)
    assert jobs["copy_model"] == jobs["export_openvino"] == jobs["check_export"] == 1
    assert jobs["measure_process"] == 2
    assert not jobs.keys() & {"fetch_model", "synthesize_model"}


def test_other_weights_are_measured_anew_and_a_model_card_changes_nothing(project, folder):
    project.finish("mine")
    (folder / "README.md").write_text("A model card")
    assert project.jobs(*SELECTED) == {}
    shutil.rmtree(folder)
    make_folder(folder, value=2.0)
    jobs = project.jobs(*SELECTED)
    assert jobs["copy_model"] == 1 and jobs["measure_process"] == 2
    assert not (project.folder / "resources" / "models").exists()


def test_a_folder_that_can_not_be_measured_stops_with_one_line_before_any_job(project, folder):
    place = f"error: config/models.yaml: mine.folder: {folder}: "
    weights = folder / "model.safetensors"
    weights.rename(folder / "pytorch_model.bin")
    assert project.refusal(*SELECTED).startswith(f"{place}pytorch_model.bin: its weights are pickled")
    shutil.rmtree(folder)
    assert project.refusal(*SELECTED).startswith(f"{place}no such folder. Mend the path")
    assert not (project.folder / "results" / "mine" / "records").exists()
    assert not (project.folder / "logs" / "copy_model").exists()


def test_small_scale_is_refused_where_nothing_says_what_that_is(project, folder):
    line = project.refusal(*SELECTED, "overlay=smoke")
    assert "config/studies/mine.yaml: runs[0].scale: 'small': config/models.yaml doesn't say what is `small`" in line
    synthetic = project.jobs(*SELECTED, "overlay=synthetic")
    assert synthetic["synthesize_model"] == 1 and "copy_model" not in synthetic
