"""Conversion by optimum-intel, with nothing left to its defaults, which depend on the size of the model."""

from pathlib import Path
from typing import Any


def convert(
    model_class: Any,
    task: str,
    model_folder: Path,
    output: Path,
    precision: str,
    compression: dict[str, Any] | None,
) -> None:
    """Fill `output` with the models that `model_class`, an OVModelFor…, loads.

    Without `compression` (the arguments of OVWeightQuantizationConfig) the weights are stored as floats of the
    precision named. `load_in_8bit=False` and the explicit OVConfig matter: otherwise optimum-intel silently stores
    models of 1e9 parameters and more in int8. Weights that are to be fp32 are loaded as such, whatever the files have.
    """
    import torch
    from optimum.exporters.openvino import main_export
    from optimum.intel import OVConfig, OVWeightQuantizationConfig

    if compression is None:
        main_export(
            str(model_folder.absolute()),  # a relative path could be a name on the hub
            output,
            task=task,
            library_name="transformers",
            ov_config=OVConfig(dtype=precision),
            model_loading_kwargs={"torch_dtype": torch.float32},
            local_files_only=True,
        )
        return
    model = model_class.from_pretrained(
        model_folder.absolute(),
        export=True,
        compile=False,
        load_in_8bit=False,
        quantization_config=OVWeightQuantizationConfig(**compression),
        torch_dtype=torch.float32,
        local_files_only=True,
    )
    model.save_pretrained(output)
    (output / "openvino_config.json").unlink()  # it names the model's absolute path, and nothing needs it
