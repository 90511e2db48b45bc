"""What a run is measured with instead of what its study asks for, on a machine without the real thing.

A run that differs from what its study asks for says so in one text, `instead_of`: what was asked, as "device=cuda;
accelerators=1; precision=fp16". A run without it is what was asked for.
"""

from collections.abc import Mapping
from typing import Any

from cotejo.accelerators import ACCELERATORS

# What a reader must be told of where it is not as asked; weights, scale and times have marks of their own.
AXES = (
    "model", "dataset", "server", "client", "backend", "provider", "precision", "device", "accelerators", "nodes",
    "split", "processes", "load",
)  # fmt: skip

_BETWEEN = "; "


def instead_of(asked: Mapping[str, Any], run: Mapping[str, Any]) -> str:
    """What of the axes a study asks for otherwise than the run has it; empty where it is the same."""
    unlike = [axis for axis in AXES if _text(asked.get(axis)) != _text(run.get(axis))]
    return _BETWEEN.join(f"{axis}={_text(asked.get(axis))}" for axis in unlike)


def asked(run: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a run, or of a row of a table, with what its study asks for put back, as text."""
    return {**run, **_put_back(run)}


def phrases(run: Mapping[str, Any]) -> list[str]:
    """What stands in for what in a run, or in a row of a table, for people.

    "cpu instead of one GPU", "2 processes on the cpu instead of 3 GPUs on 3 nodes", or "memory and disk instead of 2
    GPUs".
    """
    wanted = _put_back(run)
    here = {axis: _text(run.get(axis)) for axis in wanted}
    if "provider" in wanted and not here["provider"]:
        here["provider"] = f"{run['backend']} alone"
    if wanted.get("device") in ACCELERATORS:
        wanted["device"] = _gpus(wanted.pop("accelerators", "1"), wanted.pop("nodes", "1"))
        processes = here["processes"] if wanted.pop("processes", None) is not None else ""
        if processes:
            here["device"] = f"{processes} processes on the cpu"
        elif run.get("split") == "device_map":
            here["device"] = "memory and disk"
    return [f"{here[axis] or 'none'} instead of {value or 'none'}" for axis, value in wanted.items()]


def _gpus(number: str, nodes: str) -> str:
    if number == "1":
        return "one GPU"
    return f"{number} GPUs" + (f" on {nodes} nodes" if nodes not in ("", "1") else "")


def why_not(line: Mapping[str, Any]) -> str:
    """Why a line of a sheet is not measured, in a few words; empty where it only hasn't been yet."""
    if line.get("needs"):
        return f"needs {line['needs']}"
    return f"measured as {line['measured_as']}, which it equals under the overlay" if line.get("measured_as") else ""


def why_not_in_short(line: Mapping[str, Any]) -> str:
    """As `why_not`, for figures: of the run that a line is measured as, the block's name alone."""
    if line.get("measured_as"):
        return f"measured as {line['measured_as'].partition('_')[0]}"
    return why_not(line)


def _put_back(run: Mapping[str, Any]) -> dict[str, str]:
    pairs = (_text(run.get("instead_of")) or "").split(_BETWEEN)
    return {axis: value for axis, _, value in (pair.partition("=") for pair in pairs if pair)}


def _text(value: Any) -> str:
    return "" if value is None else str(value)
