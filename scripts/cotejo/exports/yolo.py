"""YOLO by ultralytics' own exporter, for one frame of fixed size at a time.

There is no int8: it would store activations in 8 bits too, whose ranges must be taken from hundreds of pictures of the
kind that will be seen, and whose error only a labelled set of them can judge. With symmetric ranges, as TensorRT takes
them, the scores of the made-up weights are off by 0.11 to 0.15, however they are calibrated: beyond the parity gate.
"""

import tempfile
from pathlib import Path
from typing import Any

from cotejo.files import read_json
from cotejo.models import yolo as architecture

QUANTIZE = {"fp32": 32, "fp16": 16}  # ultralytics' numbers


def export(form: str, model_folder: Path, precision: str) -> Path:
    """What ultralytics makes of the model, a file or a folder below a temporary one.

    One input, images [1, 3, size, size] in 0…1; two outputs, predictions [1, 4 + classes + 32, anchors] and prototypes
    [1, 32, size/4, size/4].
    """
    from ultralytics.engine.exporter import Exporter

    model: Any = architecture.load(model_folder)
    model.task, model.args = "segment", {"data": ""}
    model.pt_path = str(Path(tempfile.mkdtemp()) / "model.pt")  # ultralytics writes beside the file a model came from
    settings = {
        "mode": "export",
        "format": form,
        "imgsz": read_json(model_folder / "config.json")["image_size"],
        "batch": 1,
        "quantize": QUANTIZE[precision],
        "device": "cpu",
    }
    return Path(Exporter(overrides=settings)(model=model))
