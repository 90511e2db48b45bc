"""How engines are built: what TensorRT is told, by a fake that writes it down, and what lies in the folder."""

import json
from pathlib import Path

import cuda_fake
import numpy as np
import pytest
import tensorrt_fake as fake
from tensorrt_example import built, install

from cotejo.artefact import EXPORT, MODEL
from cotejo.errors import CotejoError, DeviceMissing
from cotejo.exports import make, of_machine, onnx, stack, tensorrt
from cotejo.exports.tensorrt_profile import BATCHES, TOKENS, profile
from cotejo.files import read_json, sha256_of, sha256_of_folder, write_json


@pytest.fixture(autouse=True)
def gpu(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("cotejo.backends.cudart.driver_version", lambda: "580.65.06")
    return install(monkeypatch)


def test_network_takes_its_types_from_the_graph_and_computes_in_no_tf32(tmp_path):
    built(tmp_path)
    assert fake.calls == [
        f"network {1 << int(fake.NetworkDefinitionCreationFlag.STRONGLY_TYPED)}", "clear TF32", "verbosity DETAILED",
    ]  # fmt: skip


def test_folder_says_on_what_and_how_it_was_built(tmp_path):
    folder = built(tmp_path, "fp16")
    facts = read_json(folder / "engine.json")
    assert {key: facts[key] for key in ("gpu", "compute_capability", "tensorrt", "driver", "precision")} == {
        "gpu": "NVIDIA A30", "compute_capability": "8.0", "tensorrt": fake.__version__, "driver": "580.65.06",
        "precision": "fp16",
    }  # fmt: skip
    assert facts["flags"] == ["STRONGLY_TYPED"]
    assert facts["build_s"] >= 0
    assert facts["onnx"] == sha256_of(tmp_path / "onnx" / "model.onnx")
    assert facts["inputs"][1] == {
        "name": "input_ids", "type": "INT64", "sizes": [-1, -1], "profile": [[1, 1], [4, 16], [8, 64]],
    }  # fmt: skip
    assert facts["outputs"] == [{"name": "logits", "type": "FLOAT", "sizes": [-1, -1, 50]}]
    assert json.loads((folder / "layers.json").read_text()) == {"Layers": ["JSON"]}


def test_profile_opens_batches_and_tokens_alone():
    assert profile((1, 3, 640, 640)) is None
    assert profile((-1, 3, 384, 384)) == tuple((batch, 3, 384, 384) for batch in BATCHES)
    assert profile((-1, -1)) == tuple(zip(BATCHES, TOKENS, strict=True))


def test_what_was_timed_is_kept_by_gpu_version_and_driver(tmp_path, monkeypatch):
    (tmp_path / "first").mkdir()
    (tmp_path / "second").mkdir()
    assert read_json(built(tmp_path / "first") / "engine.json")["timing_cache_bytes"] == 0
    [file] = (tmp_path / "cache" / "cotejo" / "tensorrt").iterdir()
    assert file.name == f"NVIDIA-A30-{fake.__version__}-580.65.06.timing"
    assert read_json(built(tmp_path / "second") / "engine.json")["timing_cache_bytes"] == len(b"timed;")
    assert file.read_bytes() == b"timed;timed;"
    other = [
        {**read_json(tmp_path / "first/engine/engine.json"), key: "other"} for key in ("gpu", "tensorrt", "driver")
    ]
    assert len({tensorrt.timing_cache(here) for here in other} | {file}) == 4


def test_timing_of_another_gpu_is_refused(tmp_path):
    built(tmp_path)
    [file] = (tmp_path / "cache" / "cotejo" / "tensorrt").iterdir()
    file.write_bytes(b"another GPU's")
    (tmp_path / "again").mkdir()
    with pytest.raises(ValueError, match=r"A30.*\.timing: TensorRT doesn't take it for this GPU\. Delete it"):
        built(tmp_path / "again")


def test_what_tensorrt_can_not_read_or_build_is_named(tmp_path, monkeypatch):
    folder = fake.captioning_model(tmp_path / "odd", operation="Odd")
    with pytest.raises(ValueError, match=r"model\.onnx: TensorRT can't read it: Odd /decoder/Odd: no such operation"):
        tensorrt.export(tmp_path, tmp_path, "blip", "fp32", folder)
    monkeypatch.setattr(tensorrt, "profile", lambda sizes: None)
    with pytest.raises(RuntimeError, match=r"TensorRT built no engine: no profile for \['pixel_values'"):
        built(tmp_path)


def test_without_a_gpu_there_is_none_to_build_for(tmp_path, monkeypatch):
    install(monkeypatch, cuda_fake.Cuda(gpus=0))
    with pytest.raises(DeviceMissing, match=r"no CUDA device here: .* no CUDA-capable device is detected"):
        built(tmp_path)


def test_weights_are_those_of_the_graph(tmp_path):
    weights = [{"type": "f16", "shape": [4, 512], "elements": 2048, "table": False}]
    write_json(tmp_path / "engine.json", {"weights": weights})
    assert [vars(weight) for weight in tensorrt.weights(tmp_path)] == [{**weights[0], "shape": (4, 512)}]


def test_gate_asks_the_engine_as_it_asks_onnx_runtime(tmp_path):
    folder = built(tmp_path)
    given = {
        "pixel_values": np.full((2, 3, 8, 8), 0.5, np.float32),
        "input_ids": np.full((2, 7), 3),
        "attention_mask": np.ones((2, 7), np.int64),
    }
    [answer] = tensorrt.outputs(folder, "blip", [given])
    assert answer["logits"].shape == (2, 7, 50)
    assert (answer["logits"] == 192 + 42 + 14).all()


def test_it_has_a_stack_and_an_export_for_each_machine():
    assert (stack("tensorrt"), of_machine("tensorrt")) == ("tensorrt", True)
    assert (stack("onnx"), of_machine("onnx")) == (None, False)
    assert tensorrt.PRECISIONS == onnx.PRECISIONS


@pytest.fixture
def model(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    write_json(folder / MODEL, {"architecture": "blip", "files": {}})
    return folder


def exported(folder: Path, model: Path, **said) -> Path:
    fake.captioning_model(folder)
    manifest = {"status": "ok", "reason": None, "message": None, "format": "onnx", "precision": "fp16"}
    manifest |= {"model": sha256_of(model / MODEL), "files": sha256_of_folder(folder), **said}
    write_json(folder / EXPORT, manifest)
    return folder


def test_what_onnx_failed_at_is_the_engines_failure_too(tmp_path, model):
    source = exported(tmp_path / "onnx", model, status="failed", reason="out-of-memory", message="bad_alloc")
    made = make.make("tensorrt", model, "fp16", tmp_path / "out", source)
    assert (made["status"], made["reason"], made["message"]) == ("failed", "out-of-memory", "bad_alloc")
    assert made["source"] == sha256_of(source / EXPORT)
    assert [path.name for path in (tmp_path / "out").iterdir()] == [EXPORT]


def test_export_of_another_kind_is_refused(tmp_path, model):
    source = exported(tmp_path / "onnx", model, precision="fp32")
    with pytest.raises(CotejoError, match=r"export.json: precision: fp32: not fp16. Give the model's onnx export"):
        make.make("tensorrt", model, "fp16", tmp_path / "out", source)
