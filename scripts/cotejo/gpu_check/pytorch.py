"""PyTorch in process: a GPU's answers are those of the CPU, from a whole model and from one that is divided."""

import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from cotejo.backends import backend
from cotejo.gpu_check.check import CPU, CUDA, Box, Found, check
from cotejo.gpu_check.runs import config, dataset, model, placed, run_of
from cotejo.models import architecture
from cotejo.models.catalogue import config_at, read_entry

LLAVA, LLAMA, BLIP, YOLO, WHISPER = (
    "llava-1.5-7b", "tinyllama-1.1b-chat", "blip-image-captioning-base", "yolov8n-seg", "whisper-base",
)  # fmt: skip
QUESTIONS = ("What is this?", "Which colour is it?")
TOKENS = 12
PROMPT = (1, 17, 4242, 99, 256, 1023, 7, 31)

# How far numbers may be from the CPU's, relative to the greatest: both compute in fp32, but sum in other orders.
ORDER_OF_SUMS = 1e-3


def settings(name: str, data: str, **more: Any) -> dict[str, Any]:
    return {
        "model": name,
        "dataset": data,
        "backend": "pytorch",
        "precision": "fp32",
        "compute_precision": "f32",
        **more,
    }


def engine(box: Box, asked: Mapping[str, Any]) -> Any:
    """What computes a run with these settings, in full fp32 where that is what it computes in."""
    import torch

    # A narrower type of GPUs' own, by which answers may differ.
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    run = run_of(box, asked)
    folder = model(box, run["model"])
    return backend(run["backend"]).load(run, folder, folder, os.cpu_count() or 1)


def answers(box: Box, **changes: Any) -> tuple[list[int], dict[int, float]]:
    """LLaVA's tokens about two questions, one after the other, and the peak of each GPU's memory in MiB."""
    from PIL import Image

    dataset(box, "check-pictures")
    answering = engine(box, settings(LLAVA, "check-pictures", **changes))
    picture = Image.radial_gradient("L").convert("RGB")
    answering.forget_peaks()
    said = [
        token
        for asked in QUESTIONS
        for token in answering.answer(answering.prepare(picture, asked), TOKENS, TOKENS).tokens
    ]
    return said, {gpu: peak / 2**20 for gpu, peak in answering.memory_peaks().items()}


def found(said: list[int], expected: list[int], peaks: Mapping[int, float], gpus: int) -> Found:
    """How many tokens are the CPU's; AssertionError where there are not as many, or GPUs that held nothing."""
    assert len(said) == len(expected) == TOKENS * len(QUESTIONS), f"{len(said)} tokens instead of {len(expected)}"
    assert peaks.keys() == set(range(gpus)) and all(peak > 0 for peak in peaks.values()), f"GPUs held {peaks} MiB"
    alike = sum(one == other for one, other in zip(said, expected, strict=True))
    return {"tokens": len(said), "as_on_the_cpu": alike, "memory_peaks_mib": [*peaks.values()]}


def same(told: Found) -> Found:
    assert told["as_on_the_cpu"] == told["tokens"], f"{told['as_on_the_cpu']} of {told['tokens']} tokens are the CPU's"
    return told


def in_use(box: Box, gpus: int) -> int:
    return gpus if box.device == CUDA else 0


@check("llava-fp32", needs=("PIL",))
def llava_fp32(box: Box) -> Found:
    """LLaVA on one GPU in fp32 says what the CPU says, token by token."""
    expected, none = answers(box, device=CPU)
    assert none == {}
    said, peaks = answers(box, **placed(box))
    return same(found(said, expected, peaks, in_use(box, 1)))


@check("llava-fp16", needs=("PIL",))
def llava_fp16(box: Box) -> Found:
    """LLaVA in fp16 answers on one GPU."""
    return _halved(box, "fp16", "f16")


