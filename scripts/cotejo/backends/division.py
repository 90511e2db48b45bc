"""Which part of a model lies where: its layers in their order, over several GPUs, or over a machine's memory and disk.

The model is a skeleton, which has shapes and types alone; what comes out is what accelerate calls a device map. What it
puts on "disk" stays in the model's own files, and is read from there each time that it is computed with.
https://huggingface.co/docs/accelerate/concept_guides/big_model_inference#designing-a-device-map
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cotejo.errors import CotejoError, MeasuringError
from cotejo.models.huggingface import DeviceMap, Place

if TYPE_CHECKING:
    import torch

MEMORY, DISK = "cpu", "disk"  # accelerate's names of where a machine without GPUs can keep weights
_LAYER = re.compile(r"(?P<stack>.*\.layers)\.(?P<number>\d+)")


class TooLittleMemory(MeasuringError):
    """A model that doesn't fit where it is to be divided over."""

    reason = "out-of-memory"


def by_layers(skeleton: "torch.nn.Module", split_layers: str, places: Sequence[Place]) -> DeviceMap:
    """So many of the decoder's layers in each place, such as "15,17".

    What comes before them is in the first place, and what comes after in the last. CotejoError where the model has
    another number of them.
    """
    counts = layer_counts(split_layers)
    stack, layers = decoder_layers([name for name, _ in skeleton.named_modules()])
    refuse_other_number(split_layers, layers)
    where = [place for place, count in zip(places, counts, strict=True) for _ in range(count)]
    found = {f"{stack}.{number}": place for number, place in enumerate(where)}
    path = stack.split(".")
    for depth, inner in enumerate(path):
        place = places[0]
        for child, _ in skeleton.get_submodule(".".join(path[:depth])).named_children():
            if child == inner:
                place = places[-1]
            else:
                found[".".join([*path[:depth], child])] = place
    return found


def layer_counts(split_layers: str) -> list[int]:
    return [int(part) for part in split_layers.split(",")]


def refuse_other_number(split_layers: str, layers: int) -> None:
    """CotejoError unless that is how many layers there are."""
    asked = sum(layer_counts(split_layers))
    if asked != layers:
        raise CotejoError(f"split_layers: {split_layers}: {asked} layers, and the model has {layers}. Mend it")


def decoder_layers(names: Sequence[str]) -> tuple[str, int]:
    """The path of a model's longest stack of layers that makes text, and their number, from its modules' names."""
    stacks = Counter(
        found["stack"] for name in names if (found := _LAYER.fullmatch(name)) and "vision" not in found["stack"]
    )
    return stacks.most_common(1)[0]


def balanced(skeleton: "torch.nn.Module", free: Sequence[int]) -> DeviceMap:
    """As accelerate balances it over GPUs that have so many bytes left: about as many on each.

    TooLittleMemory where that does not suffice.
    """
    from accelerate.utils import get_balanced_memory

    model: Any = skeleton
    most = get_balanced_memory(model, dict(enumerate(free)), no_split_module_classes=[*model._no_split_modules])
    found = _filled(model, most)
    if set(found.values()) - set(range(len(free))):
        raise TooLittleMemory(
            f"split: the model needs {_gib(model)} GiB for its weights, and its {len(free)} GPUs have "
            f"{sum(free) / 2**30:.1f} GiB free. Give more `accelerators`, or a lower `precision`"
        )
    if len(set(found.values())) < len(free):
        raise CotejoError(f"split: so small a model is balanced over fewer than {len(free)} GPUs. Add `split_layers`")
    return found


def within(skeleton: "torch.nn.Module", memory_gib: float) -> DeviceMap:
    """So much of it in memory as takes no more, with room for the largest layer of the rest, which is on disk.

    CotejoError where all or nothing of it would be.
    """
    model: Any = skeleton
    found = _filled(model, {MEMORY: int(memory_gib * 2**30)})
    if set(found.values()) != {MEMORY, DISK}:
        fit = "holds all" if MEMORY in found.values() else "holds none"
        raise CotejoError(
            f"split_memory_gib: {memory_gib:g}: {fit} of the model, whose weights take {_gib(model)} GiB, beside "
            "room for its largest layer. Change it, or give split_layers instead"
        )
    return found


def _filled(model: Any, most: Mapping[Any, int]) -> DeviceMap:
    """Each place filled up to so many bytes, one after another; what is left is on disk."""
    from accelerate import infer_auto_device_map

    found: DeviceMap = infer_auto_device_map(model, {**most}, no_split_module_classes=[*model._no_split_modules])
    return found


def _gib(model: Any) -> str:
    return f"{model.get_memory_footprint() / 2**30:.3g}"
