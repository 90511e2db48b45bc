"""What a model is exported to: ONNX Runtime by CUDA and by TensorRT, and TensorRT's own engines."""

from typing import Any

from cotejo.backends import stack_of
from cotejo.backends.onnx_types import COMPUTES
from cotejo.backends.onnxruntime_provider import PROVIDERS
from cotejo.gpu_check import answers
from cotejo.gpu_check.check import CUDA, Box, Found, Untried, check
from cotejo.gpu_check.pytorch import BLIP
from cotejo.gpu_check.runs import exported, inputs_of, measured, placed, went_well
from cotejo.gpu_check.stacks import made, parity_bound

NEEDS = ("PIL", "onnx", "onnxruntime")  # for the export and its gate, which computes on the CPU


def captioned(box: Box, backend: str, precision: str, **more: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """The record of a repeat of BLIP, which passed the gate, and its level."""
    computed = {"precision": precision, "compute_precision": COMPUTES[precision]}
    times = {"warmup_s": 1, "duration_s": 3, "caption_tokens": 8}
    record = measured(
        box,
        {"model": BLIP, "dataset": "check-pictures", "backend": backend, **computed, **times, **placed(box), **more},
    )
    stack = stack_of(record["run"])
    if record["reason"] == "provider-missing" and stack and not made(stack):
        # This interpreter's own ONNX Runtime, which may have been installed for the CPU.
        raise Untried(f"needs `make env-{stack}`: {record['message']}")
    return record, went_well(record)


def by_provider(box: Box, provider: str, precision: str) -> Found:
    """What ONNX Runtime measured by a provider; AssertionError where another one computed."""
    record, level = captioned(box, "onnxruntime", precision, **({"provider": provider} if box.device == CUDA else {}))
    first = record["runtime"]["providers"][0]
    assert box.device != CUDA or first == PROVIDERS[provider][0], f"{first} computed"
    run = record["run"]
    python = inputs_of(box, run).python
    apart = answers.apart(run, exported(box, run), python, box.folder / "answers.json")
    bound = parity_bound(precision)
    assert apart <= bound, f"{first} is off from the CPU's answers by {apart:.2g}, beyond {bound:g}"
    rate = level["requests"] / level["duration_s"]
    error = record["export"]["parity"]["error"]
    return {"provider": first, "error": error, "from_cpu": apart, "captions_per_s": rate}


def by_engine(box: Box, precision: str) -> Found:
    """What a TensorRT engine of a precision measured."""
    record, level = captioned(box, "tensorrt", precision)
    rate = level["requests"] / level["duration_s"]
    return {"error": record["export"]["parity"]["error"], "captions_per_s": rate, **record["versions"]}


@check("onnx-cuda-fp32", needs=NEEDS, limit_s=400)
def onnx_cuda_fp32(box: Box) -> Found:
    """ONNX Runtime computes BLIP by its CUDA provider in fp32."""
    return by_provider(box, "cuda", "fp32")


@check("onnx-cuda-fp16", needs=NEEDS, rehearsed=False, limit_s=400)
def onnx_cuda_fp16(box: Box) -> Found:
    """ONNX Runtime computes BLIP by its CUDA provider in fp16."""
    return by_provider(box, "cuda", "fp16")


@check("onnx-tensorrt-fp32", needs=NEEDS, rehearsed=False, limit_s=600)
def onnx_tensorrt_fp32(box: Box) -> Found:
    """ONNX Runtime computes BLIP by its TensorRT provider in fp32."""
    return by_provider(box, "tensorrt", "fp32")


@check("onnx-tensorrt-int8", needs=NEEDS, rehearsed=False, limit_s=600)
def onnx_tensorrt_int8(box: Box) -> Found:
    """ONNX Runtime computes BLIP by its TensorRT provider in int8, calibrated."""
    return by_provider(box, "tensorrt", "int8")


@check("tensorrt-fp32", needs=NEEDS, rehearsed=False, limit_s=600)
def tensorrt_fp32(box: Box) -> Found:
    """A TensorRT engine of BLIP in fp32 is built, agrees with PyTorch, and is measured."""
    return by_engine(box, "fp32")


@check("tensorrt-fp16", needs=NEEDS, rehearsed=False, limit_s=600)
def tensorrt_fp16(box: Box) -> Found:
    """A TensorRT engine of BLIP in fp16 is built, agrees with PyTorch, and is measured."""
    return by_engine(box, "fp16")


@check("tensorrt-int8", needs=NEEDS, rehearsed=False, limit_s=600)
def tensorrt_int8(box: Box) -> Found:
    """A TensorRT engine of BLIP in int8, calibrated, is built, agrees with PyTorch, and is measured."""
    return by_engine(box, "int8")
