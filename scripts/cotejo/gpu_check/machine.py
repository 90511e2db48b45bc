"""What this interpreter and this machine have, as `python -m cotejo.gpu_check.machine FILE` writes it down (JSON).

In a process of its own, since a driver may end it, or never answer.
"""

import platform
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cotejo.backends import cuda
from cotejo.command import run
from cotejo.environment import facts, git_revision
from cotejo.errors import CotejoError
from cotejo.files import write_json
from cotejo.gpu_check.check import CUDA
from cotejo.versions import versions

PACKAGES = (
    "torch", "transformers", "accelerate", "tokenizers", "safetensors", "numpy", "pillow", "deepspeed", "onnx",
    "onnxruntime", "onnxruntime-gpu", "tensorrt", "nvidia-ml-py", "ultralytics", "openai-whisper", "vllm", "jsonschema",
)  # fmt: skip


def look() -> dict[str, Any]:
    """{"python", "versions", "machine", "gpus" by the driver, "torch": what PyTorch sees, "revision"}."""
    seen = facts()
    return {
        "python": f"{platform.python_version()} ({sys.executable})",
        "versions": versions(PACKAGES),
        "machine": seen["machine"],
        "gpus": seen["gpus"],
        "torch": by_torch(),
        "revision": git_revision(),
    }


def by_torch() -> dict[str, Any]:
    """How many GPUs PyTorch computes on, and what for; where there is none, `missing` says why."""
    import torch

    try:
        cuda.require(1)
    except CotejoError as error:
        return {"gpus": 0, "names": [], "missing": str(error)}
    gpus = torch.cuda.device_count()
    return {
        "gpus": gpus,
        "names": [torch.cuda.get_device_name(number) for number in range(gpus)],
        "cuda": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version(),
        "nccl": ".".join(map(str, torch.cuda.nccl.version())),
        "architectures": torch.cuda.get_arch_list(),
    }


def count(seen: Mapping[str, Any], device: str) -> tuple[int, str | None]:
    """How many GPUs there are for checks on a device, and why there are none where they are needed."""
    return (seen["torch"]["gpus"], seen["torch"].get("missing")) if device == CUDA else (0, None)


def main() -> None:
    write_json(Path(sys.argv[1]), look())


if __name__ == "__main__":
    run(main)
