"""Made-up weights that are the same bits on every machine, in whatever order they are drawn.

Each tensor has its own stream: NumPy's Philox, a counter-based generator, keyed by the SHA-256 of seed and tensor name.
Only its raw integers are used (`random_raw`, which NumPy keeps stable across versions, unlike its distributions). 24 of
their bits become an odd multiple of 2^-24 in (-1, 1), exact in float32, then one float32 multiplication scales it and
one rounding to nearest-even narrows it: IEEE 754 leaves no choice in either, so no machine can differ.
"""

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch

NAME = "philox-uniform-1"  # change it whenever the same seed and name would give other bits
BLOCK = 1 << 22  # elements drawn at a time; even, as each 64-bit integer makes two


@dataclass(frozen=True)
class Uniform:
    """Uniform in (-√3·std, √3·std), so of standard deviation `std`."""

    std: float


@dataclass(frozen=True)
class Constant:
    value: float


@dataclass(frozen=True)
class Range:
    """0, 1, 2, …"""


Initial = Uniform | Constant | Range
Shapes = dict[str, tuple[tuple[int, ...], str]]  # {tensor name: (shape, torch data type's name)}
BUFFERS = ("running_mean", "running_var", "num_batches_tracked")


def initial(name: str, shape: tuple[int, ...]) -> Initial:
    """What a tensor holds by default: matrices keep the variance of what flows through them (std = 1/√fan-in, for an
    embedding 1/√width), normalisation is the identity, biases are zero. So activations neither vanish nor overflow."""
    if name.endswith((".bias", "running_mean", "num_batches_tracked")):
        return Constant(0.0)
    if name.endswith("running_var") or (len(shape) == 1 and name.endswith(".weight")):
        return Constant(1.0)
    return Uniform(1 / math.sqrt(math.prod(shape[1:]) if len(shape) > 1 else shape[0]))


def tensor(seed: int, name: str, shape: tuple[int, ...], dtype: str, content: Initial) -> "torch.Tensor":
    """One made-up tensor of the given shape and torch data type ("float16", …), contiguous, on the CPU."""
    import torch

    kind = getattr(torch, dtype)
    if isinstance(content, Constant):
        return torch.full(shape, content.value, dtype=kind)
    if isinstance(content, Range):
        return torch.arange(math.prod(shape)).to(kind).reshape(shape)
    result = torch.empty(math.prod(shape), dtype=kind)
    start = 0
    for block in uniform(seed, name, result.numel(), content.std):
        result[start : start + block.size] = torch.from_numpy(block)
        start += block.size
    return result.reshape(shape)


def uniform(seed: int, name: str, count: int, std: float) -> Iterator[np.ndarray]:
    """`count` float32 numbers of a tensor's stream, in blocks of at most BLOCK."""
    key = int.from_bytes(hashlib.sha256(f"{seed}:{name}".encode()).digest()[:16], "little")
    stream = np.random.Philox(key=key)
    bound = np.float32(math.sqrt(3) * std)
    for start in range(0, count, BLOCK):
        size = min(BLOCK, count - start)
        raw = stream.random_raw((size + 1) // 2).astype("<u8", copy=False).view("<u4")[:size]
        odd = ((raw >> np.uint32(8)).astype(np.int32) << 1) - np.int32((1 << 24) - 1)
        yield odd.astype(np.float32) * np.float32(2.0**-24) * bound
