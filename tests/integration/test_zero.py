"""DeepSpeed's ZeRO for real, in two processes: they learn what two without it learn, and each holds less."""

import json
import time
from typing import Any

import pandas as pd
import pytest
from training import listened_on, measured, prepared, record_of, start, without_dropout

from cotejo.command import ROOT
from cotejo.files import sha256_of
from cotejo.places import worker_stack
from cotejo.stacks import lock_files

pytestmark = pytest.mark.beside

STUDY = """
title: ZeRO
defaults:
  {model: t5-small, weights: synthetic, scale: small, dataset: few-pairs, backend: transformers-trainer, cores: 2,
   processes: 2, batch_size: 4, source_tokens: 24, target_tokens: 16, warmup_steps: 2, learning_rate: 0.003, epochs: 1,
   max_steps: 6, timeout_s: 200}
runs:
  - {name: plain, split: data_parallel}
  - {name: zero1, split: zero1}
  - {name: zero3, split: zero3-offload}
  - {name: large, split: zero1, batch_size: 4096, source_tokens: 4, target_tokens: 64}
figures: []
"""


@pytest.fixture(scope="module")
def trained(model_folder, tmp_path_factory) -> dict[str, tuple[dict[str, Any], list[float]]]:
    """{run: its record, the losses of its steps}, and where the processes of ZeRO's listened."""
    folder = tmp_path_factory.mktemp("zero")
    model = without_dropout(model_folder("t5-small"), folder / "model")
    dataset, runs = prepared(folder, STUDY)
    found = {}
    for name in ("plain", "zero1", "zero3"):
        addresses = set()
        process = start(runs[name], model, dataset, folder)
        while process.poll() is None:
            addresses |= listened_on(process.pid)
            time.sleep(0.5)
        assert process.returncode == 0, process.communicate()[0]
        assert addresses == {"127.0.0.1"}
        file = record_of(runs[name], folder)
        found[name] = json.loads(file.read_text()), pd.read_csv(file.with_suffix(".samples.csv"))["loss"].tolist()
    limited = folder / "python"  # 16 GiB of addresses for each process: the logits of `large` are 31 GiB
    limited.write_text(f'#!/bin/sh\nulimit -v 16777216\nexec {ROOT / worker_stack(runs["large"], {}).python} "$@"\n')
    limited.chmod(0o755)
    found["large"] = json.loads(measured(runs["large"], model, dataset, folder, limited).read_text()), []
    return found


@pytest.mark.parametrize("name", ["zero1", "zero3"])
def test_it_learns_what_two_processes_without_it_learn(trained, name):
    (_, plain), (record, losses) = trained["plain"], trained[name]
    assert (record["status"], record["message"]) == ("ok", None)
    assert losses == pytest.approx(plain, rel=1e-4)
    assert losses[0] > losses[-1] + 1


def held(record: dict[str, Any], kind: str) -> list[float]:
    """So many MiB of a kind of model states, each process."""
    [level] = record["levels"]
    return [level["reported"].get(f"rank{rank}_{kind}_mib", 0.0) for rank in (0, 1)]


def test_each_process_holds_its_part_alone(trained):
    plain, first, third = (trained[name][0] for name in ("plain", "zero1", "zero3"))
    model_mib = plain["model"]["parameters"] * 4 / 2**20
    about = {"rel": 0.02}  # padding, the small weights that all keep
    assert held(plain, "parameters") == held(first, "parameters") == pytest.approx([model_mib] * 2, **about)
    assert held(third, "parameters") == pytest.approx([model_mib / 2] * 2, **about)
    assert held(plain, "optimizer") == pytest.approx([2 * model_mib] * 2, **about)  # Adam's two moments
    for zero in (first, third):
        assert held(zero, "optimizer") == pytest.approx([model_mib] * 2, **about)
        assert held(zero, "master_weights") == pytest.approx([model_mib / 2] * 2, **about)
    assert held(plain, "model_state") == pytest.approx([4 * model_mib] * 2, **about)
    assert max(held(third, "model_state")) < 0.8 * 4 * model_mib
    assert all(rank["peak_rss_mib"] > 200 for record in (first, third) for rank in record["ranks"])


def test_the_record_says_by_what(trained):
    (plain, _), (record, _) = trained["plain"], trained["zero3"]
    [lock] = lock_files("deepspeed")
    assert "stack" not in plain
    assert (record["stack"]["name"], record["stack"]["lock_sha256"]) == ("deepspeed", sha256_of(lock))
    assert record["versions"]["deepspeed"] and record["versions"]["torch"] == plain["versions"]["torch"]
    assert record["runtime"]["deepspeed"]["zero_optimization"]["stage"] == 3
    assert "-O3" in record["runtime"]["operators"]["cpu_adam"]["flags"]
    assert record["affinity"]["violations"] == []


def test_too_little_memory_is_what_was_measured(trained):
    record, _ = trained["large"]
    assert (record["status"], record["reason"]) == ("failed", "out-of-memory")
