"""LLaVA divided without a GPU: by the same plan and the same hooks as over GPUs, some of its layers in memory and the
others on disk, measured as any run is, and with the answers of the whole model.
"""

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from PIL import Image
from training import measured

from cotejo.backends import backend
from cotejo.command import ROOT
from cotejo.datasets.entries import prepare
from cotejo.files import sha256_of_folder
from cotejo.study import load_study
from cotejo.summary import read_attempt, summarise
from cotejo.verdict import THRESHOLDS

pytestmark = pytest.mark.beside

MODEL = "llava-1.5-7b"
STUDY = f"""
title: divided
defaults:
  {{model: {MODEL}, dataset: two-questions, backend: pytorch, weights: synthetic, scale: small, cores: 1, passes: 1,
    new_tokens: 4, warmup_s: 0.1, timeout_s: 120}}
runs:
  - {{name: whole}}
  - {{name: by-layers, split: device_map, split_layers: "3,1"}}
  - {{name: first-layer, split: device_map, split_layers: "1,3"}}
  - {{name: by-memory, split: device_map, split_memory_gib: 0.05}}
figures: []
"""
QUESTIONS = ("What is this?", "Which colour is it?")
TOKENS = 12


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, dict[str, Any]]]:
    """A prepared data set of two made-up pairs, and the study's runs by the names of their blocks."""
    folder = tmp_path_factory.mktemp("divided")
    config = folder / "config"
    shutil.copytree(ROOT / "config", config)
    datasets = yaml.safe_load((config / "datasets.yaml").read_text())
    pairs = datasets["vizwiz-like"]
    pairs["source"]["generate"] |= {"pairs": 2, "width": 96, "height": 128}
    (config / "datasets.yaml").write_text(yaml.safe_dump(datasets | {"two-questions": pairs}))
    (config / "studies" / "divided.yaml").write_text(STUDY)
    prepare(config / "datasets.yaml", "two-questions", folder / "dataset")
    return folder / "dataset", {run["name"]: run for run in load_study("divided", config=config).runs}


def test_a_model_between_memory_and_disk_is_measured_as_any_other(study, model_folder, tmp_path, monkeypatch):
    dataset, runs = study
    scratch = tmp_path / "tmp"
    scratch.mkdir()
    monkeypatch.setenv("TMPDIR", str(scratch))
    model = model_folder(MODEL)
    files = sha256_of_folder(model)

    attempt = read_attempt(measured(runs["by-layers"], model, dataset, tmp_path))

    record = attempt.record
    assert (record["status"], record["message"]) == ("ok", None)
    lies = record["runtime"]["device_map"]
    layers = {number: lies[f"model.language_model.layers.{number}"] for number in range(4)}
    assert layers == {0: "cpu", 1: "cpu", 2: "cpu", 3: "disk"}
    assert (lies["model.vision_tower"], lies["lm_head"]) == ("cpu", "disk")
    assert list(scratch.iterdir()) == [] and sha256_of_folder(model) == files

    summary = summarise([runs["by-layers"]], [attempt], THRESHOLDS).set_index("metric")
    assert (summary["split"] == "device_map").all()
    assert summary["median"]["inferences_per_s"] > 0
    assert summary["median"]["tokens_per_inference"] == 4


@pytest.fixture(scope="module")
def said(study, model_folder) -> dict[str, tuple[set[str], list[list[int]]]]:
    """Where each run's weights are once it is loaded, and its answers to the questions."""
    picture = Image.radial_gradient("L").convert("RGB")
    folder = model_folder(MODEL)
    found = {}
    for name, run in study[1].items():
        engine = backend("pytorch").load(run, folder, folder, 1)
        kept = {parameter.device.type for parameter in engine.model.parameters()}
        asked = [engine.prepare(picture, question) for question in QUESTIONS]
        found[name] = (kept, [[*engine.answer(prepared, TOKENS, TOKENS).tokens] for prepared in asked])
    return found


@pytest.mark.parametrize("name", ["by-layers", "first-layer", "by-memory"])
def test_a_divided_model_says_what_the_whole_says(said, name):
    (in_memory, expected), (kept, answers) = said["whole"], said[name]

    assert (in_memory, kept) == ({"cpu"}, {"cpu", "meta"})  # meta: no weights but those on disk
    assert answers == expected
    assert expected[0] != expected[1]
