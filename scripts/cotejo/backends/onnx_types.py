"""In what an ONNX graph of each precision computes: whoever runs one keeps to its types."""

from collections.abc import Mapping
from typing import Any

from cotejo.errors import CotejoError

# That of int8 has 8 bits between its Q/DQ nodes, and single precision elsewhere.
COMPUTES = {"fp32": "f32", "fp16": "f16", "int8": "f32"}


def check_computing(run: Mapping[str, Any], said: str) -> None:
    """CotejoError unless the arithmetic asked for is the graph's; `said` is what computes, and in what."""
    own = COMPUTES[run["precision"]]
    if run["compute_precision"] not in (own, "device-default"):
        raise CotejoError(f"compute_precision: {run['compute_precision']}: {said}. Use {own} or device-default")
