"""How much of a training's model states lies with one process, counted from the tensors that hold them.

Model states are parameters, gradients and what the optimizer keeps (ZeRO, https://arxiv.org/abs/1910.02054, section 3).
A tensor's memory counts whole, and once, however many tensors look into it: padding lies there too. Activations and
DeepSpeed's buckets for communication are none of them.
"""

from collections.abc import Iterable, Iterator
from typing import Any

Held = dict[str, int]  # bytes by the kind of device, such as {"cuda": 1024, "cpu": 512}

MIB = 1 << 20


class ModelStates:
    """Those of one model in training, from before its first step on.

    `optimizer` is PyTorch's, whose step it is; `zero` is what DeepSpeed has around it, None without. Gradients are
    those that are there when a step's new weights are made: later they are gone.
    """

    def __init__(self, model: Any, optimizer: Any, zero: Any | None) -> None:
        self._model = model
        self._optimizer = optimizer
        self._zero = zero
        self._updated = [weight for group in optimizer.param_groups for weight in group["params"]]
        self._gradients: Held = {}
        self._watching = optimizer.register_step_pre_hook(self._before_step)

    def first_step_is_done(self) -> None:
        """Look at gradients no longer, so that no later step pays for it."""
        self._watching.remove()

    def _before_step(self, *_: Any) -> None:
        seen = held(self._gradient_tensors())  # by DeepSpeed a step may be made in several parts
        self._gradients = max(self._gradients, seen, key=lambda each: sum(each.values()))

    def _gradient_tensors(self) -> Iterator[Any]:
        yield from (weight.grad for weight in (*self._model.parameters(), *self._updated))
        yield getattr(self._zero, "grad_partitions_flat_buffer", None)
        for group in getattr(self._zero, "averaged_gradients", {}).values():
            yield from group or ()

    def found(self) -> dict[str, Held]:
        """The bytes of each kind, now: DeepSpeed updates copies of the weights, of each process's own part."""
        parameters = [
            tensor
            for weight in self._model.parameters()
            for tensor in (weight.data, getattr(weight, "ds_tensor", None))
        ]
        states = [value for state in self._optimizer.state.values() for value in state.values()]
        return {
            "parameters": held(parameters),
            "gradients": self._gradients,
            "optimizer": held(value for value in states if hasattr(value, "untyped_storage")),
            "master_weights": held(self._updated, besides=parameters),
        }


def held(tensors: Iterable[Any], besides: Iterable[Any] = ()) -> Held:
    """The bytes of the memory that tensors lie in, by device, without that in which others do."""
    counted = {_memory(tensor) for tensor in besides if tensor is not None}
    found: Held = {}
    for tensor in tensors:
        if tensor is None or (memory := _memory(tensor)) in counted:
            continue
        counted.add(memory)
        size = tensor.untyped_storage().nbytes()
        if size:
            found[tensor.device.type] = found.get(tensor.device.type, 0) + size
    return found


def _memory(tensor: Any) -> tuple[str, int]:
    return str(tensor.device), tensor.untyped_storage().data_ptr()


def reported(found: dict[str, Held], rank: int) -> dict[str, float]:
    """The same in MiB, as the metrics of a process: of each kind, of all, and of all by place where there are two."""
    sizes = {kind: sum(each.values()) for kind, each in found.items() if each}
    sizes["model_state"] = sum(sizes.values())
    places = {place for each in found.values() for place in each}
    if places - {"cpu"}:
        of_host = sum(each.get("cpu", 0) for each in found.values())
        sizes |= {"model_state_host": of_host, "model_state_gpu": sizes["model_state"] - of_host}
    return {f"rank{rank}_{kind}_mib": size / MIB for kind, size in sizes.items()}
