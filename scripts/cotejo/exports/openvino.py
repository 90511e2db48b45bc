"""OpenVINO's intermediate representation (IR), each architecture by the exporter that its users would take."""

from importlib import import_module
from pathlib import Path
from types import ModuleType

import numpy as np

from cotejo.exports.ir import weights as weights

PRECISIONS = {
    "llama": ("fp32", "fp16", "int8", "int4"),
    "whisper": ("fp32", "fp16", "int8"),
    "yolo": ("fp32", "fp16"),
}
ARCHITECTURES = tuple(PRECISIONS)
DISTRIBUTIONS = (
    "openvino",
    "openvino-tokenizers",
    "nncf",
    "optimum-intel",
    "optimum",
    "transformers",
    "ultralytics",
    "openai-whisper",
    "torch",
)


def export(model_folder: Path, output: Path, architecture: str, precision: str) -> None:
    _exporter_of(architecture).export(model_folder, output, precision)


def outputs(export_folder: Path, architecture: str, inputs: list[dict[str, np.ndarray]]) -> list[dict[str, np.ndarray]]:
    answers: list[dict[str, np.ndarray]] = _exporter_of(architecture).outputs(export_folder, inputs)
    return answers


def _exporter_of(architecture: str) -> ModuleType:
    return import_module(f"cotejo.exports.openvino_{architecture}")
