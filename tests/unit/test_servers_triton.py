"""How Triton is started, what it is asked, and what its answers say; the real one is an integration test."""

import json
import os
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from triton_example import MODEL, exported, run

from cotejo.errors import CotejoError
from cotejo.servers import triton
from cotejo.servers import triton_repository as repository
from cotejo.servers.interface import Endpoint, Job

STATISTICS = json.loads((Path(__file__).parents[1] / "fixtures" / "triton-statistics.json").read_text())


def job_in(folder: Path, **settings) -> Job:
    python = folder / "env" / "bin" / "python"
    (folder / "prepared").mkdir()
    return Job(run(**settings), exported(folder / "export"), folder, folder / "prepared", python, 4, folder / "scratch")


def carried(folder: Path) -> Path:
    """An environment with a server in it, as pytriton brings it and its repair leaves it."""
    server = folder / "env" / "lib" / "python3.11" / "site-packages" / "pytriton" / "tritonserver"
    (server / "backends" / "python").mkdir(parents=True)
    (server / "backends" / "python" / "triton_python_backend_stub").touch()
    return server


ENDPOINT = Endpoint({"http": 8000, "grpc": 8001, "metrics": 8002}, MODEL)
OPTIONS = [
    "--disable-auto-complete-config", "--model-control-mode=none", "--log-verbose=0",
    "--http-address=127.0.0.1", "--http-port=8000", "--grpc-address=127.0.0.1", "--grpc-port=8001",
    "--metrics-address=127.0.0.1", "--metrics-port=8002",
]  # fmt: skip


def test_users_own_server_gets_the_export_and_is_found_by_its_name(tmp_path):
    job = job_in(tmp_path)
    triton.prepare(job)
    folder = job.prepared / "models" / MODEL
    assert {path.relative_to(folder).as_posix() for path in folder.rglob("*")} == {"config.pbtxt", "1", "1/model.onnx"}
    assert (folder / "1" / "model.onnx").resolve() == job.artefact / "model.onnx"
    assert 'backend: "onnxruntime"' in (folder / "config.pbtxt").read_text()
    launch = triton.launch(job, ENDPOINT)
    assert launch.command == ["tritonserver", f"--model-repository={job.prepared}/models", *OPTIONS]
    assert launch.environment == {}


def test_server_that_config_names_goes_before_the_carried_one(tmp_path):
    carried(tmp_path)
    job = replace(job_in(tmp_path), program=Path("/opt/tritonserver/bin/tritonserver"))
    triton.prepare(job)
    assert 'backend: "onnxruntime"' in (job.prepared / "models" / MODEL / "config.pbtxt").read_text()
    assert triton.launch(job, ENDPOINT).command[0] == "/opt/tritonserver/bin/tritonserver"


@pytest.mark.parametrize(
    ("settings", "environment"),
    [
        ({"device": "cuda", "accelerators": 1}, {"NVIDIA_TF32_OVERRIDE": "0"}),
        ({"device": "cuda", "accelerators": 1, "compute_precision": "device-default"}, {}),
    ],
)
def test_single_precision_on_a_gpu_is_no_narrower_one(settings, environment, tmp_path):
    assert triton.launch(job_in(tmp_path, **settings), ENDPOINT).environment == environment


@pytest.mark.parametrize(
    ("settings", "installed", "program", "said"),
    [
        ({"device": "cuda"}, {"nvidia-pytriton": "0.7.0"}, None, "device: cuda: env/bin/python has no onnxruntime-gpu"),
        ({"device": "cuda"}, {"nvidia-pytriton": "0.7.0", "onnxruntime-gpu": "1.31.1"}, None, ""),
        ({"device": "cuda"}, {"nvidia-pytriton": "0.7.0"}, Path("/opt/tritonserver"), ""),
        ({}, {"nvidia-pytriton": "0.7.0"}, None, ""),
        ({"device": "cuda"}, {}, None, ""),
    ],
)
def test_carried_server_has_no_gpus_unless_its_environment_has(settings, installed, program, said):
    there = SimpleNamespace(python=Path("env/bin/python"), program=program, version=installed.get)
    told = triton.missing(run(**settings), there)
    assert told.startswith(said) and bool(told) == bool(said)


def test_carried_server_gets_the_python_model_and_the_libraries_beside_it(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "/usr/bin")
    monkeypatch.setenv("LD_LIBRARY_PATH", "/cuda")
    server, job = carried(tmp_path), job_in(tmp_path)
    triton.prepare(job)
    folder = job.prepared / "models" / MODEL
    assert 'backend: "python"' in (folder / "config.pbtxt").read_text()
    assert (folder / "1" / "model.py").read_bytes() == repository.PYTHON_MODEL.read_bytes()
    launch = triton.launch(job, ENDPOINT)
    assert launch.command == [
        f"{server}/bin/tritonserver", f"--backend-directory={server}/backends",
        f"--model-repository={job.prepared}/models", *OPTIONS,
        f"--backend-config=python,shm-region-prefix-name=cotejo-triton-{os.getpid()}-",
    ]  # fmt: skip
    assert launch.environment == {
        "PATH": f"{tmp_path}/env/bin:/usr/bin",
        "LD_LIBRARY_PATH": f"{tmp_path}/env/lib:/cuda",
    }


def test_carried_server_that_nobody_repaired_is_refused(tmp_path):
    stub = carried(tmp_path) / "backends" / "python" / "triton_python_backend_stub"
    stub.unlink()
    with pytest.raises(CotejoError, match="is not in its place"):
        triton.launch(job_in(tmp_path), ENDPOINT)


