"""ONNX Runtime's execution providers on NVIDIA GPUs: a session of the one that a run asks for, or why there is none.

ONNX Runtime goes on without a provider whose libraries it can't load, and leaves what a provider doesn't know to the
next one, behind which always stands the CPU's. Here the first is an error with ONNX Runtime's own reason. The second
can't be one (`session.disable_cpu_ep_fallback`): CUDA's provider gives the CPU what computes shapes, on purpose, and
TensorRT needs CUDA's behind it. So what each provider got is counted, into the record, and a product of matrices on the
CPU, or none on the provider that was asked for, is an error.

Providers and their options: https://onnxruntime.ai/docs/execution-providers/
"""

import ctypes
import os
import re
from collections import Counter
from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from cotejo import accelerators
from cotejo.cache import cache_folder
from cotejo.errors import DeviceMissing, MeasuringError
from cotejo.files import read_json

CPU, CUDA, TENSORRT = (f"{name}ExecutionProvider" for name in ("CPU", "CUDA", "Tensorrt"))
PROVIDERS = {"cpu": (CPU,), "cuda": (CUDA,), "tensorrt": (TENSORRT, CUDA)}

# Where the time goes: what the CPU may not get.
PRODUCTS = ("MatMul", "Gemm", "Conv", "ConvTranspose")

# What onnxruntime-gpu's own libraries are called, and TensorRT's that they are linked with.
LIBRARIES = {CUDA: "libonnxruntime_providers_cuda.so", TENSORRT: "libonnxruntime_providers_tensorrt.so"}
NVINFER = "libnvinfer.so.10"

Nodes = dict[str, Counter[str]]  # {provider: {operation: how many nodes}}


class ProviderMissing(MeasuringError):
    """The provider that a run asks for can't be loaded here, or does nothing of the work."""

    reason = "provider-missing"


def provider_of(run: Mapping[str, Any]) -> str:
    """`cpu`, `cuda` or `tensorrt`: a device has a provider of its own name."""
    return str(run.get("provider") or run["device"])


def session_on_gpu(run: Mapping[str, Any], artefact: Path, settings: Any) -> Any:
    """An InferenceSession on the first GPU that this process is shown, proven to have its provider.

    DeviceMissing without a GPU; ProviderMissing where the provider can't be loaded, or didn't get the work.
    """
    import onnxruntime

    wanted = PROVIDERS[provider_of(run)]
    gpu = require()
    if run["compute_precision"] == "f32":
        # Of CUDA's libraries and of TensorRT alike, read when they are loaded. The CUDA provider's own `use_tf32` is
        # not TensorRT's, which has none.
        os.environ["NVIDIA_TF32_OVERRIDE"] = "0"
    onnxruntime.preload_dlls()
    settings.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
    options = {CUDA: cuda_options(run)}
    if TENSORRT in wanted:
        options[TENSORRT] = tensorrt_options(run, engines(run, artefact, gpu, _tensorrt_version()))
        if run["precision"] == "int8":
            # What it does to a graph by itself would part QuantizeLinear from what TensorRT is to fuse it with.
            settings.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    asked = [(name, options[name]) for name in wanted]
    try:
        session = onnxruntime.InferenceSession(artefact / "model.onnx", settings, providers=asked, enable_fallback=0)
    except Exception as error:
        why = unloadable(wanted)
        if why:
            raise ProviderMissing(f"provider: {provider_of(run)}: {why}") from error
        raise
    refuse_other(session.get_providers(), wanted)
    refuse_misplaced(nodes_of(session), wanted[0])
    return session


def require() -> str:
    """The name of the GPU that is computed on; DeviceMissing where there is none."""
    there = accelerators.usable("cuda")
    if there == []:
        raise DeviceMissing(
            "no CUDA device here: NVIDIA's driver shows this process no GPU. Measure it where there is one, or take "
            "`device: cpu`"
        )
    return (there[0].name if there else None) or "unknown"


def cuda_options(run: Mapping[str, Any]) -> dict[str, str]:
    """CUDA's provider: in single precision no narrower arithmetic, and the quickest of all convolutions.

    They are tried at the first inference of a shape, which is outside of what is measured. Memory grows as it is asked
    for, and nothing is replayed as a CUDA graph, which keeps its inputs where they are: a request brings its own.
    """
    return {
        "device_id": "0",
        "use_tf32": "0" if run["compute_precision"] == "f32" else "1",
        "cudnn_conv_algo_search": "EXHAUSTIVE",
        "enable_cuda_graph": "0",
    }


