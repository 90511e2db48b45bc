"""ONNX Runtime: BLIP and YOLO."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from cotejo.backends.in_turn import InTurn, Outputs
from cotejo.errors import CotejoError

FORMATS = dict.fromkeys(("blip", "yolo"), "onnx")
ARCHITECTURES = tuple(FORMATS)
PRECISIONS = ("fp32", "fp16")
DEVICES = ("cpu",)
SPLITS = ()
DISTRIBUTIONS = ("onnxruntime", "onnxruntime-gpu", "numpy", "av")

PROVIDERS = {"cpu": ["CPUExecutionProvider"]}


def check(run: Mapping[str, Any]) -> None:
    """CotejoError unless the arithmetic asked for is that of the model, which ONNX Runtime keeps to on a CPU."""
    own = {"fp32": "f32", "fp16": "f16"}[run["precision"]]
    if run["compute_precision"] not in (own, "device-default"):
        raise CotejoError(
            f"compute_precision: {run['compute_precision']}: onnxruntime computes in the model's own precision on a "
            f"CPU. Use {own} or device-default"
        )


def load(run: Mapping[str, Any], artefact: Path, model_folder: Path, threads: int) -> "Blip | Yolo":
    session = _session(run, artefact / "model.onnx", threads)
    return Blip(session) if run["architecture"] == "blip" else Yolo(session, threads)


def _session(run: Mapping[str, Any], model: Path, threads: int) -> Any:
    from onnxruntime import InferenceSession, SessionOptions

    options = SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    wanted = PROVIDERS[run["device"]]
    session = InferenceSession(model, options, providers=wanted)
    # Where a provider cannot be loaded the session quietly takes another one.
    if session.get_providers() != wanted:
        raise CotejoError(
            f"device: {run['device']}: onnxruntime took {', '.join(session.get_providers())} in place of "
            f"{', '.join(wanted)}. Install what that provider needs"
        )
    return session


def _properties(session: Any) -> dict[str, Any]:
    options = session.get_session_options()
    return {
        "providers": session.get_providers(),
        "intra_op_num_threads": options.intra_op_num_threads,
        "inter_op_num_threads": options.inter_op_num_threads,
        "graph_optimization_level": options.graph_optimization_level.name,
        "execution_mode": options.execution_mode.name,
    }


class Blip:
    """An engine of the captioning task."""

    def __init__(self, session: Any) -> None:
        self._session = session

    def infer(self, pixels: np.ndarray, tokens: np.ndarray) -> np.ndarray:
        inputs = {"pixel_values": pixels, "input_ids": tokens, "attention_mask": np.ones_like(tokens)}
        logits: np.ndarray = self._session.run(["logits"], inputs)[0]
        return logits

    def properties(self) -> dict[str, Any]:
        return _properties(self._session)


class Yolo(InTurn):
    """An engine of the video task."""

    def __init__(self, session: Any, threads: int) -> None:
        super().__init__()
        self._session = session
        self._input = session.get_inputs()[0]
        self.image_size: int = self._input.shape[-1]
        self.threads = threads

    def infer(self, image: np.ndarray) -> Outputs:
        predictions, prototypes = self._session.run(None, {self._input.name: image})
        return predictions, prototypes

    def properties(self) -> dict[str, Any]:
        return {"slots": self.slots, **_properties(self._session)}
