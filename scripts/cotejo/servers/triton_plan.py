"""Triton's own backend for TensorRT: its model repository, from a run and an engine's folder."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cotejo.backends.tensorrt_engine import FACTS, PLAN
from cotejo.errors import CotejoError
from cotejo.exports.tensorrt_profile import BATCHES
from cotejo.files import read_json
from cotejo.servers import triton_repository as repository

KIND = "tensorrt"  # Triton's name of the backend

# TensorRT's names of types in Triton's.
TYPES = {
    "FLOAT": "TYPE_FP32", "HALF": "TYPE_FP16", "BF16": "TYPE_BF16", "INT8": "TYPE_INT8", "UINT8": "TYPE_UINT8",
    "INT32": "TYPE_INT32", "INT64": "TYPE_INT64", "BOOL": "TYPE_BOOL",
}  # fmt: skip

# What a server says that can't load an engine, and what to do then.
SIGNS = ("plan file", "tensorrt engine", "serialization", "version tag")
OTHER_VERSION = (
    "A server loads engines that its own version of TensorRT has built, and no others: name an interpreter with that "
    "version under `environments: {tensorrt: {python: …}}` in config/config.yaml (envs/README.md: TensorRT)"
)
NO_BACKEND = (
    "backend: tensorrt: the server that nvidia-pytriton carries has no backend for TensorRT's engines. Name NVIDIA's "
    "image, or a tritonserver of your own, under `environments` in config/config.yaml"
)


def check(run: Mapping[str, Any]) -> None:
    """CotejoError where Triton would make batches that engines are not built for."""
    if run["max_batch"] > BATCHES[-1]:
        raise CotejoError(f"max_batch: {run['max_batch']}: TensorRT engines are built for {BATCHES[-1]}. Take fewer")


def write(folder: Path, run: Mapping[str, Any], export: Path) -> None:
    """<folder>/<model>/config.pbtxt and <folder>/<model>/1/model.plan, a link to the engine."""
    facts = read_json(export / FACTS)
    inputs, outputs = ([_tensor(told, export) for told in facts[kind]] for kind in ("inputs", "outputs"))
    version = folder / run["model"] / "1"
    version.mkdir(parents=True)
    text = repository.config(run, inputs, outputs, KIND, threads=1)
    (version.parent / "config.pbtxt").write_text(text, encoding="utf-8")
    (version / PLAN).symlink_to(export / PLAN)


def _tensor(told: Mapping[str, Any], export: Path) -> repository.Tensor:
    first, *sizes = told["sizes"]
    if first != -1:
        raise CotejoError(
            f"{export / FACTS}: {told['name']}: has no free first size, so it takes no batches. Export it anew"
        )
    return repository.Tensor(told["name"], TYPES[told["type"]], tuple(sizes))


def explain(line: str) -> str:
    """What to do about a line of the server's log; empty where it speaks of no engine."""
    return OTHER_VERSION if any(sign in line.lower() for sign in SIGNS) else ""
