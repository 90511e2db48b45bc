"""Engines built by the fake TensorRT, on a machine that has one GPU in name alone."""

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import cuda_fake
import pytest
import tensorrt_fake as fake

from cotejo.exports import tensorrt


def install(monkeypatch: pytest.MonkeyPatch, cuda: cuda_fake.Cuda | None = None) -> cuda_fake.Cuda:
    """Have `import tensorrt` and `from cuda.bindings import runtime` give the fakes, and nothing written down yet."""
    cuda = cuda or cuda_fake.Cuda()
    bindings: Any = ModuleType("cuda.bindings")
    bindings.runtime = cuda
    monkeypatch.setitem(sys.modules, "cuda", ModuleType("cuda"))
    monkeypatch.setitem(sys.modules, "cuda.bindings", bindings)
    monkeypatch.setitem(sys.modules, "tensorrt", fake)
    fake.calls.clear()
    cuda_fake.sent.clear()
    return cuda


def built(folder: Path, precision: str = "fp32") -> Path:
    """The folder of a captioning engine."""
    source = fake.captioning_model(folder / "onnx")
    output = folder / "engine"
    output.mkdir()
    tensorrt.export(folder / "model", output, "blip", precision, source)
    return output
