"""How near a language model's decoding comes to the speed of the memory that its weights lie in.

Each token that is decoded by itself needs every weight of the decoder once, and does but two operations with each, far
fewer than any GPU can while it reads one. So the rate at which the weights are read bounds the tokens per second:

    share = weights * tokens per second / the rate at which the memory was measured to move bytes

Samuel Williams, Andrew Waterman and David Patterson 2009, "Roofline: an insightful visual performance model for
multicore architectures", Communications of the ACM 52(4); of decoding in particular: Reiner Pope et al. 2023,
"Efficiently scaling transformer inference", Proceedings of Machine Learning and Systems 5, section 2.
"""

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from cotejo.errors import CotejoError
from cotejo.models.generator import Shapes

BYTES = {"fp32": 4, "fp16": 2, "bf16": 2}
# What is computed with once for a picture or a prompt, not for each token.
_BEFORE = ("vision", "multi_modal_projector")
_EMBEDDING = "embed_tokens"
_RATE = "_copy_read_and_write_gb_per_s"


class Bound(NamedTuple):
    """Of one record: what it reads for a token, how fast it decodes, and what share of the card's rate that is."""

    weights_bytes: int
    tokens_per_s: float
    read_gb_per_s: float
    copy_gb_per_s: float

    @property
    def share(self) -> float:
        return self.read_gb_per_s / self.copy_gb_per_s


def weights_bytes(shapes: Shapes, precision: str) -> int:
    """The bytes that decoding one token reads: all of the decoder's, of its embedding a row, which counts for nothing.

    Where the last layer is the embedding itself, that is read as a whole.
    """
    if precision not in BYTES:
        raise CotejoError(
            f"precision: {precision}: how many bytes its weights take isn't known. Use {', '.join(BYTES)}"
        )
    tied = not any(name.endswith("lm_head.weight") for name in shapes)
    read = (
        math.prod(shape)
        for name, (shape, _) in shapes.items()
        if not any(word in name for word in _BEFORE) and (tied or _EMBEDDING not in name)
    )
    return sum(read) * BYTES[precision]


def decoding_rate(samples: Sequence[Mapping[str, str]]) -> float:
    """Tokens per second after the first: the median over the good requests, of rows as samples.csv has them.

    CotejoError where none has more than one token.
    """
    rates = [
        (int(row["tokens_out"]) - 1) / (float(row["done_s"]) - float(row["first_token_s"]))
        for row in samples
        if row["ok"] == "1" and int(row["tokens_out"]) > 1
    ]
    if not rates:
        raise CotejoError("samples: no good request has more than one token: nothing was decoded. Raise `new_tokens`")
    return statistics.median(rates)


def copy_rate(report: Mapping[str, Any], gpus: Sequence[str]) -> float:
    """The rate of the slowest GPU of a check's report.json, in 10⁹ bytes per second, read and written together.

    `gpus` are the names of those of the record. CotejoError where the report is of others, or measured none.
    """
    if unlike := set(gpus) - set(report["torch"]["names"]):
        raise CotejoError(
            f"--check: it was made on {', '.join(report['torch']['names'])}, and the record on "
            f"{', '.join(sorted(unlike))}. Give the check of that machine"
        )
    found = {each["name"]: each["found"] for each in report["checks"]}
    rates = [rate for name, rate in found.get("copy-rate", {}).items() if name.endswith(_RATE) and "gpu" in name]
    if not rates:
        raise CotejoError("--check: it has no copy rate of a GPU. Run `make gpu-check ARGS='--only copy-rate'` there")
    return min(rates)


def bound(
    record: Mapping[str, Any], samples: Sequence[Mapping[str, str]], shapes: Shapes, report: Mapping[str, Any]
) -> Bound:
    """Of a record of a model on GPUs. Parts of one that is divided over several are read one after another."""
    if not record["runtime"].get("gpus"):
        raise CotejoError(
            f"{record['run']['id']}: was measured on no GPU, and the check knows no other rate. Give the record of a "
            "run on GPUs"
        )
    read = weights_bytes(shapes, record["run"]["precision"])
    per_s = decoding_rate(samples)
    return Bound(read, per_s, read * per_s / 1e9, copy_rate(report, record["runtime"]["gpus"]))
