"""ONNX Runtime: BLIP and YOLO, on CPUs, and on one NVIDIA GPU by its CUDA provider or TensorRT's."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cotejo.backends import onnxruntime_provider
from cotejo.backends.in_turn import InTurn, Outputs
from cotejo.backends.onnx_types import check_computing
from cotejo.backends.onnxruntime_provider import CPU, provider_of
from cotejo.errors import CotejoError

if TYPE_CHECKING:
    from cotejo.surroundings import Surroundings

FORMATS = dict.fromkeys(("blip", "yolo"), "onnx")
ARCHITECTURES = tuple(FORMATS)
PRECISIONS = ("fp32", "fp16", "int8")
DEVICES = ("cpu", "cuda")
SPLITS = ()
OPTIONS = {"provider": None}
USUAL = {"provider": {"cuda": "cuda"}}
DISTRIBUTIONS = ("onnxruntime", "onnxruntime-gpu", "tensorrt-cu13", "nvidia-cudnn-cu13", "numpy", "av")
# They have CUDA's libraries of the version that onnxruntime-gpu needs, whatever Cotejo's own PyTorch is built for.
STACKS = {"cuda": "onnxruntime-gpu", "tensorrt": "tensorrt"}


def check(run: Mapping[str, Any]) -> None:
    """CotejoError unless the arithmetic asked for is that of the model, and its provider has it."""
    check_computing(run, "onnxruntime computes in the model's own precision")
    if run.get("provider") and run["device"] == "cpu":
        raise CotejoError(f"provider: {run['provider']}: computes on GPUs. Add `device: cuda`, or delete it")
    if run["precision"] == "int8" and provider_of(run) == "cuda":
        raise CotejoError(
            "precision: int8: onnxruntime's CUDA provider turns 8 bits back into 32 and computes with those. Add "
            "`provider: tensorrt`, or take another precision"
        )


def stack(run: Mapping[str, Any]) -> str | None:
    return STACKS.get(provider_of(run))


def missing(run: Mapping[str, Any], there: "Surroundings") -> str:
    if run["device"] == "cpu" or not there.known:
        return ""
    asked = provider_of(run)
    for package in ("onnxruntime-gpu", *(["tensorrt-cu13"] if asked == "tensorrt" else [])):
        if not there.version(package):
            return f"provider: {asked}: {package} is not installed for {there.python}. Run `make env-{STACKS[asked]}`"
    return ""


def load(run: Mapping[str, Any], artefact: Path, model_folder: Path, threads: int) -> "Blip | Yolo":
    session = _session(run, artefact, threads)
    engine = Blip(session) if run["architecture"] == "blip" else Yolo(session, threads)
    if run["device"] != "cpu":
        begun_s = time.monotonic()
        engine.infer(*_nothing(run, session))
        engine.first_inference_s = time.monotonic() - begun_s
    return engine


def _session(run: Mapping[str, Any], artefact: Path, threads: int) -> Any:
    from onnxruntime import InferenceSession, SessionOptions

    options = SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    if run["device"] != "cpu":
        return onnxruntime_provider.session_on_gpu(run, artefact, options)
    session = InferenceSession(artefact / "model.onnx", options, providers=[CPU])
    onnxruntime_provider.refuse_other(session.get_providers(), (CPU,))
    return session


def _nothing(run: Mapping[str, Any], session: Any) -> list[np.ndarray]:
    """The inputs of a first inference, of the shapes that all requests have: for them engines are built, or tried."""
    image = session.get_inputs()[0].shape
    inputs = [np.zeros((1, *image[1:]), np.float32)]
    return inputs if run["architecture"] == "yolo" else [*inputs, np.ones((1, run["caption_tokens"]), np.int64)]


def _properties(session: Any, first_inference_s: float | None) -> dict[str, Any]:
    options = session.get_session_options()
    found = {
        "providers": session.get_providers(),
        "intra_op_num_threads": options.intra_op_num_threads,
        "inter_op_num_threads": options.inter_op_num_threads,
        "graph_optimization_level": options.graph_optimization_level.name,
        "execution_mode": options.execution_mode.name,
    }
    if first_inference_s is None:
        return found
    return {**found, **onnxruntime_provider.placed(session), "first_inference_s": first_inference_s}


class Blip:
    """An engine of the captioning task."""

    first_inference_s: float | None = None  # on a GPU, while it is loaded

    def __init__(self, session: Any) -> None:
        self._session = session
        self.image_shape: list[Any] = session.get_inputs()[0].shape  # [batch, 3, size, size]

    def infer(self, pixels: np.ndarray, tokens: np.ndarray) -> np.ndarray:
        inputs = {"pixel_values": pixels, "input_ids": tokens, "attention_mask": np.ones_like(tokens)}
        logits: np.ndarray = self._session.run(["logits"], inputs)[0]
        return logits

    def properties(self) -> dict[str, Any]:
        return _properties(self._session, self.first_inference_s)


class Yolo(InTurn):
    """An engine of the video task."""

    first_inference_s: float | None = None  # likewise

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
        return {"slots": self.slots, **_properties(self._session, self.first_inference_s)}
