"""What an export's constants say about the precision it claims."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

# The element types that a precision's weights may be stored in.
STORED_AS = {"fp32": ("f32",), "fp16": ("f16",), "bf16": ("bf16",), "int8": ("i8", "u8"), "int4": ("i4", "u4")}

# One weight in a hundred may be stored otherwise: exporters keep a few small layers as they are.
LEAST_SHARE = 0.99

# Smaller constants are shapes, scales, and tables of angles or positions.
LEAST_ELEMENTS = 1024


@dataclass(frozen=True)
class Weight:
    """A constant that a matrix product, a convolution or a look-up reads.

    `type` is OpenVINO's name of an element type (f32, f16, bf16, i8, u8, i4, u4, …); `table` marks a look-up's.
    """

    type: str
    shape: tuple[int, ...]
    elements: int
    table: bool


def elements_by_type(weights: Iterable[Weight]) -> dict[str, int]:
    """How many weights are stored in each element type, the most frequent first."""
    counted: Counter[str] = Counter()
    for weight in weights:
        counted[weight.type] += weight.elements
    return dict(counted.most_common())


def wrongly_stored(weights: Iterable[Weight], precision: str) -> str | None:
    """Why the weights are not of the precision named; None where they are.

    int4 leaves the vocabulary's matrices, the token embedding and the output projection of as many rows, at 8 bits:
    that is what NNCF's int4 means, because 4 bits there cost accuracy out of proportion.
    """
    judged = list(weights)
    if precision == "int4":
        rows = {weight.shape[0] for weight in judged if weight.table}
        judged = [weight for weight in judged if not (weight.shape[0] in rows and weight.type in STORED_AS["int8"])]
    total = sum(weight.elements for weight in judged)
    right = sum(weight.elements for weight in judged if weight.type in STORED_AS[precision])
    if total and right >= LEAST_SHARE * total:
        return None
    found = ", ".join(f"{elements:,} in {name}" for name, elements in elements_by_type(judged).items())
    return f"{right:,} of {total:,} weights are stored as {precision} ({found or 'no weights found'})"
