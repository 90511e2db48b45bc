"""Fine-tuning on real GPUs: on one, and on two that share every step."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from training import measured, prepared

from cotejo.models.catalogue import read_entry
from cotejo.models.synthetic import write_model
from cotejo.study import CONFIG

GPUS = torch.cuda.device_count() if torch.cuda.is_available() else 0
STUDY = """
title: fine-tuning on GPUs
defaults:
  {model: t5-small, weights: synthetic, scale: small, dataset: few-pairs, backend: transformers-trainer, device: cuda,
   source_tokens: 24, target_tokens: 16, warmup_steps: 2, learning_rate: 0.003, epochs: 4, timeout_s: 300}
runs:
  - {name: one, batch_size: 8}
  - {name: two, batch_size: 4, accelerators: 2, split: data_parallel}
figures: []
"""


@pytest.mark.parametrize("name", ["one", "two"])
def test_gpus_train_and_tell_what_they_held(name: str, tmp_path: Path) -> None:
    gpus = 2 if name == "two" else 1
    if gpus > GPUS:
        pytest.skip(f"needs {gpus} CUDA devices, and here are {GPUS}. Run `make test-gpu` on a machine that has them")
    dataset, runs = prepared(tmp_path / "tuning", STUDY)
    model = tmp_path / "model"
    write_model(model, "t5-small", read_entry(CONFIG / "models.yaml", "t5-small"), "small", seed=0, headers_only=False)
    record: dict[str, Any] = json.loads(measured(runs[name], model, dataset, tmp_path).read_text())

    assert (record["status"], record["message"]) == ("ok", None)
    [level] = record["levels"]
    assert level["requests"] == 4 * 60 / 8
    held = level["reported"]
    assert held.keys() == {f"gpu{number}_memory_allocated_peak_mib" for number in range(gpus)}
    assert min(held.values()) > 10
    assert len(record["runtime"]["gpus"]) == gpus
    if gpus > 1:
        assert record["runtime"]["collectives"] == "nccl"
        assert [rank["rank"] for rank in record["ranks"]] == [0, 1]
