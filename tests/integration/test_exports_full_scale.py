"""Llama at 1.1e9 parameters, where optimum-intel changes its mind about precision: minutes and 5 GB of memory."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from cotejo import parity
from cotejo.exports import make

pytestmark = pytest.mark.skipif(
    "COTEJO_FULL_SCALE" not in os.environ, reason="takes minutes and 5 GB: run with COTEJO_FULL_SCALE=1"
)

# Less than what twice as coarse a storage would cost.
BOUNDS = {"fp16": 1e-4, "int8": 0.05, "int4": 0.5}


@pytest.mark.parametrize("precision", BOUNDS)
def test_tinyllama_is_stored_as_asked(precision: str, model_folder: Callable[..., Path], tmp_path: Path) -> None:
    model = model_folder("tinyllama-1.1b-chat", scale="full")
    assert make.make("openvino", model, precision, tmp_path / "export")["status"] == "ok"
    gate = parity.check(model, tmp_path / "export", BOUNDS[precision], tmp_path / "scratch")
    assert (gate["status"], gate["message"]) == ("ok", None)
    kinds = {"fp16": {"f16"}, "int8": {"u8"}, "int4": {"u4", "u8"}}
    assert set(gate["constants"]) == kinds[precision]
    assert sum(gate["constants"].values()) >= 1_000_000_000
