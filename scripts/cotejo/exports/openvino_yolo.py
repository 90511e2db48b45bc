"""YOLO for OpenVINO, by ultralytics."""

from pathlib import Path

import numpy as np

from cotejo.exports import yolo
from cotejo.exports.ir import compiled
from cotejo.models.yolo import named_outputs


def export(model_folder: Path, output: Path, precision: str) -> None:
    """model.xml, and metadata.yaml, by which ultralytics' own commands run it."""
    import yaml

    made = yolo.export("openvino", model_folder, precision)
    metadata = yaml.safe_load((made / "metadata.yaml").read_text(encoding="utf-8"))
    del metadata["date"]  # the hour of an export may not change its bytes
    for name in ("model.xml", "model.bin"):
        (made / name).rename(output / name)
    (output / "metadata.yaml").write_text(yaml.safe_dump(metadata, sort_keys=False), encoding="utf-8")


def outputs(export_folder: Path, inputs: list[dict[str, np.ndarray]]) -> list[dict[str, np.ndarray]]:
    model = compiled(export_folder / "model.xml")
    return [named_outputs(*model(given["images"]).values()) for given in inputs]
