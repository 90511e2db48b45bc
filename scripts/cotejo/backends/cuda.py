"""NVIDIA GPUs for what computes by PyTorch: whether they are there, what of a model is on which, what it used of them.

GPUs are counted as this process sees them, from 0: it is told which they are (CUDA_VISIBLE_DEVICES).
"""

import re
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from cotejo.errors import CotejoError, DeviceMissing, MeasuringError
from cotejo.models.huggingface import DeviceMap

if TYPE_CHECKING:
    import torch

_LAYER = re.compile(r"(?P<stack>.*\.layers)\.(?P<number>\d+)")


class TooLittleMemory(MeasuringError):
    """A model that doesn't fit on the GPUs that it is to be divided over."""

    reason = "out-of-memory"


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


def balanced(skeleton: "torch.nn.Module", free: Sequence[int]) -> DeviceMap:
    """What of a model is on which GPU, as accelerate balances it: layers in their order, about as many bytes on each.

    `skeleton` has shapes and types alone, `free` are the bytes that each GPU has left. TooLittleMemory where that does
    not suffice. https://huggingface.co/docs/accelerate/concept_guides/big_model_inference#designing-a-device-map
    """
    from accelerate import infer_auto_device_map
    from accelerate.utils import get_balanced_memory

    model: Any = skeleton
    whole = [*model._no_split_modules]
    most = get_balanced_memory(model, dict(enumerate(free)), no_split_module_classes=whole)
    found: dict[str, Any] = infer_auto_device_map(model, most, no_split_module_classes=whole)
    if set(found.values()) - set(range(len(free))):
        raise TooLittleMemory(
            f"split: the model needs {model.get_memory_footprint() / 2**30:.1f} GiB for its weights, and its "
            f"{len(free)} GPUs have {sum(free) / 2**30:.1f} GiB free. Give more `accelerators`, or a lower `precision`"
        )
    if len(set(found.values())) < len(free):
        raise CotejoError(f"split: so small a model is balanced over fewer than {len(free)} GPUs. Add `split_layers`")
    return found


def by_layers(skeleton: "torch.nn.Module", split_layers: str) -> DeviceMap:
    """The same with so many of the decoder's layers on each GPU, such as "15,17".

    What comes before them is on the first GPU, and what comes after on the last. CotejoError where the model has
    another number of them.
    """
    counts = [int(part) for part in split_layers.split(",")]
    stack, layers = decoder_layers([name for name, _ in skeleton.named_modules()])
    if sum(counts) != layers:
        raise CotejoError(f"split_layers: {split_layers}: {sum(counts)} layers, and the model has {layers}. Mend it")
    on = [gpu for gpu, count in enumerate(counts) for _ in range(count)]
    found = {f"{stack}.{number}": gpu for number, gpu in enumerate(on)}
    path = stack.split(".")
    for depth, inner in enumerate(path):
        gpu = 0
        for child, _ in skeleton.get_submodule(".".join(path[:depth])).named_children():
            if child == inner:
                gpu = len(counts) - 1
            else:
                found[".".join([*path[:depth], child])] = gpu
    return found


def decoder_layers(names: Sequence[str]) -> tuple[str, int]:
    """The path of a model's longest stack of layers that makes text, and their number, from its modules' names."""
    stacks = Counter(
        found["stack"] for name in names if (found := _LAYER.fullmatch(name)) and "vision" not in found["stack"]
    )
    return stacks.most_common(1)[0]


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
