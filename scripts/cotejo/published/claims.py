"""What the documents say in words, each held against their own numbers."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from cotejo.labels import TIMES, number
from cotejo.published.check import SUPPORTED, UNSUPPORTED, UNTOLD, Check
from cotejo.published.groups import WHAT, Group, Paper
from cotejo.published.rounding import Rounded

ALIKE = "alike"
ALIKE_PERCENT = 5.0  # what may still be called no considerable difference

Where = Mapping[str, str]


class Claim(NamedTuple):
    """A statement that comes to one number of a document being more, less, or about the same as another."""

    study: str
    quote: str
    metric: str
    statistic: str
    of: Where  # the columns WHAT that pick the one group
    to: Where  # and the other: the base
    expects: str  # "more", "less" or ALIKE


_TP = {"model": "open-llama-13b", "client": "vllm-bench-throughput"}
_BATCHES = {"model": "vicuna-13b-v1.3", "client": "vllm-bench-latency"}
_LLAVA_13B = {"model": "llava-1.5-13b", "accelerators": "2"}
_BLIP = {"backend": "onnxruntime", "accelerators": "2"}
_PLAIN = {"accelerators": "1", "split": ""}
_ZERO1 = {"accelerators": "3", "split": "zero1"}
_MEMORY = ("gpu_memory_per_node", "peak")

CLAIMS = (
    Claim(
        "ccad-llava-a30",
        "para el modelo que realmente no entra en toda la VRAM de una GPU, la diferencia de rendimiento entre PCIe "
        "3.0+IvyBride vs PCIe 4.0+Milan no resulta considerable",
        "inference_rate", "mean", {"system": "nodoai", **_LLAVA_13B}, {"system": "mendieta", **_LLAVA_13B}, ALIKE,
    ),
    Claim(
        "chameleon-blip-triton", "Requests are processed parallelly on 2 GPUs", "request_throughput", "mean",
        {**_BLIP, "concurrency": "2"}, {**_BLIP, "concurrency": "1"}, "more",
    ),
    Claim(
        "chameleon-blip-triton",
        "All inference requests are batched into groups of either [2, 4, 8] before they are served",
        "batch_size", "mean", {"accelerators": "1", "concurrency": "8"}, {"accelerators": "1", "concurrency": "1"},
        "more",
    ),
    Claim(
        "cml-vllm-ray", "Using TP would achieve high throughput", "request_throughput", "mean",
        {**_TP, "accelerators": "4"}, {**_TP, "accelerators": "1"}, "more",
    ),
    Claim(
        "cml-vllm-ray", "… but at the expense of low latency", "latency", "mean",
        {**_BATCHES, "accelerators": "4"}, {**_BATCHES, "accelerators": "1"}, "more",
    ),
    Claim(
        "cml-vllm-ray", "Using a single GPU for a small model inference is likely to achieve low latency", "latency",
        "mean", {**_BATCHES, "accelerators": "1"}, {**_BATCHES, "accelerators": "2"}, "less",
    ),
    Claim(
        "cml-t5-deepspeed",
        "deepspeed ZeRO-1 with 3 nodes/pods manage to reduce the VRAM consumption when training t5-large model",
        *_MEMORY, {"model": "t5-large", **_ZERO1}, {"model": "t5-large", **_PLAIN}, "less",
    ),
    Claim(
        "cml-t5-deepspeed", "… but at the expense of slower training speed compared to single node/pod training",
        "train_time", "approx", {"model": "t5-large", **_ZERO1}, {"model": "t5-large", **_PLAIN}, "more",
    ),
    Claim(
        "cml-t5-deepspeed", "ZeRO-3 Offload can … optimize VRAM consumption further compared to ZeRO-1",
        *_MEMORY, {"model": "t5-large", "accelerators": "3", "split": "zero3-offload"},
        {"model": "t5-large", **_ZERO1}, "less",
    ),
    Claim(
        "cml-t5-deepspeed", "As seen in t5-small model training result, the loaded VRAM is lower than with deepspeed",
        *_MEMORY, {"model": "t5-small", **_PLAIN}, {"model": "t5-small", **_ZERO1}, "less",
    ),
    Claim(
        "cml-t5-deepspeed", "the speed is often bottlenecked by network communication overhead", "network_rate", "mean",
        {"model": "t5-large", **_ZERO1}, {"model": "t5-large", **_PLAIN}, "more",
    ),
    Claim(
        "multimodal-cloud", "slower than an M1 MacBook -- 50 ms vs 1 ms per image patch", "clip_patch_latency",
        "approx", {"system": "runpod-a100-80g"}, {"system": "m1-macbook"}, "more",
    ),
)  # fmt: skip


def claims(paper: Paper, stated: tuple[Claim, ...] = CLAIMS) -> Iterator[Check]:
    """Each statement of the study's document, supported by its numbers, not supported, or not to be told from them."""
    for claim in stated:
        if claim.study == paper.study:
            yield _judged(claim, *(_picked(paper, claim, where) for where in (claim.of, claim.to)))


def _picked(paper: Paper, claim: Claim, where: Where) -> Group | None:
    """The group that prints the number; None where none does."""
    found = [
        group
        for group in paper.groups
        if group.text(claim.metric, claim.statistic) is not None
        and all(group.what[column] == value for column, value in where.items())
    ]
    if len(found) > 1:
        raise ValueError(f"{claim.quote}: {where} picks {len(found)} groups; name more of {', '.join(WHAT)}")
    return found[0] if found else None


def _judged(claim: Claim, group: Group | None, base: Group | None) -> Check:
    what, quote = "statement", f"“{claim.quote}”"
    if group is None or base is None:
        return Check(what, quote, claim.metric, UNTOLD, note=f"the document prints no {claim.metric.replace('_', ' ')}")
    own, other = (one.figure(claim.metric, claim.statistic) for one in (group, base))
    assert own is not None and other is not None
    ratio = own / other
    formula = f"{own.value:g} / {other.value:g} {group.unit(claim.metric)}"
    bound = f" (bound {ALIKE_PERCENT:g} %)" if claim.expects == ALIKE else ""
    note = f"{group.words}, against {base.words}: {_in_words(ratio)}{bound}"
    verdict = SUPPORTED if _holds(ratio, claim.expects) else UNSUPPORTED
    return Check(what, quote, formula, verdict, ratio, TIMES, note=note)


def _holds(ratio: Rounded, expects: str) -> bool:
    if expects == ALIKE:
        return ratio.high <= 1 + ALIKE_PERCENT / 100 and ratio.low >= 1 / (1 + ALIKE_PERCENT / 100)
    return ratio.low > 1 if expects == "more" else ratio.high < 1


def _in_words(ratio: Rounded) -> str:
    if ratio.value >= 2 or ratio.value <= 0.5:
        return f"{number(ratio.value)} times as much"
    return f"{number(100 * abs(ratio.value - 1))} % {'more' if ratio.value > 1 else 'less'}"


CHECKS = (claims,)
