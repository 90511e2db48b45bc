"""The precision of a server of PyTorch models: one data type for the weights and for what is computed with them."""

from collections.abc import Mapping
from typing import Any

from cotejo.errors import CotejoError

DTYPES = {"fp32": "float32", "fp16": "float16", "bf16": "bfloat16"}
COMPUTE = {"f32": "fp32", "f16": "fp16", "bf16": "bf16"}


def check_precision(run: Mapping[str, Any]) -> None:
    """CotejoError where a run's arithmetic differs from its weights."""
    asked = run["compute_precision"]
    if asked != "device-default" and COMPUTE[asked] != run["precision"]:
        fit = next(compute for compute, weights in COMPUTE.items() if weights == run["precision"])
        raise CotejoError(
            f"compute_precision: {asked}: {run['server']} computes in the precision of its weights, which is "
            f"{run['precision']}. Use {fit} or device-default"
        )


def dtype(run: Mapping[str, Any]) -> str:
    """torch's name of the data type."""
    return DTYPES[run["precision"]]
