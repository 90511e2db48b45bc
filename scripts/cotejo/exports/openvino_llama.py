"""Llama by optimum-intel: one stateful model, and a tokenizer for openvino-genai beside it."""

from pathlib import Path
from typing import Any

import numpy as np

from cotejo.exports.ir import compiled, save_tokenizer, steps
from cotejo.exports.optimum import INT8, convert
from cotejo.files import read_json

GROUPS = (128, 64, 32)

# How many of an input's last tokens are decoded one by one, which proves the cache of the earlier ones.
STEPS = 4


def export(model_folder: Path, output: Path, precision: str) -> None:
    """openvino_model.xml: input_ids, attention_mask, position_ids, beam_idx → logits; the KV cache is its state."""
    compression: dict[str, Any] | None = None
    if precision == "int8":
        compression = INT8
    elif precision == "int4":
        group = group_size(read_json(model_folder / "config.json"))
        compression = {"bits": 4, "sym": False, "group_size": group, "ratio": 1.0}
    from optimum.intel import OVModelForCausalLM

    convert(OVModelForCausalLM, model_folder, output, precision, compression)
    save_tokenizer(model_folder, output)


def group_size(config: dict[str, Any]) -> int:
    """How many weights share a scale at 4 bits: the most that divide the rows of every matrix."""
    rows = (config["hidden_size"], config["intermediate_size"])
    for size in GROUPS:
        if all(row % size == 0 for row in rows):
            return size
    raise ValueError(f"config.json: hidden_size, intermediate_size: {rows}: no group of {GROUPS} divides both")


def outputs(export_folder: Path, inputs: list[dict[str, np.ndarray]]) -> list[dict[str, np.ndarray]]:
    """{"logits": float32 [1, tokens, vocabulary]}, the last tokens decoded one at a time from the cache."""
    request = compiled(export_folder / "openvino_model.xml").create_infer_request()
    names = {name for port in request.model_inputs for name in port.get_names()}
    answers = []
    for given in inputs:
        request.reset_state()
        tokens = given["input_ids"].shape[1]
        logits = []
        for start, end in steps(tokens, at_once=max(1, tokens - STEPS)):
            feed = {
                "input_ids": given["input_ids"][:, start:end],
                "attention_mask": given["attention_mask"][:, :end],
                "position_ids": given["position_ids"][:, start:end],
                "beam_idx": np.zeros(1, dtype=np.int32),
            }
            request.infer({name: values for name, values in feed.items() if name in names})
            logits.append(request.get_tensor("logits").data.copy())
        answers.append({"logits": np.concatenate(logits, axis=1)})
    return answers
