"""What the architectures of Hugging Face transformers share."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cotejo.errors import CotejoError
from cotejo.files import write_json
from cotejo.models.generator import Shapes

if TYPE_CHECKING:
    import torch

Place = int | str  # a GPU's number, or "cpu", or "disk"
DeviceMap = Mapping[str, Place]  # {module of a model: where it is}


def shapes(model_class: Any, config: dict[str, Any]) -> Shapes:
    """{name: (shape, data type)} of a model's parameters, tied ones once, by building it without memory.

    CotejoError where transformers refuses a value of the configuration.
    """
    import torch
    from huggingface_hub.errors import StrictDataclassError

    try:
        checked = model_class.config_class(**config)
    except StrictDataclassError as error:
        reason = str(error).strip().splitlines()[-1].strip()
        raise CotejoError(
            f"config/models.yaml: full or small: {reason}. Numbers such as 1e-5 need a dot: 1.0e-5"
        ) from error
    with torch.device("meta"):
        model = model_class(checked)
    return {name: (tuple(values.shape), config["torch_dtype"]) for name, values in model.named_parameters()}


def write_configs(folder: Path, config: dict[str, Any], generation: dict[str, Any]) -> None:
    """Write config.json and generation_config.json."""
    write_json(folder / "config.json", config)
    write_json(folder / "generation_config.json", generation)


def load(model_class: Any, folder: Path, dtype: str, device_map: DeviceMap | None = None) -> "torch.nn.Module":
    """A transformers model in eval mode from a local folder's safetensors; in memory where no map says otherwise."""
    import torch

    model: torch.nn.Module = model_class.from_pretrained(
        folder, dtype=getattr(torch, dtype), use_safetensors=True, local_files_only=True, device_map=device_map
    )
    return model.eval()


def skeleton(model_class: Any, folder: Path, dtype: str) -> "torch.nn.Module":
    """A local folder's model without its weights: names, shapes and types alone."""
    import torch

    config = model_class.config_class.from_pretrained(folder, local_files_only=True)
    with torch.device("meta"):
        model: torch.nn.Module = model_class(config)
    return model.to(getattr(torch, dtype))
