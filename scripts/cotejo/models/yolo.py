"""YOLOv8 segmentation: boxes and masks of what is in a frame, by ultralytics' module built from its YAML."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cotejo.files import read_json, write_json
from cotejo.models.generator import Constant, Initial, Range, Shapes, Uniform
from cotejo.models.generator import initial as default_initial

if TYPE_CHECKING:
    import torch

# With these two, whatever flows through the made-up layers neither fades (SiLU halves what is small) nor explodes (it
# passes what is large), and what comes out depends on the frame. Found by trying, with two photographs.
GAIN = 1.45
SHIFT_STD = 0.5
# With this a score passes a confidence of 0.25 in a few places of some frames, not everywhere: some work is left for
# post-processing.
CLASS_BIAS = -7.0
CLASS_BIASES = re.compile(r"\.cv3\.\d\.2\.bias$")


def module(config: dict[str, Any]) -> "torch.nn.Module":
    """ultralytics' SegmentationModel with the weights it begins with, in eval mode."""
    from ultralytics.nn.tasks import SegmentationModel

    model: torch.nn.Module = SegmentationModel(config["yaml"], ch=3, nc=config["classes"], verbose=False)
    return model.eval()


def tensors(config: dict[str, Any]) -> Shapes:
    """The state dict's tensors; batch normalisation's counters are integers."""
    return {
        name: (tuple(values.shape), str(values.dtype).removeprefix("torch."))
        for name, values in module(config).state_dict().items()
    }


def initial(name: str, shape: tuple[int, ...], config: dict[str, Any]) -> Initial:
    if ".dfl." in name:  # no weight but the bins of the box distribution, whose mean the layer takes
        return Range()
    if CLASS_BIASES.search(name):
        return Constant(CLASS_BIAS)
    if name.endswith(".bn.bias"):
        return Uniform(SHIFT_STD)
    content = default_initial(name, shape)
    return Uniform(GAIN * content.std) if isinstance(content, Uniform) else content


def write_processor(config: dict[str, Any], folder: Path) -> None:
    write_json(folder / "config.json", {"model_type": "yolo"} | config)


def load(folder: Path, dtype: str = "float32") -> "torch.nn.Module":
    """The SegmentationModel with a folder's weights; `names` are its classes."""
    import torch
    from safetensors.torch import load_file

    config = read_json(folder / "config.json")
    model = module(config)
    model.load_state_dict(load_file(folder / "model.safetensors"), strict=True)
    if "names" in config:
        model.names = dict(enumerate(config["names"]))
    return model.to(getattr(torch, dtype)).eval()


def parity_inputs(folder: Path, seed: int) -> list[dict[str, np.ndarray]]:
    """Two frames: images, float32 [1, 3, size, size] in 0…1, smooth as photographs are."""
    size = read_json(folder / "config.json")["image_size"]
    random = np.random.default_rng(seed)
    coarse = random.uniform(size=(2, 1, 3, size // 32, size // 32)).astype(np.float32)
    return [{"images": frame.repeat(32, axis=2).repeat(32, axis=3)} for frame in coarse]


def named_outputs(predictions: np.ndarray, prototypes: np.ndarray) -> dict[str, np.ndarray]:
    """Both outputs by what they mean: boxes, in pixels, would drown scores in 0…1, were they compared as one.

    Args: predictions [1, 4 + classes + masks, anchors] and prototypes [1, masks, size/4, size/4], as every export
    gives them.
    """
    masks = prototypes.shape[1]
    return {
        "boxes": predictions[:, :4],
        "scores": predictions[:, 4:-masks],
        "coefficients": predictions[:, -masks:],
        "prototypes": prototypes,
    }


def reference_outputs(model: "torch.nn.Module", inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Predictions and prototypes as `named_outputs`, float32."""
    import torch

    images = torch.from_numpy(inputs["images"]).to(next(model.parameters()).dtype)
    with torch.inference_mode():
        predictions, prototypes = model(images)[0]
    return named_outputs(predictions.float().numpy(), prototypes.float().numpy())
