"""TensorRT's real API has what is used of it, by names and parameters, so that the other tests' fake is no dream."""

import json
from pathlib import Path
from typing import Any

import cuda_fake
import pytest
import tensorrt_fake as fake
from tensorrt_surface import CLASSES, ENUMS, members, surface

FIXTURES = Path(__file__).parents[1] / "fixtures"
# TensorRT 10, which envs/tensorrt.in pins, and 11, which a server of the user's may have: written down by
# tensorrt_surface.py from NVIDIA's packages.
VERSIONS = ("10.16", "11.4")


def written(version: str) -> dict[str, Any]:
    return json.loads((FIXTURES / f"tensorrt-{version}.json").read_text())


def lacks(real: dict[str, Any]) -> list[str]:
    """What the fake has and a surface hasn't, or has with parameters of other names."""
    found = []
    for name in set(CLASSES) - {"IHostMemory"}:  # whose one use is as a buffer
        there = real["classes"][name]
        for member, own in members(getattr(fake, name)).items():
            if member not in there or (own is None) != (there[member] is None):
                found.append(f"{name}.{member}")
            elif own and not any(own[0] == each[: len(own[0])] for each in there[member]):
                found.append(f"{name}.{member}({', '.join(own[0])})")
    for name in ENUMS:
        found += [f"{name}.{member}" for member in getattr(fake, name).__members__ if member not in real["enums"][name]]
    return sorted(found + [name for name in fake.ILogger.Severity.__members__ if name not in real["severities"]])


@pytest.mark.parametrize("version", VERSIONS)
def test_what_is_used_is_there(version: str) -> None:
    assert set(lacks(written(version))) <= {"BuilderFlag.FP16", "BuilderFlag.INT8"}  # which stay off, and 11 hasn't


def test_pinned_version_has_all_of_it() -> None:
    pinned = (Path(__file__).parents[2] / "envs" / "tensorrt.txt").read_text()
    assert f"tensorrt-cu13=={written('10.16')['version']}\n" in pinned
    assert lacks(written("10.16")) == []


def test_a_misnamed_parameter_would_be_seen() -> None:
    real = written("10.16")
    real["classes"]["IExecutionContext"]["execute_async_v3"] = [["stream"]]
    del real["classes"]["Runtime"]["deserialize_cuda_engine"]
    real["enums"]["TensorIOMode"].remove("INPUT")
    assert lacks(real) == [
        "IExecutionContext.execute_async_v3(stream_handle)", "Runtime.deserialize_cuda_engine", "TensorIOMode.INPUT",
    ]  # fmt: skip


def test_installed_package_is_as_it_was_written_down() -> None:
    tensorrt = pytest.importorskip("tensorrt", reason="TensorRT is not installed here (make env-tensorrt)")
    assert set(lacks(surface(tensorrt))) <= {"BuilderFlag.FP16", "BuilderFlag.INT8"}


def test_cudas_runtime_has_what_is_used() -> None:
    runtime = pytest.importorskip("cuda.bindings.runtime", reason="cuda-bindings is not installed here")
    assert [name for name in dir(cuda_fake.Cuda) if name.startswith("cuda") and not hasattr(runtime, name)] == []
