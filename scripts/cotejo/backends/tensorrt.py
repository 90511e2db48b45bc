"""TensorRT's own engines: BLIP and YOLO, on one NVIDIA GPU of the kind that they were built on."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cotejo.backends.in_turn import InTurn, Outputs
from cotejo.backends.onnx_types import check_computing
from cotejo.backends.tensorrt_engine import Engine
from cotejo.errors import CotejoError
from cotejo.exports.tensorrt_profile import TOKENS

if TYPE_CHECKING:
    from cotejo.surroundings import Surroundings

FORMATS = dict.fromkeys(("blip", "yolo"), "tensorrt")
ARCHITECTURES = tuple(FORMATS)
PRECISIONS = ("fp32", "fp16", "int8")
DEVICES = ("cuda",)
SPLITS = ()
DISTRIBUTIONS = ("tensorrt-cu13", "tensorrt-cu12", "cuda-bindings", "numpy", "av")
STACK = "tensorrt"


def stack(run: Mapping[str, Any]) -> str:
    return STACK


def check(run: Mapping[str, Any]) -> None:
    """CotejoError unless the arithmetic asked for is the graph's, and its sizes are within the engine's profile."""
    check_computing(run, "tensorrt computes in the types of its graph")
    if run.get("caption_tokens", 0) > TOKENS[-1]:
        raise CotejoError(f"caption_tokens: {run['caption_tokens']}: engines are built for {TOKENS[-1]}. Take fewer")


def missing(run: Mapping[str, Any], there: "Surroundings") -> str:
    if not there.known or there.version("tensorrt-cu13") or there.version("tensorrt-cu12"):
        return ""
    return f"backend: tensorrt: TensorRT is not installed for {there.python}. Run `make env-tensorrt`"


def load(run: Mapping[str, Any], artefact: Path, model_folder: Path, threads: int) -> "Blip | Yolo":
    engine = Engine(artefact)
    return Blip(engine) if run["architecture"] == "blip" else Yolo(engine, threads)


class Blip:
    """An engine of the captioning task."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def infer(self, pixels: np.ndarray, tokens: np.ndarray) -> np.ndarray:
        inputs = {"pixel_values": pixels, "input_ids": tokens, "attention_mask": np.ones_like(tokens)}
        return self._engine.infer(inputs)["logits"]

    def properties(self) -> dict[str, Any]:
        return self._engine.properties()


class Yolo(InTurn):
    """An engine of the video task."""

    def __init__(self, engine: Engine, threads: int) -> None:
        super().__init__()
        self._engine = engine
        self._input = engine.inputs[0]
        self.image_size: int = engine.largest(self._input)[-1]
        self.threads = threads

    def infer(self, image: np.ndarray) -> Outputs:
        found = self._engine.infer({self._input: image})
        predictions, prototypes = (found[name] for name in self._engine.outputs)
        return predictions, prototypes

    def properties(self) -> dict[str, Any]:
        return {"slots": self.slots, **self._engine.properties()}
