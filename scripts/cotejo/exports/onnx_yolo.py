"""YOLO for ONNX Runtime, by ultralytics."""

from pathlib import Path
from typing import Any

import numpy as np

from cotejo.exports import yolo
from cotejo.exports.onnx import save
from cotejo.models.yolo import named_outputs


def export(model_folder: Path, output: Path, precision: str) -> None:
    """images → output0 (predictions), output1 (prototypes)."""
    import onnx

    model = onnx.load(yolo.export("onnx", model_folder, precision))
    for place, entry in enumerate(model.metadata_props):
        if entry.key == "date":  # the hour of an export may not change its bytes
            del model.metadata_props[place]
            break
    save(model, output)


def outputs(session: Any, inputs: list[dict[str, np.ndarray]]) -> list[dict[str, np.ndarray]]:
    return [named_outputs(*session.run(None, given)) for given in inputs]
