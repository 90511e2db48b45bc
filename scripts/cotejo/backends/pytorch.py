"""PyTorch itself, on the model's own folder: what every export is held against."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np

from cotejo.backends.greedy import Greedy
from cotejo.backends.in_turn import InTurn, Outputs
from cotejo.backends.openai_whisper import Transcriber
from cotejo.errors import CotejoError
from cotejo.files import read_json
from cotejo.models import architecture
from cotejo.tasks.text_generation import Generation

FORMATS = dict.fromkeys(("llama", "yolo", "whisper", "blip"), None)
ARCHITECTURES = tuple(FORMATS)
PRECISIONS = ("fp32", "fp16", "bf16")
DISTRIBUTIONS = ("torch", "transformers", "ultralytics", "openai-whisper", "numpy", "av")

WEIGHTS = {"fp32": "float32", "fp16": "float16", "bf16": "bfloat16"}
COMPUTE = {"f32": "float32", "f16": "float16", "bf16": "bfloat16"}


def check(run: Mapping[str, Any]) -> None:
    """CotejoError where the run's weights and its arithmetic don't go together here."""
    weights, compute = precisions(run)
    if run["architecture"] == "whisper" and (weights, compute) != ("float32", "float32"):
        raise CotejoError(
            f"precision: {run['precision']}, compute_precision: {run['compute_precision']}: openai-whisper computes in "
            "fp32 on a CPU. Use precision fp32 with f32 or device-default"
        )
    if compute == "float32" != weights:
        raise CotejoError(
            f"compute_precision: f32: PyTorch can't compute in f32 on weights of {run['precision']}. Use precision fp32"
        )


def precisions(run: Mapping[str, Any]) -> tuple[str, str]:
    """torch's names of the data types that the weights are held in and that is computed in."""
    weights = WEIGHTS[run["precision"]]
    return weights, COMPUTE.get(run["compute_precision"], weights)


def load(run: Mapping[str, Any], artefact: Path, model_folder: Path, threads: int) -> Any:
    """`artefact` is the model's folder. Weights in the run's precision, computing in its compute precision."""
    import torch

    torch.set_num_threads(threads)
    weights, compute = precisions(run)
    kind = run["architecture"]
    model = architecture(kind).load(artefact, weights)
    computing = Computing(weights, compute, threads)
    match kind:
        case "llama":
            return Llama(model, computing)
        case "whisper":
            return Whisper(model, computing)
        case "blip":
            return Blip(model, computing)
        case "yolo":
            return Yolo(model, computing, read_json(artefact / "config.json")["image_size"])
    raise ValueError(kind)


class Computing:
    """How PyTorch computes: in the weights' own precision, or by autocast in a lower one."""

    def __init__(self, weights: str, compute: str, threads: int) -> None:
        import torch

        self.weights = getattr(torch, weights)
        self._compute = getattr(torch, compute)
        self.threads = threads

    def context(self) -> AbstractContextManager[Any]:
        import torch

        return torch.autocast("cpu", dtype=self._compute, enabled=self._compute != self.weights)

    def properties(self) -> dict[str, Any]:
        import torch

        return {
            "weights": str(self.weights),
            "compute": str(self._compute),
            "autocast": self._compute != self.weights,
            "num_threads": torch.get_num_threads(),
            "num_interop_threads": torch.get_num_interop_threads(),
            "mkldnn": torch.backends.mkldnn.is_available(),
        }


class Llama(Greedy):
    """An engine of the text task."""

    def __init__(self, model: Any, computing: Computing) -> None:
        super().__init__(model)
        self._computing = computing
        self.properties = computing.properties

    def generate(self, tokens: Sequence[int], new_tokens: int) -> Generation:
        with self._computing.context():
            return super().generate(tokens, new_tokens)


class Whisper(Transcriber):
    """An engine of the speech task."""

    def __init__(self, model: Any, computing: Computing) -> None:
        from whisper.decoding import PyTorchInference

        super().__init__(model, PyTorchInference)
        self.properties = computing.properties


class Blip:
    """An engine of the captioning task."""

    def __init__(self, model: Any, computing: Computing) -> None:
        self._model = model
        self._computing = computing
        self.properties = computing.properties

    def infer(self, pixels: np.ndarray, tokens: np.ndarray) -> np.ndarray:
        import torch

        from cotejo.models.blip import logits

        ids = torch.from_numpy(tokens)
        images = torch.from_numpy(pixels).to(self._computing.weights)
        with torch.inference_mode(), self._computing.context():
            answer: np.ndarray = logits(self._model, images, ids, torch.ones_like(ids)).float().numpy()
        return answer


class Yolo(InTurn):
    """An engine of the video task, its batch normalisations folded into the convolutions as in ultralytics' predict."""

    def __init__(self, model: Any, computing: Computing, image_size: int) -> None:
        super().__init__()
        self._model = model.fuse(verbose=False)
        self._computing = computing
        self.image_size = image_size
        self.threads = computing.threads

    def infer(self, image: np.ndarray) -> Outputs:
        import torch

        with torch.inference_mode(), self._computing.context():
            predictions, prototypes = self._model(torch.from_numpy(image).to(self._computing.weights))[0]
        return predictions.float().numpy(), prototypes.float().numpy()

    def properties(self) -> dict[str, Any]:
        return {"slots": self.slots, **self._computing.properties()}
