import sys
from pathlib import Path

import pytest

from cotejo import clients, places, servers
from cotejo.places import Stack, client_stack, server_stack

VLLM = Path("resources/environments/vllm/bin/python")


@pytest.fixture(autouse=True)
def stacks(monkeypatch):
    """Servers with and without a stack of their own."""
    made_up = (
        (servers.SERVERS, "own", {"STACK": None}), (servers.SERVERS, "stacked", {"STACK": "vllm"}),
        (clients.CLIENTS, "tool", {"STACK": "aiperf"}), (clients.CLIENTS, "stacked", {"STACK": "vllm"}),
        (clients.CLIENTS, "engine", {"STACK": "vllm", "ENGINES": ("stacked",)}),
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


def test_folders():
    run = {"model": "m", "weights": "synthetic", "scale": "small", "format": None, "precision": "fp32", "dataset": "d"}
    assert places.export_folder(run) == places.model_folder(run) == "resources/models/m/synthetic-small"
    assert places.export_folder(run | {"format": "onnx"}) == "resources/exports/m/synthetic-small/onnx-fp32"
    assert places.dataset_folder(run) == "resources/datasets/d"
