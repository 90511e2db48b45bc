"""scripts/fetch_model.py with the real huggingface_hub client against a local hub."""

import json
import os
import pickle
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hub_server import Hub, Repository, serving, sha256
from safetensors.numpy import load_file, save

from cotejo.command import ROOT
from cotejo.files import read_json, sha256_of_folder
from cotejo.models import whisper, yolo
from cotejo.models.synthetic import write_model

pytestmark = pytest.mark.beside

COMMIT = "0123456789abcdef0123456789abcdef01234567"
REPOSITORY = "someone/tiny-model"
SECRET = "hf_never_to_be_seen"
ENTRY: dict[str, Any] = {
    "architecture": "llama",
    "task": "text-generation",
    "repository": REPOSITORY,
    "revision": COMMIT,
    "licence": "Apache-2.0",
    "gated": False,
    "parameters": 8,
    "full": {"torch_dtype": "float32"},
    "small": {"hidden_size": 1},
}
WEIGHTS = save({"weight": np.arange(8, dtype=np.float32)})


@pytest.fixture
def hub() -> Iterator[Hub]:
    files = {
        "config.json": b'{"model_type": "llama"}',
        "tokenizer.json": b"{}",
        "model.safetensors": WEIGHTS,
        "pytorch_model.bin": b"a pickle that must not be fetched",
        "README.md": b"not wanted",
        "onnx/model.safetensors": b"nor this",
    }
    with serving(Hub({REPOSITORY: Repository(COMMIT, files)})) as hub:
        yield hub


def fetch(
    hub: Hub, folder: Path, entry: dict[str, Any] = ENTRY, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run the command as a user does, with nothing of this machine's Hugging Face settings."""
    catalogue = folder / "models.yaml"
    catalogue.write_text(yaml.safe_dump({"tiny": entry}), encoding="utf-8")
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("HF_", "TRANSFORMERS_", "HUGGING"))}
    command = [sys.executable, "scripts/fetch_model.py", "--models", str(catalogue), "--model", "tiny"]
    return subprocess.run(
        [*command, "--output", str(folder / "model")],
        cwd=ROOT,
        env=kept | {"HF_ENDPOINT": hub.endpoint, "HF_HOME": str(folder / "home")} | environment,
        capture_output=True,
        text=True,
        timeout=120,
    )


def refusal(result: subprocess.CompletedProcess[str], folder: Path) -> str:
    """The one line of a refused fetch, which leaves no model folder."""
    assert result.returncode == 1, result.stderr
    assert "Traceback" not in result.stderr
    assert not (folder / "model").exists()
    lines = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1
    return lines[0]


def test_good_fetch(hub: Hub, tmp_path: Path) -> None:
    result = fetch(hub, tmp_path, HF_TOKEN=SECRET)
    assert result.returncode == 0, result.stderr
    folder = tmp_path / "model"
    assert sorted(path.name for path in folder.iterdir()) == [
        "config.json",
        "model.json",
        "model.safetensors",
        "tokenizer.json",
    ]
    assert (folder / "model.safetensors").read_bytes() == WEIGHTS
    manifest = read_json(folder / "model.json")
    assert manifest["source"] == {"repository": REPOSITORY, "revision": COMMIT}
    assert (manifest["weights"], manifest["scale"], manifest["parameters"]) == ("hub", "full", 8)
    assert manifest["files"] == sha256_of_folder(folder, without=("model.json",))
    assert not list(tmp_path.glob(".model*"))  # what was kept for another try is gone
    assert any(headers.get("authorization") == f"Bearer {SECRET}" for _, path, headers in hub.requests if "api" in path)


def test_the_token_goes_nowhere_else(hub: Hub, tmp_path: Path) -> None:
    result = fetch(hub, tmp_path, HF_TOKEN=SECRET)
    storage = [headers for _, path, headers in hub.requests if path.startswith("/storage/")]
    assert storage and not any("authorization" in headers for headers in storage)
    assert SECRET not in result.stdout + result.stderr
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert written and not any(SECRET.encode() in path.read_bytes() for path in written)


