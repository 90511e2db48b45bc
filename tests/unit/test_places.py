import sys
from pathlib import Path

import pytest

from cotejo import backends, clients, places, servers
from cotejo.errors import CotejoError
from cotejo.places import Stack, client_stack, export_stack, server_stack, worker_stack

VLLM = Path("resources/environments/vllm/bin/python")


def stack_of_split(run):
    return "deepspeed" if run.get("split") else None


@pytest.fixture(autouse=True)
def stacks(monkeypatch):
    """Servers, clients and backends with and without a stack of their own."""
    made_up = (
        (servers.SERVERS, "own", {"STACK": None}), (servers.SERVERS, "stacked", {"STACK": "vllm"}),
        (clients.CLIENTS, "tool", {"STACK": "aiperf"}), (clients.CLIENTS, "stacked", {"STACK": "vllm"}),
        (clients.CLIENTS, "engine", {"STACK": "vllm", "ENGINES": ("stacked",)}),
        (backends.BACKENDS, "own", {}), (backends.BACKENDS, "stacked", {"stack": staticmethod(stack_of_split)}),
    )  # fmt: skip
    for registry, name, content in made_up:
        monkeypatch.setitem(registry, name, f"made_up_{name}_{id(registry)}")
        monkeypatch.setitem(sys.modules, f"made_up_{name}_{id(registry)}", type("Module", (), content))


def test_without_a_word_in_config_a_stack_is_made():
    assert server_stack({"server": "stacked"}, {}) == Stack(VLLM, made="vllm")
    assert server_stack({"server": "own"}, {}) == Stack(Path(sys.executable))
    assert client_stack({"client": "tool"}, {}).made == "aiperf"


def test_config_puts_an_interpreter_an_image_or_a_program_in_its_place():
    mine = {"vllm": {"python": "/opt/v/bin/python"}, "own": {"program": "/opt/own"}}
    assert server_stack({"server": "stacked"}, mine) == Stack(Path("/opt/v/bin/python"))
    assert server_stack({"server": "own"}, mine) == Stack(Path(sys.executable), program=Path("/opt/own"))
    image = {"vllm": {"image": "vllm.sif"}}
    assert server_stack({"server": "stacked"}, image) == Stack(Path("python3"), image="vllm.sif")
    inside = {"own": {"image": "own.sif", "program": "/app/own", "python": "/venv/bin/python"}}
    assert server_stack({"server": "own"}, inside) == Stack(Path("/venv/bin/python"), "own.sif", Path("/app/own"))


def test_a_rule_makes_what_tells_that_a_stack_is_there():
    assert Stack(VLLM, made="vllm").stamp == "resources/environments/vllm/made"
    image = f"docker://host/vllm-openai@sha256:{'0123456789abcdef' * 4}"
    assert Stack(Path("python3"), image=image).stamp == "resources/images/vllm-openai-0123456789ab.json"
    assert Stack(Path("/opt/v/bin/python")).stamp is None


def test_clients_run_in_no_image_but_in_an_environment_of_their_own():
    for there in ({"image": "vllm.sif"}, {"image": "vllm.sif", "python": "/opt/in/image"}, {"program": "/opt/vllm"}):
        found = client_stack({"client": "stacked"}, {"vllm": there})
        assert (found.python, found.image, found.made) == (VLLM, None, "vllm")
    assert client_stack({"client": "stacked"}, {"vllm": {"python": "/opt/v"}}).made is None


def test_a_client_that_brings_the_engine_runs_as_its_server_does():
    run = {"client": "engine", "server": "stacked"}
    for there in ({"image": "vllm.sif"}, {"python": "/opt/v/bin/python"}):
        assert client_stack(run, {"vllm": there}) == server_stack(run, {"vllm": there})


def test_a_format_is_exported_by_its_stack_and_in_no_image():
    assert export_stack("onnx", {}) == Stack(Path(sys.executable))
    assert export_stack("tensorrt", {}) == Stack(Path("resources/environments/tensorrt/bin/python"), made="tensorrt")
    assert export_stack("tensorrt", {"tensorrt": {"python": "/opt/trt/bin/python"}}) == Stack(
        Path("/opt/trt/bin/python")
    )
    with pytest.raises(
        CotejoError, match=r"environments: tensorrt: image: trt\.sif: what is exported runs in no image"
    ):
        export_stack("tensorrt", {"tensorrt": {"image": "trt.sif"}})


def test_a_run_in_process_has_the_stack_that_its_backend_needs_for_it():
    here, made = Stack(Path(sys.executable)), Path("resources/environments/deepspeed/bin/python")
    assert worker_stack({"backend": "own"}, {}) == worker_stack({"backend": "stacked"}, {}) == here
    assert worker_stack({"backend": "stacked", "split": "zero1"}, {}) == Stack(made, made="deepspeed")
    assert worker_stack({"backend": "vllm", "server": "vllm", "split": "zero1"}, {}) == here
    mine = {"deepspeed": {"python": "/opt/ds/bin/python"}, "own": {"python": "/opt/own"}}
    assert worker_stack({"backend": "stacked", "split": "zero1"}, mine) == Stack(Path("/opt/ds/bin/python"))
    assert worker_stack({"backend": "own"}, mine) == here


def test_a_run_in_process_runs_in_no_image():
    image = {"deepspeed": {"image": "ds.sif"}}
    assert worker_stack({"backend": "stacked"}, image) == Stack(Path(sys.executable))
    with pytest.raises(CotejoError, match=r"environments: deepspeed: image: ds.sif: .* runs in no image. Name an"):
        worker_stack({"backend": "stacked", "split": "zero1"}, image)


def test_folders():
    run = {"model": "m", "weights": "synthetic", "scale": "small", "format": None, "precision": "fp32", "dataset": "d"}
    assert places.export_folder(run) == places.model_folder(run) == "resources/models/m/synthetic-small"
    assert places.export_folder(run | {"format": "onnx"}) == "resources/exports/m/synthetic-small/onnx-fp32"
    engine = {"format": "tensorrt", "precision": "fp16", "system": "a30-node"}
    assert places.export_folder(run | engine) == "resources/exports/m/synthetic-small/tensorrt-fp16-on-a30-node"
    assert places.dataset_folder(run) == "resources/datasets/d"
