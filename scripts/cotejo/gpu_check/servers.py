"""Servers: started by what measures them, asked one question, held against PyTorch's answer, and stopped."""

from typing import Any

from cotejo.errors import CotejoError
from cotejo.gpu_check.check import CUDA, Box, Found, Untried, check
from cotejo.gpu_check.exports import NEEDS as EXPORTING
from cotejo.gpu_check.pytorch import BLIP, LLAMA
from cotejo.gpu_check.runs import config, inputs_of, placed, run_of
from cotejo.gpu_check.stacks import environments, found, parity_bound, require
from cotejo.llama_server import find_llama_server
from cotejo.places import server_stack
from cotejo.serving import serving

CLIENT = ("uvloop", "httptools")  # what asks a server

TEXT: dict[str, Any] = {"model": LLAMA, "dataset": "check-prompts", "new_tokens": 8}
PICTURES = {"model": BLIP, "dataset": "check-pictures"}
VLLM = {
    **TEXT,
    "server": "vllm",
    "backend": "vllm",
    "precision": "fp16",
    "compute_precision": "f16",
    "eager": True,
    "kv_cache_gib": 1,
}


def launched(box: Box, **settings: Any) -> Found:
    """What a server said that it is; AssertionError where it can't be launched, or answers otherwise than PyTorch."""
    from cotejo.launch import launch, prepare

    run = run_of(box, {"concurrency": 1, **settings})
    inputs = inputs_of(box, run)
    given = serving(box.folder / "prepared", server_stack(run, environments(config(box) / "config.yaml")))
    prepare(inputs, given)
    log = box.folder / "server.log"
    told = launch(inputs, given, parity_bound(run["precision"]), log, box.folder / "scratch")
    if told["status"] != "ok" and log.is_file():
        print(log.read_text(errors="replace"))
    assert told["status"] == "ok", f"{told['reason']}: {told['message']}"
    golden = (told["golden"] or {}).get("status", "not comparable")
    return {"version": told["version"], "ready_s": told["ready_s"], "answer": golden}


@check("llama-cpp", needs=(*CLIENT, "gguf"), limit_s=300)
def llama_cpp(box: Box) -> Found:
    """llama.cpp's server, built for CUDA, answers as PyTorch does."""
    try:
        find_llama_server(cuda=box.device == CUDA)
    except CotejoError as error:
        raise Untried(f"needs a llama-server: {error}") from error
    asked = {"precision": "fp16", "compute_precision": "f16", **placed(box)}
    return launched(box, server="llama.cpp", backend="llama.cpp", **TEXT, **asked)


@check("vllm", needs=CLIENT, rehearsed=False, limit_s=600)
def vllm(box: Box) -> Found:
    """vLLM on one GPU answers as PyTorch does."""
    require("vllm")
    return launched(box, **VLLM, **placed(box))


@check("vllm-tensor-parallel", needs=CLIENT, gpus=2, rehearsed=False, limit_s=600)
def vllm_tensor_parallel(box: Box) -> Found:
    """vLLM divided over two GPUs answers as PyTorch does."""
    require("vllm")
    split = {"split": "tensor_parallel", **placed(box, 2)}
    return launched(box, **VLLM, **split)


@check("transformers-serve", needs=(*CLIENT, "fastapi", "uvicorn"), limit_s=300)
def transformers_serve(box: Box) -> Found:
    """transformers' own server answers on one GPU as PyTorch does in process."""
    return launched(box, server="transformers-serve", backend="pytorch", **TEXT, **placed(box))


@check("triton", needs=(*CLIENT, *EXPORTING), limit_s=600)
def triton(box: Box) -> Found:
    """Triton answers by ONNX Runtime on one GPU as PyTorch does."""
    return _by_triton(box, **placed(box))


@check("triton-instances", needs=(*CLIENT, *EXPORTING), gpus=2, rehearsed=False, limit_s=600)
def triton_instances(box: Box) -> Found:
    """Triton answers as PyTorch does with an instance on each of two GPUs."""
    return _by_triton(box, split="instances", **placed(box, 2))


def _by_triton(box: Box, **place: Any) -> Found:
    require("triton")
    if box.device == CUDA and "triton" not in found():
        raise Untried("needs a Triton with GPUs: name one under `environments` in config/config.yaml")
    return launched(box, server="triton", backend="onnxruntime", client="perf_analyzer", **PICTURES, **place)
