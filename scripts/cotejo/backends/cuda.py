"""NVIDIA GPUs for what computes by PyTorch: whether they are there, what of a model is on which, what it used of them.

GPUs are counted as this process sees them, from 0: it is told which they are (CUDA_VISIBLE_DEVICES).
"""

from typing import Any

from cotejo.errors import DeviceMissing
from cotejo.models.huggingface import DeviceMap


def require(gpus: int) -> None:
    """DeviceMissing unless so many GPUs can be computed on."""
    import torch

    there = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if there == 0:
        build = "" if torch.version.cuda else ", a build without CUDA,"
        raise DeviceMissing(
            f"no CUDA device here: PyTorch {torch.__version__}{build} sees none, and the run asks for {gpus}. "
            "Measure it where they are, with a CUDA build of PyTorch, or take `device: cpu`"
        )
    if there < gpus:
        found = f"{there} CUDA device{'s' * (there > 1)}"
        raise DeviceMissing(f"{found} here, and the run asks for {gpus}. Give fewer `accelerators`")


def free_bytes(gpus: int) -> list[int]:
    """The free memory of the first so many GPUs."""
    import torch

    return [torch.cuda.mem_get_info(number)[0] for number in range(gpus)]


def forget_peaks(gpus: int) -> None:
    import torch

    for number in range(gpus):
        torch.cuda.reset_peak_memory_stats(number)


def peaks(gpus: int) -> dict[int, int]:
    """The most bytes that PyTorch held of each GPU since `forget_peaks`: by its own allocator, not all that is used."""
    import torch

    return {number: torch.cuda.max_memory_allocated(number) for number in range(gpus)}


def properties(placed: DeviceMap, gpus: int) -> dict[str, Any]:
    """What a record holds of a model on GPUs: which they are, what is on which, and in what fp32 is computed."""
    import torch

    return {
        "gpus": [torch.cuda.get_device_name(number) for number in range(gpus)],
        "cuda": torch.version.cuda,
        "device_map": dict(placed),
        "tf32": torch.backends.cuda.matmul.allow_tf32,
    }