def test_shared_memory_of_the_dead_alone_is_removed(tmp_path):
    gone = next(process for process in range(4_000_000, 5_000_000) if not Path(f"/proc/{process}").exists())
    names = [f"cotejo-triton-{gone}-1", f"cotejo-triton-{os.getpid()}-2", "triton_python_backend_shm_region_3", "other"]
    for name in names:
        (tmp_path / name).touch()
    triton.clear_regions(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names[1:])


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (
            {"batching": "dynamic", "preferred_batches": "2,16"},
            "preferred_batches: 2,16: must rise, and end at max_batch",
        ),
        ({"batching": "dynamic", "preferred_batches": "4,2"}, "preferred_batches: 4,2: must rise"),
        ({"batching": "dynamic", "preferred_batches": "2,2"}, "preferred_batches: 2,2: must rise"),
        ({"batching": "dynamic", "max_batch": 1, "preferred_batches": 1}, "max_batch: 1: leaves nothing to batch"),
        ({"backend": "tensorrt"}, "device: cpu: tensorrt can't compute there"),
        ({"compute_precision": "bf16"}, "Use f32 or device-default"),
        ({"provider": "tensorrt"}, "provider: tensorrt: computes on GPUs"),
        (
            {"provider": "tensorrt", "device": "cuda", "accelerators": 1, "batching": "dynamic"},
            "batching: dynamic: below ONNX Runtime, TensorRT builds its engine anew",
        ),
        (
            {"provider": "cuda", "backend": "tensorrt", "device": "cuda", "accelerators": 1},
            "provider: cuda: is of backend onnxruntime",
        ),
        (
            {"device": "cuda", "accelerators": 2, "split": "tensor_parallel"},
            "split: tensor_parallel: .* Take `instances`",
        ),
    ],
)
def test_settings_that_do_not_go_together_are_refused(settings, said):
    with pytest.raises(CotejoError, match=said):
        triton.check(run(**settings))


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"batching": "dynamic", "preferred_batches": 4},
        {"provider": "tensorrt", "device": "cuda", "accelerators": 1, "precision": "int8"},
        {"preferred_batches": "2,16"},  # which without batching counts for nothing
        {"device": "cuda", "accelerators": 2, "split": "instances"},
        {"backend": "tensorrt", "device": "cuda", "accelerators": 1, "precision": "fp16", "compute_precision": "f16"},
    ],
)
def test_settings_that_go_together_pass(settings):
    triton.check(run(**settings))


def test_statistics_become_counters():
    counted = triton.counted(STATISTICS, MODEL)
    assert counted == {
        "requests": 135,
        "failed_requests": 0,
        "queue_s": pytest.approx(1.259452553),
        "compute_s": pytest.approx(0.061186110 + 1.623335553 + 0.957399439),
        "inference_s": pytest.approx(3.902719025),
        "executions": 61,
    }
    batches = {
        entry["batch_size"]: entry["compute_infer"]["count"] for entry in STATISTICS["model_stats"][0]["batch_stats"]
    }
    assert sum(batches.values()) == counted["executions"]
    assert sum(size * count for size, count in batches.items()) == counted["requests"]


def test_statistics_of_another_model_are_refused():
    with pytest.raises(CotejoError, match="counts 0 versions of another"):
        triton.counted(STATISTICS, "another")


ANSWERS = {
    "/v2/health/ready": (200, ""),
    "/v2": (200, '{"name": "triton", "version": "2.51.0", "extensions": ["statistics"]}'),
    f"/v2/models/{MODEL}/ready": (200, ""),
    f"/v2/models/{MODEL}/config": (
        200,
        '{"backend": "python", "max_batch_size": 8, "instance_group": [{"name": "x", "count": 2, "kind": "KIND_CPU", '
        '"gpus": []}], "parameters": {"threads": {"string_value": "1"}}}',
    ),
}


@pytest.fixture
def answering(monkeypatch):
    """answering({path: (status, text)}): a server that answers so, and nothing anywhere else."""

    def set_up(answers):
        monkeypatch.setattr("cotejo.servers.triton.ask", lambda endpoint, path, *_, **__: answers.get(path))
        monkeypatch.setattr(
            "cotejo.servers.triton.ask_json",
            lambda endpoint, path, *_, **__: json.loads(answers[path][1]) if path in answers else None,
        )

    return set_up


def test_ready_model_says_what_serves_it(answering):
    answering(ANSWERS)
    said = triton.identify(ENDPOINT)
    assert said is not None and said.version == "2.51.0"
    assert said.facts == {
        "backend_kind": "python",
        "max_batch_size": 8,
        "dynamic_batching": None,
        "instance_group": [{"count": 2, "kind": "KIND_CPU", "gpus": []}],
        "parameters": {"threads": "1"},
        "extensions": ["statistics"],
    }


@pytest.mark.parametrize("changes", [{"/v2/health/ready": None}, {"/v2/health/ready": (503, "")}])
def test_what_is_not_ready_yet_is_nobody(answering, changes):
    answering({path: answer for path, answer in (ANSWERS | changes).items() if answer})
    assert triton.identify(ENDPOINT) is None


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"/v2": (200, '{"name": "other"}')}, "isn.t Triton"),
        (
            {f"/v2/models/{MODEL}/ready": (400, ""), "/v2/repository/index": (200, '[{"name": "resnet"}]')},
            f"serves resnet, not {MODEL}",
        ),
    ],
)
def test_another_server_or_model_is_refused(answering, changes, said):
    answering(ANSWERS | changes)
    with pytest.raises(CotejoError, match=said):
        triton.identify(ENDPOINT)
