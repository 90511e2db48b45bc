"""Made-up weights: the same bits everywhere, in any order, with the spread that was asked for."""

import hashlib

import numpy as np
import pytest
import torch

from cotejo.models import generator
from cotejo.models.generator import Constant, Range, Uniform, initial, tensor, uniform


def bits(values: torch.Tensor) -> str:
    return hashlib.sha256(values.contiguous().view(torch.uint8).numpy().tobytes()).hexdigest()


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [
        ("float32", "472470f2e6a2498db7735826ffd6b9fbefb942050ee2e7a29e312fe510ae3e6b"),
        ("float16", "af5e2f652288bbaaeda4a72e042321dde20d4ac818b2ede06517bdcbadf79341"),
        ("bfloat16", "8dcbb7f86cca4b829066e965996a2da05776926050dd8c21c5a6234522fa99b9"),
    ],
)
def test_the_bits_of_a_tensor_are_pinned(dtype: str, expected: str) -> None:
    """If this fails, models made before are no longer the models made now: change generator.NAME."""
    assert bits(tensor(0, "model.embed_tokens.weight", (37, 53), dtype, Uniform(0.02))) == expected


def test_first_values_are_those_of_the_definition() -> None:
    """Drawn again from the published definition of Philox4x64-10 by NumPy's raw output, in exact integers."""
    key = int.from_bytes(hashlib.sha256(b"7:a.weight").digest()[:16], "little")
    words = [int(word) for word in np.random.Philox(key=key).random_raw(2)]
    halves = [half for word in words for half in (word & 0xFFFFFFFF, word >> 32)]
    bound = np.float32(3**0.5 * 0.5)
    expected = [np.float32((2 * (half >> 8) + 1 - 2**24) / 2**24) * bound for half in halves]
    assert tensor(7, "a.weight", (4,), "float32", Uniform(0.5)).tolist() == [float(value) for value in expected]


def test_order_of_drawing_and_size_of_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ["b", "a", "c"]
    forwards = {name: tensor(0, name, (3, 5), "float32", Uniform(1.0)) for name in names}
    monkeypatch.setattr(generator, "BLOCK", 4)
    backwards = {name: tensor(0, name, (3, 5), "float32", Uniform(1.0)) for name in reversed(names)}
    assert all(torch.equal(forwards[name], backwards[name]) for name in names)


def test_another_name_or_seed_gives_other_values() -> None:
    first, other_name, other_seed = (
        tensor(seed, name, (64,), "float32", Uniform(1.0)) for seed, name in ((0, "a"), (0, "b"), (1, "a"))
    )
    assert len({tuple(values.tolist()) for values in (first, other_name, other_seed)}) == 3


def test_spread() -> None:
    values = np.concatenate(list(uniform(0, "x", 1_000_000, std=0.02)))
    assert values.dtype == np.float32
    assert abs(values.std() - 0.02) < 1e-4 and abs(values.mean()) < 1e-4
    assert np.abs(values).max() <= np.float32(0.02 * 3**0.5)
    assert len(np.unique(values)) > 960_000  # 24 bits: few collide


def test_half_precision_is_single_precision_rounded() -> None:
    single = tensor(0, "x", (1000,), "float32", Uniform(1.0))
    assert torch.equal(tensor(0, "x", (1000,), "bfloat16", Uniform(1.0)), single.bfloat16())
    assert torch.equal(tensor(0, "x", (1000,), "float16", Uniform(1.0)), single.half())


def test_what_is_not_drawn() -> None:
    assert tensor(0, "n", (3,), "float16", Constant(1.0)).tolist() == [1, 1, 1]
    assert tensor(0, "n", (1, 3, 1), "float32", Range()).flatten().tolist() == [0, 1, 2]
    assert tensor(0, "n", (), "int64", Constant(0.0)).item() == 0


@pytest.mark.parametrize(
    ("name", "shape", "expected"),
    [
        ("layers.0.mlp.up_proj.weight", (768, 256), Uniform(1 / 16)),
        ("conv.weight", (8, 4, 3, 3), Uniform(1 / 6)),
        ("class_embedding", (64,), Uniform(1 / 8)),
        ("relative_attention_bias.weight", (32, 4), Uniform(1 / 2)),
        ("input_layernorm.weight", (256,), Constant(1.0)),
        ("q_proj.bias", (256,), Constant(0.0)),
        ("bn.running_var", (8,), Constant(1.0)),
        ("bn.running_mean", (8,), Constant(0.0)),
        ("bn.num_batches_tracked", (), Constant(0.0)),
    ],
)
def test_defaults(name: str, shape: tuple[int, ...], expected: generator.Initial) -> None:
    assert initial(name, shape) == expected
