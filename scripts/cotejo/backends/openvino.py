"""OpenVINO: Llama through optimum-intel, YOLO and Whisper on the runtime itself."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

FORMATS = dict.fromkeys(("llama", "yolo", "whisper"), "openvino")
ARCHITECTURES = tuple(FORMATS)
PRECISIONS = ("fp32", "fp16", "int8", "int4")
DEVICES = ("cpu",)
SPLITS = ()
DISTRIBUTIONS = ("openvino", "optimum-intel", "optimum", "transformers", "openai-whisper", "torch", "numpy", "av")


def load(run: Mapping[str, Any], artefact: Path, model_folder: Path, threads: int) -> Any:
    match run["architecture"]:
        case "llama":
            from cotejo.backends.openvino_llama import Llama

            return Llama(run, artefact, threads)
        case "yolo":
            from cotejo.backends.openvino_yolo import Yolo

            return Yolo(run, artefact, threads)
        case "whisper":
            from cotejo.backends.openvino_whisper import load_whisper

            return load_whisper(run, artefact, model_folder, threads)
    raise ValueError(run["architecture"])
