"""PyTorch itself, on the model's own folder: what every export is held against."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cotejo.backends import cuda, division
from cotejo.backends.greedy import Greedy
from cotejo.backends.in_turn import InTurn, Outputs
from cotejo.backends.openai_whisper import Transcriber
from cotejo.errors import CotejoError
from cotejo.files import read_json
from cotejo.models import architecture
from cotejo.models.huggingface import DeviceMap, Place
from cotejo.tasks.text_generation import Generation

if TYPE_CHECKING:
    from cotejo.surroundings import Surroundings

FORMATS = dict.fromkeys(("llama", "yolo", "whisper", "blip", "llava"), None)
ARCHITECTURES = tuple(FORMATS)
PRECISIONS = ("fp32", "fp16", "bf16")
DEVICES = ("cpu", "cuda")
SPLITS = ("device_map",)
CPU_SPLITS = SPLITS  # there, over memory and disk
OPTIONS = {"split_layers": None, "split_memory_gib": None}
DISTRIBUTIONS = ("torch", "transformers", "ultralytics", "openai-whisper", "numpy", "av")

DIVISIBLE = ("llama", "llava")  # the architectures that can be divided

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
    _check_division(run)


def _check_division(run: Mapping[str, Any]) -> None:
    """CotejoError where it isn't clear how the model is divided, or it can't be."""
    given = [key for key in OPTIONS if run.get(key) is not None]
    if run.get("split") is None:
        for key in given:
            raise CotejoError(f"{key}: {run[key]}: needs `split: device_map`. Add it, or delete this key")
        return
    if run["architecture"] not in DIVISIBLE:
        raise CotejoError(
            f"split: {run['split']}: pytorch divides {' and '.join(DIVISIBLE)}, not {run['architecture']}. Delete it"
        )
    on_cpu = run["device"] == "cpu"
    if on_cpu and len(given) != 1:
        raise CotejoError(
            f"split: {run['split']}: on a CPU, layers are in memory or on disk. Say which by split_layers or by "
            "split_memory_gib, one of them"
        )
    if not on_cpu and "split_memory_gib" in given:
        raise CotejoError(f"split_memory_gib: {run['split_memory_gib']:g}: is for a CPU. On GPUs use split_layers")
    if "split_layers" in given and len(division.layer_counts(run["split_layers"])) != len(_places(run)):
        places = "memory, and for the disk" if on_cpu else f"each of the {run['accelerators']} `accelerators`"
        raise CotejoError(f"split_layers: {run['split_layers']}: must be a number for {places}. Mend it")


def check_model(run: Mapping[str, Any], config: Mapping[str, Any]) -> None:
    """CotejoError where a model of that configuration can't be divided as the run says."""
    if run.get("split_layers") is not None:
        division.refuse_other_number(run["split_layers"], config.get("text_config", config)["num_hidden_layers"])


def _places(run: Mapping[str, Any]) -> Sequence[Place]:
    """What a model is divided over."""
    return range(run["accelerators"]) if run.get("accelerators") else (division.MEMORY, division.DISK)


def missing(run: Mapping[str, Any], there: "Surroundings") -> str:
    return there.lacks_cuda_torch() if run["device"] == "cuda" else ""


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
    model, placed = _placed(run, artefact, weights)
    gpus = run.get("accelerators", 0)
    divided = {"device_map": dict(placed)} if placed else {}
    computing = Computing(weights, compute, threads, gpus, cuda.properties(placed, gpus) if gpus else divided)
    match kind:
        case "llama":
            return Llama(model, computing)
        case "whisper":
            return Whisper(model, computing)
        case "blip":
            return Blip(model, computing)
        case "yolo":
            return Yolo(model, computing, read_json(artefact / "config.json")["image_size"])
        case "llava":
            from cotejo.backends.pytorch_llava import Llava

            return Llava(model, computing, artefact)
    raise ValueError(kind)


def _placed(run: Mapping[str, Any], folder: Path, weights: str) -> tuple[Any, DeviceMap]:
    """The model, whole or divided, and what of it is where; nothing of that where all is in the CPU's memory."""
    module = architecture(run["architecture"])
    gpus = run.get("accelerators", 0)
    if gpus:
        cuda.require(gpus)
    if run.get("split") is None:
        model = module.load(folder, weights)
        return (model.to("cuda"), {"": 0}) if gpus else (model, {})
    skeleton = module.skeleton(folder, weights)
    if run.get("split_layers") is not None:
        placed = division.by_layers(skeleton, run["split_layers"], _places(run))
    elif gpus:
        placed = division.balanced(skeleton, cuda.free_bytes(gpus))
    else:
        placed = division.within(skeleton, run["split_memory_gib"])
    return module.load(folder, weights, placed), placed


class Computing:
    """How PyTorch computes: in the weights' own precision, or by autocast in a lower one; on the CPU, or so many GPUs.

    `device` is torch's name of where a model takes its inputs, `placed` what a record holds of the GPUs, and of what
    lies where.
    """

    def __init__(self, weights: str, compute: str, threads: int, gpus: int, placed: Mapping[str, Any]) -> None:
        import torch

        self.weights = getattr(torch, weights)
        self._compute = getattr(torch, compute)
        self.threads = threads
        self.gpus = gpus
        self.device = "cuda" if gpus else "cpu"
        self._placed = placed

    def context(self) -> AbstractContextManager[Any]:
        import torch

        return torch.autocast(self.device, dtype=self._compute, enabled=self._compute != self.weights)

    def properties(self) -> dict[str, Any]:
        import torch

        return {
            "weights": str(self.weights),
            "compute": str(self._compute),
            "autocast": self._compute != self.weights,
            "num_threads": torch.get_num_threads(),
            "num_interop_threads": torch.get_num_interop_threads(),
            "mkldnn": torch.backends.mkldnn.is_available(),
            **self._placed,
        }


class Llama(Greedy):
    """An engine of the text task."""

    def __init__(self, model: Any, computing: Computing) -> None:
        super().__init__(model, computing.device)
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

        ids = torch.from_numpy(tokens).to(self._computing.device)
        images = torch.from_numpy(pixels).to(self._computing.device, self._computing.weights)
        with torch.inference_mode(), self._computing.context():
            answer: np.ndarray = logits(self._model, images, ids, torch.ones_like(ids)).float().cpu().numpy()
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
            given = torch.from_numpy(image).to(self._computing.device, self._computing.weights)
            predictions, prototypes = self._model(given)[0]
        return predictions.float().cpu().numpy(), prototypes.float().cpu().numpy()

    def properties(self) -> dict[str, Any]:
        return {"slots": self.slots, **self._computing.properties()}
