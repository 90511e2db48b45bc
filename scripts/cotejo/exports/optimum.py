"""Conversion by optimum-intel, with nothing left to its defaults, which depend on the size of the model."""

from pathlib import Path
from typing import Any

# Arguments of OVWeightQuantizationConfig.
INT8 = {"bits": 8, "sym": False}


def convert(
    model_class: Any, model_folder: Path, output: Path, precision: str, compression: dict[str, Any] | None = None
) -> None:
    """Fill `output` with what `model_class`, an OVModelFor…, loads.

    Unless told `load_in_8bit=False`, optimum-intel silently stores models of 1e9 parameters and more in int8. Floats
    are converted as PyTorch loads them, because converting float32 and compressing afterwards would round the tables of
    rotary angles too, which ruins long contexts. For integers the weights are loaded as their files have them, which
    gives the same bytes in half the memory.
    """
    from optimum.intel import OVWeightQuantizationConfig

    model = model_class.from_pretrained(
        model_folder.absolute(),  # a relative path could be a name on the hub
        export=True,
        compile=False,
        load_in_8bit=False,
        torch_dtype={"fp32": "float32", "fp16": "float16"}.get(precision, "auto"),
        quantization_config=OVWeightQuantizationConfig(**compression) if compression else None,
        local_files_only=True,
    )
    model.save_pretrained(output)
    # It names the model's absolute path, and nothing needs it.
    (output / "openvino_config.json").unlink(missing_ok=True)
