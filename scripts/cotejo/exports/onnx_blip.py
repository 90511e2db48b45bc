"""BLIP for ONNX Runtime: one captioning step, for batches and captions of any size."""

from pathlib import Path
from typing import Any

import numpy as np

from cotejo.exports import onnx_int8
from cotejo.exports.onnx import save
from cotejo.models import blip as architecture

OPSET = 18


def export(model_folder: Path, output: Path, precision: str) -> None:
    """pixel_values [batch, 3, size, size], input_ids and attention_mask [batch, tokens] (int64) → logits.

    In fp16 the weights and the arithmetic are half precision; pixel_values and logits stay float32, as they do in int8.
    """
    import torch

    model = architecture.load(model_folder)

    class Step(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, pixel_values: Any, input_ids: Any, attention_mask: Any) -> Any:
            return architecture.logits(self.model, pixel_values, input_ids, attention_mask)

    _, example = architecture.parity_inputs(model_folder, seed=0)  # a batch of two: PyTorch takes one for a constant
    batch, tokens = torch.export.Dim("batch"), torch.export.Dim("tokens")
    sizes = ({0: batch}, {0: batch, 1: tokens}, {0: batch, 1: tokens})
    with torch.no_grad():
        program = torch.onnx.export(
            Step().eval(),
            tuple(torch.from_numpy(values) for values in example.values()),
            dynamo=True,
            opset_version=OPSET,
            input_names=list(example),
            output_names=["logits"],
            dynamic_shapes=sizes,
        )
    exported: Any = program.model_proto
    for node in exported.graph.node:
        node.ClearField("metadata_props")  # the lines of code that it came from, with this machine's paths
    if precision == "fp16":
        from onnxruntime.transformers.float16 import convert_float_to_float16

        exported = convert_float_to_float16(exported, keep_io_types=True)
    if precision == "int8":
        exported = onnx_int8.quantised(exported, _calibration(model_folder))
    save(exported, output)


def _calibration(model_folder: Path) -> onnx_int8.Inputs:
    """Made-up inputs, and photographs as the model's processor prepares them, each with a made-up caption."""
    from PIL import Image
    from transformers import BlipImageProcessor

    processor = BlipImageProcessor.from_pretrained(model_folder, local_files_only=True)
    made_up = [given for seed in onnx_int8.SEEDS for given in architecture.parity_inputs(model_folder, seed)]
    pictured = []
    for number, file in enumerate(onnx_int8.photographs()):
        given = architecture.parity_inputs(model_folder, seed=onnx_int8.SEEDS[-1] + 1 + number)[0]
        with Image.open(file) as picture:
            pixels = processor(picture.convert("RGB"), return_tensors="np")["pixel_values"].astype(np.float32)
        pictured.append({**given, "pixel_values": pixels})
    return made_up + pictured


def outputs(session: Any, inputs: list[dict[str, np.ndarray]]) -> list[dict[str, np.ndarray]]:
    return [{"logits": session.run(["logits"], given)[0]} for given in inputs]