def test_gated_without_and_with_a_token(hub: Hub, tmp_path: Path) -> None:
    hub.repositories[REPOSITORY].gated = True
    line = refusal(fetch(hub, tmp_path), tmp_path)
    assert "gated" in line and f"{hub.endpoint}/{REPOSITORY}" in line and "export HF_TOKEN" in line
    line = refusal(fetch(hub, tmp_path, HF_TOKEN=SECRET), tmp_path)
    assert "granted to the account" in line and SECRET not in line
    assert fetch(hub, tmp_path, HF_TOKEN=hub.granted_token).returncode == 0


def test_no_such_repository(hub: Hub, tmp_path: Path) -> None:
    line = refusal(fetch(hub, tmp_path, ENTRY | {"repository": "someone/else"}), tmp_path)
    assert "someone/else: no such repository" in line and "`repository` in config/models.yaml" in line


def test_no_such_revision(hub: Hub, tmp_path: Path) -> None:
    line = refusal(fetch(hub, tmp_path, ENTRY | {"revision": "f" * 40}), tmp_path)
    assert "no such commit" in line and "`revision`" in line


def test_no_revision_pinned(hub: Hub, tmp_path: Path) -> None:
    line = refusal(fetch(hub, tmp_path, ENTRY | {"revision": None}), tmp_path)
    assert "no commit is pinned" in line and "commits/main" in line and not hub.requests


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json"])
def test_a_wrong_checksum_names_the_file_and_the_next_try_mends_it(hub: Hub, tmp_path: Path, name: str) -> None:
    hub.corrupt = {name}
    line = refusal(fetch(hub, tmp_path), tmp_path)
    assert f"{name}: the checksum" in line
    assert not list(tmp_path.rglob(f"*{name}*"))
    hub.corrupt = set()
    assert fetch(hub, tmp_path).returncode == 0


def test_an_interrupted_fetch_goes_on_where_it_stopped(hub: Hub, tmp_path: Path) -> None:
    weights = save({"weight": np.arange(8_000_000, dtype=np.float32)})
    hub.repositories[REPOSITORY].files["model.safetensors"] = weights
    hub.cut_after = 25_000_000
    refusal(fetch(hub, tmp_path), tmp_path)
    begun = next(tmp_path.rglob("*.part")).stat().st_size
    assert 0 < begun < len(weights)
    hub.cut_after, hub.requests = None, []
    result = fetch(hub, tmp_path)
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "model" / "model.safetensors").read_bytes() == weights
    ranges = [headers.get("range") for method, path, headers in hub.requests if path.startswith("/storage/")]
    assert ranges == [f"bytes={begun}-"]
    assert not any("tokenizer.json" in path for _, path, _ in hub.requests)  # a whole file is not asked for again


def test_offline_by_the_users_own_setting(hub: Hub, tmp_path: Path) -> None:
    line = refusal(fetch(hub, tmp_path, HF_HUB_OFFLINE="1"), tmp_path)
    assert "unset HF_HUB_OFFLINE" in line and not hub.requests


def test_no_network(hub: Hub, tmp_path: Path) -> None:
    line = refusal(fetch(hub, tmp_path, HF_ENDPOINT="http://127.0.0.1:9"), tmp_path)
    assert "out of reach" in line and "weights: synthetic" in line


@pytest.mark.parametrize(("status", "advice"), [(429, "limits your rate"), (503, "in trouble (HTTP 503)")])
def test_a_hub_that_is_busy_or_broken(hub: Hub, tmp_path: Path, status: int, advice: str) -> None:
    hub.status = status
    assert advice in refusal(fetch(hub, tmp_path), tmp_path)


