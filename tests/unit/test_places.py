import sys
from pathlib import Path

import pytest

from cotejo import clients, places, servers
from cotejo.places import Stack, client_stack, server_stack


@pytest.fixture(autouse=True)
def stacks(monkeypatch):
    """Servers with and without a stack of their own."""
    for registry, name, stack in ((servers, "own", None), (servers, "stacked", "vllm"), (clients, "tool", "aiperf")):
        kind = "SERVERS" if registry is servers else "CLIENTS"
        monkeypatch.setitem(getattr(registry, kind), name, f"made_up_{name}")
        monkeypatch.setitem(sys.modules, f"made_up_{name}", type("Module", (), {"STACK": stack}))


def test_without_a_word_in_config_a_stack_is_made():
    python = Path("resources/environments/vllm/bin/python")
    assert server_stack({"server": "stacked"}, {}) == Stack(python, made="vllm")
    assert server_stack({"server": "own"}, {}) == Stack(Path(sys.executable))
    assert client_stack({"client": "tool"}, {}).made == "aiperf"


def test_config_puts_an_interpreter_an_image_or_a_program_in_its_place():
    mine = {"vllm": {"python": "/opt/v/bin/python"}, "own": {"program": "/opt/own"}}
    assert server_stack({"server": "stacked"}, mine) == Stack(Path("/opt/v/bin/python"))
    assert server_stack({"server": "own"}, mine) == Stack(Path(sys.executable), program=Path("/opt/own"))
    image = {"vllm": {"image": "vllm.sif"}}
    assert server_stack({"server": "stacked"}, image) == Stack(Path("python3"), image="vllm.sif")


def test_folders():
    run = {"model": "m", "weights": "synthetic", "scale": "small", "format": None, "precision": "fp32", "dataset": "d"}
    assert places.export_folder(run) == places.model_folder(run) == "resources/models/m/synthetic-small"
    assert places.export_folder(run | {"format": "onnx"}) == "resources/exports/m/synthetic-small/onnx-fp32"
    assert places.dataset_folder(run) == "resources/datasets/d"
