"""Triton's model repository, from a run and an ONNX export.

Model configuration: https://docs.nvidia.com/deeplearning/triton-inference-server/user-guide/docs/user_guide/model_configuration.html
"""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cotejo.backends.onnxruntime_provider import PROVIDERS, TENSORRT, provider_of, tensorrt_precision
from cotejo.errors import CotejoError

NATIVE, PYTHON = "onnxruntime", "python"  # Triton's own backend for ONNX Runtime; ours, run by its python backend
PLATFORMS = {NATIVE: "onnxruntime_onnx", "tensorrt": "tensorrt_plan"}
PYTHON_MODEL = Path(__file__).with_name("triton_model.py")

TYPES = {"FLOAT": "TYPE_FP32", "FLOAT16": "TYPE_FP16", "INT32": "TYPE_INT32", "INT64": "TYPE_INT64"}


@dataclass(frozen=True)
class Tensor:
    """An input or an output: Triton's name of its type, and its sizes without the batch's, -1 where they vary."""

    name: str
    type: str
    dims: tuple[int, ...]


def write(folder: Path, run: Mapping[str, Any], export: Path, kind: str, threads: int) -> None:
    """<folder>/<model>/config.pbtxt and <folder>/<model>/1/: the export's files, linked, and the python model's."""
    inputs, outputs = tensors(export / "model.onnx")
    version = folder / run["model"] / "1"
    version.mkdir(parents=True)
    (version.parent / "config.pbtxt").write_text(config(run, inputs, outputs, kind, threads), encoding="utf-8")
    for file in sorted(export.glob("model.onnx*")):
        (version / file.name).symlink_to(file)
    if kind == PYTHON:
        shutil.copyfile(PYTHON_MODEL, version / "model.py")


def tensors(model: Path) -> tuple[list[Tensor], list[Tensor]]:
    """A graph's inputs and its outputs. CotejoError unless each one's first size is free, for batches of any size."""
    import onnx

    def read(value: Any) -> Tensor:
        kind = value.type.tensor_type
        sizes = [size.dim_value if size.HasField("dim_value") else -1 for size in kind.shape.dim]
        if not sizes or sizes[0] != -1:
            raise CotejoError(f"{model}: {value.name}: has no free first size, so it takes no batches. Export it anew")
        return Tensor(value.name, TYPES[onnx.TensorProto.DataType.Name(kind.elem_type)], tuple(sizes[1:]))

    graph = onnx.load(model, load_external_data=False).graph
    return [read(value) for value in graph.input], [read(value) for value in graph.output]


def config(run: Mapping[str, Any], inputs: Sequence[Tensor], outputs: Sequence[Tensor], kind: str, threads: int) -> str:
    """config.pbtxt. `threads` is for all instances on a CPU together."""
    backend = [f'backend: "{kind}"', *([f'platform: "{PLATFORMS[kind]}"'] if kind in PLATFORMS else [])]
    parts = [
        "\n".join([f'name: "{run["model"]}"', *backend, f"max_batch_size: {run['max_batch']}"]),
        f"input [\n{_listed(inputs)}\n]",
        f"output [\n{_listed(outputs)}\n]",
        f"instance_group [\n  {{ {_instances(run)} }}\n]",
    ]
    if run["batching"] == "dynamic":
        sizes = ", ".join(map(str, preferred_batches(run)))
        delay = f"max_queue_delay_microseconds: {run['queue_delay_us']}"
        parts.append(f"dynamic_batching {{\n  preferred_batch_size: [ {sizes} ]\n  {delay}\n}}")
    if kind in (NATIVE, PYTHON) and provider_of(run) == "tensorrt":
        parts += [_tensorrt(run["precision"])] * (kind == NATIVE) + [_warmup(run, inputs)]
    given = _parameters(run, kind, max(1, threads // run["instances"]))
    parts += [f'parameters {{ key: "{key}" value: {{ string_value: "{value}" }} }}' for key, value in given.items()]
    return "\n".join(parts) + "\n"


def preferred_batches(run: Mapping[str, Any]) -> list[int]:
    """[1, 2, 4] of "1,2,4"."""
    return [int(size) for size in str(run["preferred_batches"]).split(",")]


def _listed(tensors: Sequence[Tensor]) -> str:
    return ",\n".join(
        f'  {{ name: "{tensor.name}" data_type: {tensor.type} dims: [ {", ".join(map(str, tensor.dims))} ] }}'
        for tensor in tensors
    )


def _instances(run: Mapping[str, Any]) -> str:
    """So many instances on the CPU, or on each GPU; these are numbered as CUDA_VISIBLE_DEVICES leaves them."""
    if run["device"] == "cpu":
        return f"count: {run['instances']} kind: KIND_CPU"
    gpus = ", ".join(map(str, range(run["accelerators"])))
    return f"count: {run['instances']} kind: KIND_GPU gpus: [ {gpus} ]"


def _tensorrt(precision: str) -> str:
    """TensorRT below ONNX Runtime, from the same export."""
    mode = f'parameters {{ key: "precision_mode" value: "{precision.upper()}" }}'
    return (
        "optimization {\n  execution_accelerators {\n"
        f'    gpu_execution_accelerator : [ {{ name: "tensorrt" {mode} }} ]\n'
        "  }\n}"
    )


def _warmup(run: Mapping[str, Any], inputs: Sequence[Tensor]) -> str:
    """A request of all others' shapes, before the server is ready: TensorRT builds its engine then, in minutes."""
    given = [
        f'    inputs {{ key: "{tensor.name}" value {{ data_type: {tensor.type} '
        f"dims: [ {', '.join(str(run['caption_tokens'] if size == -1 else size) for size in tensor.dims)} ] "
        "zero_data: true } }"
        for tensor in inputs
    ]
    return "\n".join(["model_warmup [", '  {\n    name: "engine"\n    batch_size: 1', *given, "  }\n]"])


def _parameters(run: Mapping[str, Any], kind: str, threads: int) -> dict[str, str]:
    if kind == PYTHON:
        providers = PROVIDERS[provider_of(run)]
        own = {"threads": str(threads), "providers": ",".join(providers)}
        return own | tensorrt_precision(run) if TENSORRT in providers else own
    if kind == NATIVE:
        return {"intra_op_thread_count": str(threads), "inter_op_thread_count": "1"}
    return {}