@check("llava-bf16", needs=("PIL",))
def llava_bf16(box: Box) -> Found:
    """LLaVA in bf16 answers on one GPU."""
    return _halved(box, "bf16", "bf16")


def _halved(box: Box, precision: str, compute: str) -> Found:
    expected, _ = answers(box, device=CPU)
    said, peaks = answers(box, precision=precision, compute_precision=compute, **placed(box))
    return found(said, expected, peaks, in_use(box, 1))


@check("llava-split-layers", needs=("PIL", "accelerate"), gpus=2)
def llava_split_layers(box: Box) -> Found:
    """LLaVA divided over two GPUs by layers says what the CPU says, whichever has more of them."""
    expected, _ = answers(box, device=CPU)
    for layers in ("1,3", "3,1"):
        said, peaks = answers(box, split="device_map", split_layers=layers, **placed(box, gpus=2))
        told = same(found(said, expected, peaks, in_use(box, 2)))
    return told


@check("llava-split-balanced", needs=("PIL", "accelerate"), gpus=2, rehearsed=False)
def llava_split_balanced(box: Box) -> Found:
    """LLaVA divided over two GPUs as accelerate balances it says what the CPU says."""
    expected, _ = answers(box, device=CPU)
    said, peaks = answers(box, split="device_map", **placed(box, gpus=2))
    return same(found(said, expected, peaks, 2))


@check("llama-fp32")
def llama_fp32(box: Box) -> Found:
    """Llama on one GPU in fp32 says what the CPU says, token by token."""
    mine, cpus = (
        [*engine(box, settings(LLAMA, "check-prompts", **place)).generate(PROMPT, TOKENS).tokens]
        for place in (placed(box), {"device": CPU})
    )
    assert mine == cpus, f"{mine} instead of {cpus}"
    return {"tokens": len(mine)}


@check("blip-fp32")
def blip_fp32(box: Box) -> Found:
    """BLIP's logits on one GPU are the CPU's but for the order of sums."""
    asked = settings(BLIP, "check-pictures")
    engines = [engine(box, asked | place) for place in (placed(box), {"device": CPU})]
    inputs = architecture("blip").parity_inputs(model(box, BLIP), 0)[0]
    return near(*(each.infer(inputs["pixel_values"], inputs["input_ids"]) for each in engines))


@check("yolo-fp32", needs=("ultralytics",))
def yolo_fp32(box: Box) -> Found:
    """YOLO's raw predictions on one GPU are the CPU's but for the order of sums."""
    size = config_at(read_entry(config(box) / "models.yaml", YOLO), "small")["image_size"]
    picture = np.random.default_rng(0).random((1, 3, size, size), dtype=np.float32)
    run = settings(YOLO, "street-video")
    return near(*(engine(box, run | place).infer(picture)[0] for place in (placed(box), {"device": CPU})))


@check("whisper-fp32", needs=("whisper",))
def whisper_fp32(box: Box) -> Found:
    """Whisper writes the same text on one GPU as on the CPU."""
    noise = np.random.default_rng(0).standard_normal(16_000).astype(np.float32) * 0.1
    run = settings(WHISPER, "speech")
    mine, cpus = (engine(box, run | place).transcribe(noise, TOKENS) for place in (placed(box), {"device": CPU}))
    assert mine.text == cpus.text, f"{mine.text!r} instead of {cpus.text!r}"
    return {"tokens": mine.tokens_out, "decode_steps": mine.decode_steps}


def near(mine: np.ndarray, cpus: np.ndarray) -> Found:
    """How far arrays are from each other, relative to the greatest number; AssertionError where that is too far."""
    assert mine.shape == cpus.shape and np.isfinite(mine).all()
    off = float(np.abs(mine - cpus).max() / np.abs(cpus).max())
    assert off < ORDER_OF_SUMS, f"off by {off:.2g} of the greatest, and may be by {ORDER_OF_SUMS:g}"
    return {"values": mine.size, "off_by": off}
