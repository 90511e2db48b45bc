"""Fine-tuning for real: a small T5 on made-up pairs, by the Trainer, in the measured process."""

import json
import math
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from training import ONE_THREAD, measured, prepared

from cotejo.code import SCRIPTS, run_modules
from cotejo.summary import read_attempt, summarise
from cotejo.verdict import THRESHOLDS

pytestmark = pytest.mark.beside

STUDY = """
title: fine-tuning
defaults:
  {model: t5-small, weights: synthetic, scale: small, dataset: few-pairs, backend: transformers-trainer, cores: 1,
   batch_size: 8, source_tokens: 40, target_tokens: 32, warmup_steps: 2, learning_rate: 0.003, timeout_s: 300}
runs:
  - {name: cut, epochs: 6, max_steps: 24}
  - {name: whole, epochs: 2, batch_size: 50, source_tokens: 8, target_tokens: 8, optimizer: adafactor}
  - {name: one-gpu, device: cuda}
  - {name: zero3, device: cuda, accelerators: 3, split: zero3-offload}
  - {name: large, batch_size: 768, source_tokens: 4}
figures: []
"""

# Too little address space for the logits of 768 times 32 tokens, 3.2 GB, and enough for all before them.
LITTLE_MEMORY = """
import resource, runpy
resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
runpy.run_module("cotejo.worker", run_name="__main__", alter_sys=True)
"""
WORKER = ("-m", "cotejo.worker")


@pytest.fixture(scope="session")
def tuning(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, dict[str, Any]]]:
    """A prepared data set of made-up pairs, and the study's runs by the names of their blocks."""
    return prepared(tmp_path_factory.mktemp("fine-tuning"), STUDY)


@pytest.fixture
def work(tuning, model_folder, tmp_path):
    """work(name, …): what the measured process of a run says of itself."""

    def done(name: str, start=WORKER, model: Path | None = None) -> dict[str, Any]:
        dataset, runs = tuning
        model = model or model_folder("t5-small")
        job = {"run": runs[name], "artefact": str(model), "model_folder": str(model), "dataset_folder": str(dataset),
               "threads": 1, "output": str(tmp_path)}  # fmt: skip
        (tmp_path / "job.json").write_text(json.dumps(job))
        environment = os.environ | ONE_THREAD
        command = [sys.executable, *start, "--job", str(tmp_path / "job.json")]
        process = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
        assert process.returncode == 0, process.stderr
        return json.loads((tmp_path / "worker.json").read_text())

    return done


def test_a_small_t5_learns_made_up_sql_and_its_record_says_how_fast(tuning, model_folder, tmp_path):
    dataset, runs = tuning
    run = runs["cut"]
    attempt = read_attempt(measured(run, model_folder("t5-small"), dataset, tmp_path))
    record = attempt.record

    assert (record["status"], record["message"]) == ("ok", None)
    assert [mark for mark in record["marks"] if mark != "taskset"] == [
        "synthetic",
        "small",
        "synthetic-data",
        "cut-short",
    ]
    assert record["dataset"]["items"] == 60
    assert record["affinity"]["observed_cpus"] == record["affinity"]["expected_cpus"]
    assert record["runtime"]["num_threads"] == len(record["affinity"]["expected_cpus"]) == 1
    [level] = record["levels"]
    assert (level["level"], level["requests"], level["warmup_requests"], level["ended_by"]) == (
        "training", 24, 2, "max-steps",
    )  # fmt: skip
    assert level["telemetry"]["rss_peak_mib"] > 200

    summary = summarise([run], [attempt], THRESHOLDS)
    found = summary.set_index("metric")["median"].to_dict()
    assert found["train_s"] == pytest.approx(level["duration_s"])
    assert found["steps_per_s"] == pytest.approx(24 / level["duration_s"])
    assert found["samples_per_s"] == pytest.approx(192 / level["duration_s"])
    assert 7 < found["loss_start"] < 10.5  # a guess among 32,128 tokens costs 10.4
    assert found["loss_end"] < 0.8 * found["loss_start"]
    assert found["rss_peak_mib"] > 200
    assert not summary["reasons"].str.contains("loss:").any()


def test_whole_epochs_have_a_last_step_of_what_is_left(work, tuning):
    report = work("whole")
    assert (report["status"], report["message"]) == ("ok", None)
    [level] = report["levels"]
    assert (level["requests"], level["ended_by"]) == (math.ceil(2 * 60 / 50), "epochs")
    assert set(report["modules"]) <= {path.relative_to(SCRIPTS).as_posix() for path in run_modules(tuning[1]["whole"])}


def test_what_does_not_fit_in_memory_is_out_of_memory(work):
    report = work("large", start=("-c", LITTLE_MEMORY))
    assert (report["status"], report["reason"], report["levels"]) == ("failed", "out-of-memory", [])


def test_a_loss_that_is_no_number_is_a_failure_of_its_own(work, model_folder, tmp_path):
    from safetensors.torch import load_file, save_file

    broken = tmp_path / "broken"
    shutil.copytree(model_folder("t5-small"), broken)
    weights = load_file(broken / "model.safetensors")
    weights["shared.weight"][:] = math.nan
    save_file(weights, broken / "model.safetensors", metadata={"format": "pt"})
    report = work("cut", model=broken)
    assert (report["status"], report["reason"]) == ("failed", "loss-nan")
    assert report["message"] == "the loss was nan in step 1 of 26"


@pytest.mark.parametrize(("name", "gpus"), [("one-gpu", 1), ("zero3", 3)])
def test_gpus_that_are_not_there_are_said_to_be_missing(name, gpus, work):
    import torch

    if torch.cuda.device_count() >= gpus:
        pytest.skip(f"{gpus} GPUs are here")
    report = work(name)
    assert (report["status"], report["reason"]) == ("failed", "device-missing")
    assert f"the run asks for {gpus}" in report["message"]


def test_one_gpu_is_trained_on(work):
    import torch

    if not torch.cuda.is_available():
        pytest.skip("needs a GPU and a CUDA build of PyTorch")
    report = work("one-gpu")
    assert (report["status"], report["message"]) == ("ok", None)
    assert len(report["runtime"]["gpus"]) == 1
    assert report["levels"][0]["reported"]["gpu0_memory_allocated_peak_mib"] > 10
