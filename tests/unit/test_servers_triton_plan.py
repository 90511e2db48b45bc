"""What Triton is given to serve a TensorRT engine by its own backend, and which servers can't."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import cuda_fake
import pytest
from tensorrt_example import built, install
from triton_example import MODEL, run

from cotejo.errors import CotejoError
from cotejo.files import read_json, write_json
from cotejo.servers import triton
from cotejo.servers.interface import Endpoint, Job

ENGINE = {
    "backend": "tensorrt", "device": "cuda", "accelerators": 1, "precision": "fp16", "compute_precision": "f16",
}  # fmt: skip
ENDPOINT = Endpoint({"http": 8000, "grpc": 8001, "metrics": 8002}, MODEL)


@pytest.fixture
def job(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    install(monkeypatch, cuda_fake.Cuda())
    (tmp_path / "prepared").mkdir()
    python = tmp_path / "env" / "bin" / "python"
    return Job(run(**ENGINE), built(tmp_path), tmp_path, tmp_path / "prepared", python, 4, tmp_path / "scratch")


def test_repository_holds_the_engine_and_says_so(job):
    triton.prepare(job)
    folder = job.prepared / "models" / MODEL
    assert {path.relative_to(folder).as_posix() for path in folder.rglob("*")} == {"config.pbtxt", "1", "1/model.plan"}
    assert (folder / "1" / "model.plan").resolve() == job.artefact / "model.plan"
    assert (
        (folder / "config.pbtxt").read_text()
        == f"""name: "{MODEL}"
backend: "tensorrt"
platform: "tensorrt_plan"
max_batch_size: 8
input [
  {{ name: "pixel_values" data_type: TYPE_FP32 dims: [ 3, 8, 8 ] }},
  {{ name: "input_ids" data_type: TYPE_INT64 dims: [ -1 ] }},
  {{ name: "attention_mask" data_type: TYPE_INT64 dims: [ -1 ] }}
]
output [
  {{ name: "logits" data_type: TYPE_FP32 dims: [ -1, 50 ] }}
]
instance_group [
  {{ count: 1 kind: KIND_GPU gpus: [ 0 ] }}
]
"""
    )


def test_dynamic_batching_is_tritons_own_here_too(job):
    triton.prepare(replace(job, run={**job.run, "batching": "dynamic"}))
    assert "preferred_batch_size: [ 1, 2, 4, 8 ]" in (job.prepared / "models" / MODEL / "config.pbtxt").read_text()


def test_engine_of_one_batch_size_is_refused(job):
    facts = read_json(job.artefact / "engine.json")
    facts["inputs"][0]["sizes"][0] = 1
    write_json(job.artefact / "engine.json", facts)
    with pytest.raises(CotejoError, match=r"engine\.json: pixel_values: has no free first size"):
        triton.prepare(job)


def test_server_that_pytriton_carries_can_not_serve_it(job):
    assert triton.launch(job, ENDPOINT).command[0] == "tritonserver"
    package = job.python.parent.parent / "lib" / "python3.11" / "site-packages" / "pytriton" / "tritonserver"
    package.mkdir(parents=True)
    with pytest.raises(CotejoError, match=r"carries has no backend for TensorRT's engines\. Name NVIDIA"):
        triton.launch(job, ENDPOINT)
    assert triton.launch(replace(job, program=Path("/opt/tritonserver")), ENDPOINT).command[0] == "/opt/tritonserver"


def test_that_is_said_before_any_job(job):
    carried = SimpleNamespace(program=None, version={"nvidia-pytriton": "0.7.0"}.get)
    assert triton.missing(job.run, carried).startswith("backend: tensorrt: the server that nvidia-pytriton carries")
    assert triton.missing(job.run, SimpleNamespace(program=Path("/opt/tritonserver"), version=carried.version)) == ""


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"max_batch": 16}, "max_batch: 16: TensorRT engines are built for 8"),
        ({"caption_tokens": 128}, "caption_tokens: 128: engines are built for 64"),
        ({"device": "cpu", "accelerators": 0}, "device: cpu: tensorrt can't compute there"),
    ],
)
def test_what_engines_are_not_built_for_is_refused(job, settings, said):
    triton.check(job.run)
    with pytest.raises(CotejoError, match=said):
        triton.check({**job.run, **settings})


@pytest.mark.parametrize(
    "line",
    [
        "E 1 logging.cc:40] 6: The engine plan file is not compatible with this version of TensorRT, expecting library "
        "version 10.4.0.26 got 10.16.1.11, please rebuild.",
        "| blip | 1 | UNAVAILABLE: Internal: unable to create TensorRT engine: deserialization failed",
        "1: [stdArchiveReader.cpp::46] Error Code 1: Serialization (Serialization assertion stdVersionRead == "
        "serializationVersion failed.Version tag does not match. Note: Current Version: 236, Serialized Engine: 239)",
    ],
)
def test_server_of_another_version_is_told_from_other_troubles(line):
    assert triton.explain(line).startswith("A server loads engines that its own version of TensorRT has built")
    assert triton.explain("E failed to bind to 127.0.0.1:8000") == ""
