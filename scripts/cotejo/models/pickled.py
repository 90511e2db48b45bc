"""PyTorch's pickled weights turned into safetensors without running what a pickle may hold.

`torch.load(weights_only=True)` builds tensors and plain containers only; for ultralytics' checkpoints, which hold the
module itself, it may build the classes named here besides, and nothing else.
"""

import pickle
import zipfile
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cotejo.errors import CotejoError
from cotejo.files import read_json, write_json

if TYPE_CHECKING:
    import torch

ULTRALYTICS_CLASSES = {
    "ultralytics.nn.tasks": ("SegmentationModel",),
    "ultralytics.nn.modules.block": ("Bottleneck", "C2f", "DFL", "Proto", "SPPF"),
    "ultralytics.nn.modules.conv": ("Concat", "Conv"),
    "ultralytics.nn.modules.head": ("Detect", "Segment"),
    "ultralytics.utils": ("IterableSimpleNamespace",),
    "ultralytics.utils.loss": ("BboxLoss", "v8SegmentationLoss"),
    "ultralytics.utils.tal": ("TaskAlignedAssigner",),
    "numpy": ("dtype",),
    "numpy._core.multiarray": ("scalar",),  # training metrics
    "numpy.dtypes": ("Float32DType", "Float64DType"),
    "torch.nn.modules.activation": ("SiLU",),
    "torch.nn.modules.batchnorm": ("BatchNorm2d",),
    "torch.nn.modules.container": ("ModuleList", "Sequential"),
    "torch.nn.modules.conv": ("Conv2d", "ConvTranspose2d"),
    "torch.nn.modules.linear": ("Identity",),
    "torch.nn.modules.loss": ("BCEWithLogitsLoss",),
    "torch.nn.modules.pooling": ("MaxPool2d",),
    "torch.nn.modules.upsampling": ("Upsample",),
}
FORMER_MODULES = {
    "ultralytics.utils": "ultralytics.yolo.utils",
    "ultralytics.utils.loss": "ultralytics.yolo.utils.loss",
    "ultralytics.utils.tal": "ultralytics.yolo.utils.tal",
    "numpy._core.multiarray": "numpy.core.multiarray",
    "ultralytics.nn.modules.block": "ultralytics.nn.modules",
    "ultralytics.nn.modules.conv": "ultralytics.nn.modules",
    "ultralytics.nn.modules.head": "ultralytics.nn.modules",
}


def load(path: Path, classes: tuple[Any, ...] = ()) -> Any:
    """What a checkpoint holds, tensors mapped from the file where it allows; CotejoError if it wants anything else."""
    import torch

    try:
        with torch.serialization.safe_globals(list(classes)):
            return torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except pickle.UnpicklingError as error:
        reason = next((line for line in str(error).splitlines() if "GLOBAL" in line or "class" in line), str(error))
        raise CotejoError(
            f"{path.name}: holds more than weights and is not opened: {reason.strip().rstrip('.')}. Take a model that "
            "has safetensors, or a revision that holds weights alone"
        ) from error


def convert_transformers(sources: list[Path], folder: Path) -> None:
    """pytorch_model*.bin as model*.safetensors, with the index where there is one; one file in memory at a time."""
    for source in sources:
        if source.name.endswith(".index.json"):
            index = read_json(source)
            index["weight_map"] = {tensor: renamed(name) for tensor, name in index["weight_map"].items()}
            write_json(folder / renamed(source.name), index)
        else:
            write(load(source), folder / renamed(source.name))


def renamed(name: str) -> str:
    """The safetensors name of a file of pickled weights."""
    return name.replace("pytorch_model", "model").replace(".bin", ".safetensors")


def convert_ultralytics(source: Path, config: dict[str, Any], folder: Path) -> None:
    """An ultralytics checkpoint as config.json (with the class names) and model.safetensors."""
    checkpoint = load(source, ultralytics_classes())
    model = checkpoint.get("ema") or checkpoint["model"]
    names = [model.names[place] for place in range(len(model.names))]
    state = model.state_dict()
    weights = {name: values.float() if values.is_floating_point() else values for name, values in state.items()}
    write_json(folder / "config.json", {"model_type": "yolo"} | config | {"names": names})
    write(weights, folder / "model.safetensors")


def write(weights: dict[str, "torch.Tensor"], path: Path) -> None:
    """Write tensors as safetensors; those that share memory, which the format forbids, are written once each."""
    import torch
    from safetensors.torch import save_file

    separate: dict[str, torch.Tensor] = {}
    seen: set[int] = set()
    for name, tensor in weights.items():
        memory = tensor.untyped_storage().data_ptr()
        separate[name] = tensor.clone(memory_format=torch.contiguous_format) if memory in seen else tensor.contiguous()
        seen.add(memory)
    save_file(separate, path, metadata={"format": "pt"})
    path.chmod(0o644)


def ultralytics_classes() -> tuple[Any, ...]:
    """The classes a checkpoint may hold, some also under the name they had when the file was made."""
    allowed: list[Any] = []
    for module, names in ULTRALYTICS_CLASSES.items():
        for name in names:
            found = getattr(import_module(module), name)
            allowed.append(found)
            if module in FORMER_MODULES:
                allowed.append((found, f"{FORMER_MODULES[module]}.{name}"))
    return (*allowed, (_detect_forward, "builtins.getattr"))


def _detect_forward(owner: Any, name: str) -> Any:
    """Stands in for `getattr`, by which older files name Detect.forward and hostile ones could reach anything."""
    from ultralytics.nn.modules.head import Detect

    if owner is not Detect or name != "forward":
        raise pickle.UnpicklingError(f"GLOBAL builtins.getattr of {owner} and {name!r}")
    return Detect.forward