def tensorrt_options(run: Mapping[str, Any], folder: Path) -> dict[str, str]:
    """TensorRT's: its engines, and what it has timed, are kept in the folder; types are those of the graph."""
    folder.mkdir(parents=True, exist_ok=True)
    return {
        "device_id": "0",
        **tensorrt_precision(run),
        "trt_engine_cache_enable": "1",
        "trt_engine_cache_path": str(folder),
        "trt_timing_cache_enable": "1",
        "trt_timing_cache_path": str(folder.parent),
        "trt_cuda_graph_enable": "0",
    }


def tensorrt_precision(run: Mapping[str, Any]) -> dict[str, str]:
    """TensorRT's leave to use the types that a graph has beside single precision."""
    return {f"trt_{precision}_enable": str(int(run["precision"] == precision)) for precision in ("fp16", "int8")}


def engines(run: Mapping[str, Any], artefact: Path, gpu: str, tensorrt: str) -> Path:
    """Where engines of an export are kept: by GPU and versions, of which they are, and by all that decides them.

    TensorRT would take an engine of the same name for another model, or of other arithmetic, for its own.
    """
    import onnxruntime

    digest = read_json(artefact / "export.json")["files"]["model.onnx"][:16]
    machine = re.sub(r"[^A-Za-z0-9.]+", "-", f"{gpu} tensorrt {tensorrt} onnxruntime {onnxruntime.__version__}")
    return cache_folder() / "onnxruntime-tensorrt" / machine / f"{digest}-{run['compute_precision']}"


def _tensorrt_version() -> str:
    """TensorRT's version as its library numbers it, such as 101601, once that is loaded; ProviderMissing without it."""
    try:
        if find_spec("tensorrt"):
            import_module("tensorrt")  # which loads its libraries; without it, they are those that the loader finds
        return str(ctypes.CDLL(NVINFER).getInferLibVersion())
    except (ImportError, OSError) as error:
        raise ProviderMissing(
            f"provider: tensorrt: {error}. Run under the environment that `make env-tensorrt` makes"
        ) from error


def unloadable(wanted: tuple[str, ...]) -> str:
    """Why one of the providers can't be loaded, in the loader's words, which are ONNX Runtime's too; empty if they can.

    Only for after ONNX Runtime has tried: loaded before its time, such a library would find no host.
    """
    import onnxruntime

    for name in (name for name in wanted if name in LIBRARIES):
        if name not in onnxruntime.get_available_providers():
            return f"{name}: this onnxruntime is built without it. Install onnxruntime-gpu"
        try:
            ctypes.CDLL(str(Path(onnxruntime.__file__).parent / "capi" / LIBRARIES[name]))
        except OSError as error:
            return f"{name}: {error}. Run it under Cotejo's environment for it (envs/README.md)"
    return ""


def refuse_other(taken: list[str], wanted: tuple[str, ...]) -> None:
    """ProviderMissing unless a session's providers begin with those that were asked for."""
    if taken[: len(wanted)] != [*wanted]:
        why = unloadable(wanted) or "its log says why"
        raise ProviderMissing(f"onnxruntime took {', '.join(taken)} in place of {', '.join(wanted)}: {why}")


def nodes_of(session: Any) -> Nodes:
    """Which provider got how many nodes of the graph."""
    found: Nodes = {}
    for part in session.get_provider_graph_assignment_info():
        found.setdefault(part.ep_name, Counter()).update(node.op_type for node in part.get_nodes())
    return found


def refuse_misplaced(nodes: Nodes, asked: str) -> None:
    """ProviderMissing where products of matrices are on the CPU, or none is on the provider that was asked for."""
    products = {name: sum(count[operation] for operation in PRODUCTS) for name, count in nodes.items()}
    if products.get(CPU) or not products.get(asked):
        parts = ", ".join(f"{name} {number}" for name, number in products.items() if number)
        raise ProviderMissing(f"{asked} didn't get the work. Products of matrices by provider: {parts or 'none'}")


def placed(session: Any) -> dict[str, Any]:
    """What a record holds of a session on a GPU: which provider got what, and by which options."""
    nodes = nodes_of(session)
    return {
        "nodes": {name: count.total() for name, count in nodes.items()},
        "nodes_on_cpu": dict(nodes.get(CPU, Counter())),
        "provider_options": session.get_provider_options(),
        "copies": "inputs and outputs, between host and GPU within each request",
    }
