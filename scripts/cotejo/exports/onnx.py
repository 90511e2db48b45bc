"""ONNX, run by ONNX Runtime."""

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from cotejo.exports.weights import LEAST_ELEMENTS, Weight

PRECISIONS = {"blip": ("fp32", "fp16", "int8"), "yolo": ("fp32", "fp16")}
ARCHITECTURES = tuple(PRECISIONS)
DISTRIBUTIONS = ("onnx", "onnxscript", "onnxruntime", "onnxruntime-gpu", "transformers", "ultralytics", "torch")

# Which inputs of an operation hold weights, and what may stand between them and a stored constant.
READERS = {"MatMul": (0, 1), "Gemm": (0, 1), "Conv": (1,), "ConvTranspose": (1,), "Gather": (0,)}
PASSING = {"Cast", "Transpose", "Identity", "Reshape", "Unsqueeze", "DequantizeLinear"}

LARGEST_FILE_BYTES = 2_000_000_000  # protobuf can't hold 2 GiB

TYPES = {"FLOAT": "f32", "FLOAT16": "f16", "BFLOAT16": "bf16", "INT8": "i8", "UINT8": "u8", "INT4": "i4", "UINT4": "u4"}


def export(model_folder: Path, output: Path, architecture: str, precision: str) -> None:
    """model.onnx, with model.onnx.data beside it for what one file of 2 GB can't hold."""
    _exporter_of(architecture).export(model_folder, output, precision)


def save(model: Any, folder: Path) -> None:
    """Write an onnx.ModelProto as model.onnx."""
    import onnx

    path = folder / "model.onnx"
    too_large = model.ByteSize() >= LARGEST_FILE_BYTES
    onnx.save(model, path, save_as_external_data=too_large, location=f"{path.name}.data")


def outputs(export_folder: Path, architecture: str, inputs: list[dict[str, np.ndarray]]) -> list[dict[str, np.ndarray]]:
    import onnxruntime

    session = onnxruntime.InferenceSession(export_folder / "model.onnx", providers=["CPUExecutionProvider"])
    answers: list[dict[str, np.ndarray]] = _exporter_of(architecture).outputs(session, inputs)
    return answers


def _exporter_of(architecture: str) -> ModuleType:
    return import_module(f"cotejo.exports.onnx_{architecture}")


def weights(export_folder: Path) -> list[Weight]:
    import onnx

    model = onnx.load(export_folder / "model.onnx", load_external_data=False)
    return list(_weights_of(model.graph))


def _weights_of(graph: Any) -> Iterator[Weight]:
    import onnx

    stored = {tensor.name: tensor for tensor in graph.initializer}
    makers = {name: node for node in graph.node for name in node.output}
    tables: dict[str, bool] = {}
    for node in graph.node:
        for place in READERS.get(node.op_type, ()):
            name = node.input[place]
            while name in makers and makers[name].op_type in PASSING:
                name = makers[name].input[0]
            if name in stored:
                tables[name] = tables.get(name, False) or node.op_type == "Gather"
    for name, table in tables.items():
        shape = tuple(stored[name].dims)
        elements = int(np.prod(shape))
        kind = onnx.TensorProto.DataType.Name(stored[name].data_type)
        if elements >= LEAST_ELEMENTS:
            yield Weight(TYPES.get(kind, kind), shape, elements, table)