def test_pickled_transformers_weights_become_safetensors(hub: Hub, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    shared = torch.arange(4.0)
    for place, tensors in enumerate(({"a": shared, "tied": shared}, {"b": torch.ones(2, 2, dtype=torch.float16)}), 1):
        torch.save(tensors, tmp_path / f"pytorch_model-{place:05d}-of-00002.bin")
    index = {"metadata": {"total_size": 24}, "weight_map": {"a": "pytorch_model-00001-of-00002.bin"}}
    hub.repositories[REPOSITORY].files = {
        "config.json": b"{}",
        "pytorch_model.bin.index.json": json.dumps(index).encode(),
    } | {path.name: path.read_bytes() for path in tmp_path.glob("*.bin")}
    result = fetch(hub, tmp_path)
    assert result.returncode == 0, result.stderr
    folder = tmp_path / "model"
    assert not list(folder.glob("*.bin*"))
    assert read_json(folder / "model.safetensors.index.json")["weight_map"] == {"a": "model-00001-of-00002.safetensors"}
    first = load_file(folder / "model-00001-of-00002.safetensors")
    assert first["a"].tolist() == first["tied"].tolist() == [0, 1, 2, 3]
    assert load_file(folder / "model-00002-of-00002.safetensors")["b"].dtype == np.float16


def test_a_pickle_that_would_run_something_is_not_opened(hub: Hub, tmp_path: Path) -> None:
    class Harmful:
        def __reduce__(self) -> tuple[Any, tuple[str]]:
            return os.mkdir, (str(tmp_path / "harm"),)

    hub.repositories[REPOSITORY].files = {"pytorch_model.bin": pickle.dumps(Harmful(), protocol=2)}
    line = refusal(fetch(hub, tmp_path), tmp_path)
    assert "pytorch_model.bin: holds more than weights" in line and not (tmp_path / "harm").exists()


def test_ultralytics_checkpoint_of_a_web_address_becomes_safetensors(hub: Hub, tmp_path: Path) -> None:
    import torch
    from ultralytics import YOLO

    made = YOLO("yolov8n-seg.yaml", verbose=False)
    made.save(tmp_path / "yolov8n-seg.pt")
    data = (tmp_path / "yolov8n-seg.pt").read_bytes()
    hub.releases = {"yolov8n-seg.pt": data}
    full = {"yaml": "yolov8n-seg.yaml", "classes": 80, "image_size": 640, "torch_dtype": "float32"}
    source = {"repository": f"{hub.endpoint}/releases/v1", "revision": sha256(data)}
    entry = ENTRY | {"architecture": "yolo", "files": ["yolov8n-seg.pt"], "full": full} | source
    line = refusal(fetch(hub, tmp_path, entry | {"files": ["yolov9.pt"]}), tmp_path)
    assert "no such file (HTTP 404)" in line
    line = refusal(fetch(hub, tmp_path, entry | {"revision": "0" * 64}), tmp_path)
    assert "yolov8n-seg.pt: the checksum" in line
    result = fetch(hub, tmp_path, entry, HF_TOKEN=SECRET)
    assert result.returncode == 0, result.stderr
    assert not any("authorization" in headers for _, _, headers in hub.requests)
    assert read_json(tmp_path / "model" / "model.json")["source"] == source
    folder = tmp_path / "model"
    assert sorted(path.name for path in folder.iterdir()) == ["config.json", "model.json", "model.safetensors"]
    expected = made.model.state_dict()
    loaded = yolo.load(folder)
    for name, tensor in loaded.state_dict().items():  # ultralytics saves checkpoints in half precision
        torch.testing.assert_close(tensor, expected[name].half().to(tensor.dtype), msg=name)
    assert loaded.names == made.names
    for values in yolo.reference_outputs(loaded, yolo.parity_inputs(folder, seed=0)[0]).values():
        assert np.isfinite(values).all()


def test_whisper_of_the_hub_answers_as_transformers_does(hub: Hub, tmp_path: Path) -> None:
    """The hub's names are mapped onto openai-whisper's model: the same logits show that none went to a wrong place."""
    import torch
    from transformers import WhisperForConditionalGeneration

    entry = yaml.safe_load((ROOT / "config" / "models.yaml").read_text(encoding="utf-8"))["whisper-base"]
    write_model(tmp_path / "made", "whisper-base", entry, "small", seed=0, headers_only=False)
    hub.repositories[REPOSITORY].files = {path.name: path.read_bytes() for path in (tmp_path / "made").iterdir()}
    result = fetch(hub, tmp_path, entry | {"repository": REPOSITORY, "revision": COMMIT})
    assert result.returncode == 0, result.stderr
    folder = tmp_path / "model"
    theirs = WhisperForConditionalGeneration.from_pretrained(folder).eval()
    ours = whisper.load(folder)
    for inputs in whisper.parity_inputs(folder, seed=0):
        with torch.inference_mode():
            output = theirs(
                input_features=torch.from_numpy(inputs["mel"]), decoder_input_ids=torch.from_numpy(inputs["tokens"])
            )
        np.testing.assert_allclose(whisper.reference_outputs(ours, inputs)["logits"], output.logits.numpy(), atol=1e-4)
