"""DeepSpeed's ZeRO below the Trainer of transformers: what it is told, and what must be there for it.

- `zero1`: each process keeps the optimizer's state of its part of the weights alone. The optimizer is PyTorch's AdamW,
  as without ZeRO.
- `zero3-offload`: weights and gradients too, all but the small ones; weights and the optimizer's state lie in the
  host's memory, where DeepSpeedCPUAdam makes the new weights. Each process reads the whole model first, as without
  ZeRO, so that the host's memory must hold it once for each at the start.

With `compute_precision: bf16` DeepSpeed holds weights and gradients in bf16, and in fp32 the copies that the optimizer
updates; without ZeRO, autocast computes in bf16 what lies in fp32. `f16` likewise.
"""

import os
import warnings
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cotejo import cpu_adam
from cotejo.errors import CotejoError, SplitMissing
from cotejo.files import read_json

if TYPE_CHECKING:
    from cotejo.surroundings import Surroundings

STACK = "deepspeed"
OFFLOAD = "zero3-offload"
STAGES = {"zero1": 1, OFFLOAD: 3}
BUCKET = 500_000_000  # elements that are reduced at once: DeepSpeed's default
# The Trainer's own settings, which DeepSpeed must have too.
CLIPPING = 1.0
ADAM = {"betas": [0.9, 0.999], "eps": 1e-8, "weight_decay": 0.0}


def check(run: Mapping[str, Any]) -> None:
    """CotejoError where a run's settings don't go with ZeRO."""
    if run["optimizer"] != "adamw":
        raise CotejoError(f"optimizer: {run['optimizer']}: ZeRO is proven with adamw alone here. Take adamw")


def config(run: Mapping[str, Any], processes: int, hidden_size: int) -> dict[str, Any]:
    """DeepSpeed's configuration of a run (https://www.deepspeed.ai/docs/config-json); defaults aren't told.

    The sizes of ZeRO-3 are those that transformers takes for `auto`.
    """
    found = {
        "train_batch_size": run["batch_size"] * processes,
        "train_micro_batch_size_per_gpu": run["batch_size"],
        "gradient_accumulation_steps": 1,
        "gradient_clipping": CLIPPING,
        "bf16": {"enabled": run["compute_precision"] == "bf16"},
        "fp16": {"enabled": run["compute_precision"] == "f16"},
    }
    if run["split"] != OFFLOAD:
        return found | {
            "zero_optimization": {
                "stage": STAGES[run["split"]],
                "reduce_bucket_size": BUCKET,
                "allgather_bucket_size": BUCKET,
            }
        }
    host = {"device": "cpu", "pin_memory": run["device"] == "cuda"}
    return found | {
        "optimizer": {"type": "AdamW", "params": {"lr": run["learning_rate"], **ADAM}},
        "zero_optimization": {
            "stage": STAGES[OFFLOAD],
            "offload_optimizer": host,
            "offload_param": host,
            "reduce_bucket_size": hidden_size**2,
            "stage3_prefetch_bucket_size": int(0.9 * hidden_size**2),
            "stage3_param_persistence_threshold": 10 * hidden_size,
        },
    }


def prepare(run: Mapping[str, Any]) -> None:
    """Before DeepSpeed is imported: the device that it is to see, and its operator, compiled for this machine.

    SplitMissing where either isn't there.
    """
    os.environ["DS_ACCELERATOR"] = run["device"]
    try:
        version("deepspeed")
    except PackageNotFoundError as error:
        raise SplitMissing(f"split: {run['split']}: needs DeepSpeed. {REMEDY}") from error
    import deepspeed

    # To fill it in DeepSpeed would look for compilers and GPUs, and then compile an operator for collectives in shared
    # memory, which only processes of one node have: Gloo does them all.
    deepspeed.ops.__compatible_ops__ = {}
    warnings.filterwarnings("ignore", "`torch.distributed", FutureWarning)  # at every collective
    if run["split"] == OFFLOAD:
        from deepspeed.ops.op_builder.builder import OpBuilder

        # Where DeepSpeed keeps those that it has compiled and loaded itself.
        OpBuilder._loaded_ops[cpu_adam.NAME] = cpu_adam.loaded(operator(run))


def operator(run: Mapping[str, Any]) -> Path:
    """Where DeepSpeed's Adam for CPUs lies; SplitMissing where it isn't compiled for this kind of CPU."""
    place = cpu_adam.place({name: version(name) for name in cpu_adam.PACKAGES})
    if not place.is_file():
        raise SplitMissing(
            f"split: {run['split']}: {place}: DeepSpeedCPUAdam isn't compiled for this machine. {REMEDY}"
        )
    return place


def missing(run: Mapping[str, Any], there: "Surroundings") -> str:
    """What a run needs and hasn't got, in a sentence; nothing is told of an environment that is still to be made."""
    if not there.known or not there.made:
        return ""
    versions = {name: found for name in cpu_adam.PACKAGES if (found := there.version(name))}
    if len(versions) < len(cpu_adam.PACKAGES):
        return f"split: {run['split']}: there is no DeepSpeed beside {there.python}. Install it there"
    if run["split"] == OFFLOAD and there.here and not cpu_adam.place(versions).is_file():
        return f"split: {run['split']}: DeepSpeedCPUAdam isn't compiled for this machine. {REMEDY}"
    return ""


REMEDY = f"Run `make env-{STACK}` on this machine"


def properties(run: Mapping[str, Any], told: Mapping[str, Any]) -> dict[str, Any]:
    """What a record has of it beside the Trainer's own: what DeepSpeed is told, and its operators."""
    operators = {cpu_adam.NAME: read_json(operator(run).with_suffix(".json"))} if run["split"] == OFFLOAD else {}
    lower = {"bf16": "torch.bfloat16", "f16": "torch.float16"}.get(run["compute_precision"])
    weights = {"weights": lower, "master_weights": "torch.float32"} if lower else {}
    return {**weights, "deepspeed": told, "operators": operators}
