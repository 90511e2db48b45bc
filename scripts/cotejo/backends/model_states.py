"""How much of a training's model states lies with one process, counted from the tensors themselves.

Model states are parameters, gradients and what the optimizer keeps (ZeRO, https://arxiv.org/abs/1910.02054, section 3).
A tensor's memory counts whole, and once, however many tensors look into it: padding lies there too. Activations, and
DeepSpeed's buckets for communication, are none of them.
"""

from collections.abc import Iterable
from typing import Any

Held = dict[str, int]  # bytes by the kind of device, such as {"cuda": 1024, "cpu": 512}

MIB = 1 << 20


class ModelStates:
    """Those of one model in training, from before its first step on.

    `optimizer` is PyTorch's, whose step it is; `zero` is what DeepSpeed has around it, None without. Gradients are
    those that are there when a step's new weights are made: after it most are gone.
    """

    def __init__(self, model: Any, optimizer: Any, zero: Any | None) -> None:
        self._model = model
        self._optimizer = optimizer
        self._zero = zero
        self._gradients: Held = {}
        self._looking = optimizer.register_step_pre_hook(self._before_step)

    def first_step_is_done(self) -> None:
        """Look at gradients no longer, so that no later step pays for it."""
        self._looking.remove()

    def _before_step(self, *_: Any) -> None:
        updated = [weight for group in self._optimizer.param_groups for weight in group["params"]]
        averaged = [
            gradient for each in getattr(self._zero, "averaged_gradients", {}).values() for gradient in each or ()
        ]
        gradients = [weight.grad for weight in (*self._model.parameters(), *self._optimizer.state, *updated)]
        seen = held([*gradients, *averaged, getattr(self._zero, "grad_partitions_flat_buffer", None)])
        self._gradients = max(
            self._gradients, seen, key=lambda each: sum(each.values())
        )  # a step may have several parts

    def found(self) -> dict[str, Held]:
        """What of each kind lies here, now. DeepSpeed's optimizer updates copies of the weights, of this process's part
        alone: `master_weights`.
        """
        weights, states = [*self._model.parameters()], self._optimizer.state
        parameters = [*(weight.data for weight in weights), *(getattr(weight, "ds_tensor", None) for weight in weights)]
        kept = [value for state in states.values() for value in state.values() if hasattr(value, "untyped_storage")]
        return {
            "parameters": held(parameters),
            "gradients": self._gradients,
            "optimizer": held(kept),
            "master_weights": held(states, besides=parameters),
        }


def held(tensors: Iterable[Any], besides: Iterable[Any] = ()) -> Held:
    """The bytes of the memory that tensors lie in, by device, without that in which others do; None is no tensor."""
    counted = {_memory(tensor) for tensor in besides if tensor is not None}
    found: Held = {}
    for tensor in tensors:
        if tensor is None or _memory(tensor) in counted:
            continue
        counted.add(_memory(tensor))
        size = tensor.untyped_storage().nbytes()
        if size:
            found[tensor.device.type] = found.get(tensor.device.type, 0) + size
    return found


def _memory(tensor: Any) -> tuple[str, int]:
    return str(tensor.device), tensor.untyped_storage().data_ptr()


def reported(states: dict[str, Held], rank: int) -> dict[str, float]:
    """The same in MiB, as metrics of a process: of each kind, of all, and of all by place where a GPU is one."""
    sizes = {kind: sum(each.values()) for kind, each in states.items() if each}
    sizes["model_state"] = sum(sizes.values())
    of_host = sum(each.get("cpu", 0) for each in states.values())
    if any(each.keys() - {"cpu"} for each in states.values()):
        sizes |= {"model_state_host": of_host, "model_state_gpu": sizes["model_state"] - of_host}
    return {f"rank{rank}_{kind}_mib": size / MIB for kind, size in sizes.items()}
