"""TensorRT in process: what an engine computes and where, by a fake; and what it is refused on."""

from pathlib import Path
from types import SimpleNamespace

import cuda_fake
import numpy as np
import pytest
import tensorrt_fake as fake
from tensorrt_example import built, install

from cotejo.backends import cudart, stack_of, tensorrt
from cotejo.backends.tensorrt_engine import Engine, ForeignEngine
from cotejo.errors import CotejoError, DeviceMissing, failure_of, is_out_of_memory
from cotejo.files import read_json, write_json

RUN = {"backend": "tensorrt", "architecture": "blip", "device": "cuda", "precision": "fp16", "compute_precision": "f16"}
PIXELS = np.full((1, 3, 8, 8), 0.25, np.float32)
TOKENS = np.full((1, 5), 2, np.int64)


@pytest.fixture(autouse=True)
def gpu(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(cudart, "driver_version", lambda: "580.65.06")
    return install(monkeypatch)


def engine_in(folder: Path) -> tensorrt.Blip:
    return tensorrt.load(RUN, built(folder), folder / "model", threads=2)


def test_captioning_step_goes_through_the_gpus_memory_and_back(tmp_path):
    engine = engine_in(tmp_path)
    logits = engine.infer(PIXELS, TOKENS)
    assert (logits.shape, logits.dtype) == ((1, 5, 50), np.float32)
    assert (logits == 48 + 10 + 5).all()
    # Pixels, ids and mask to the GPU, logits from it: what the run's sizes need, and no more.
    assert cuda_fake.sent == [768, 40, 40, 1000]


def test_answers_stay_as_they_are_when_the_next_come(tmp_path):
    engine = engine_in(tmp_path)
    first = engine.infer(PIXELS, TOKENS)
    second = engine.infer(PIXELS, TOKENS[:, :2])
    assert (second.shape, float(second[0, 0, 0])) == ((1, 2, 50), 54.0)
    assert (first == 63).all()


def test_memory_is_taken_once_and_for_the_largest_sizes(tmp_path, gpu):
    engine = engine_in(tmp_path)
    taken = len(gpu._kept)
    assert taken == 2 * 4  # on the GPU and on the host, for each of three inputs and an output
    engine.infer(np.repeat(PIXELS, 8, axis=0), np.ones((8, 64), np.int64))
    assert len(gpu._kept) == taken


@pytest.mark.parametrize(
    ("tokens", "said"),
    [
        (
            np.ones((1, 65), np.int64),
            r"input_ids: \(1, 65\): not of the engine's profile, up to \(8, 64\): not in the pr",
        ),
        (np.ones((1, 5), np.int32), "input_ids: is of int32, and the engine takes int64"),
    ],
)
def test_inputs_of_other_sizes_or_types_are_refused(tmp_path, tokens, said):
    with pytest.raises(ValueError, match=said):
        engine_in(tmp_path).infer(PIXELS, tokens)


def test_record_says_what_it_is_and_what_it_takes(tmp_path):
    told = engine_in(tmp_path).properties()
    assert (told["gpu"], told["tensorrt"], told["driver"]) == ("NVIDIA A30", fake.__version__, "580.65.06")
    assert (told["layers"], told["activation_memory_mib"], told["precision"]) == (7, 3.0, "fp32")
    assert told["inputs"][0]["profile"][2] == [8, 3, 8, 8]
    assert told["loaded_memory_mib"] > 0


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("gpu", "for gpu Tesla T4; here is gpu NVIDIA A30"),
        ("tensorrt", "for tensorrt Tesla T4; here is tensorrt 10.16.1.11"),
        ("compute_capability", "for compute_capability Tesla T4; here is compute_capability 8.0"),
    ],
)
def test_engine_of_another_machine_is_never_used(tmp_path, key, said):
    folder = built(tmp_path)
    write_json(folder / "engine.json", {**read_json(folder / "engine.json"), key: "Tesla T4"})
    with pytest.raises(ForeignEngine, match=said) as caught:
        Engine(folder)
    assert failure_of(caught.value)[0] == "foreign-engine"


def test_another_driver_is_no_other_machine(tmp_path, monkeypatch):
    folder = built(tmp_path)
    monkeypatch.setattr(cudart, "driver_version", lambda: "590.1")
    assert Engine(folder).properties()["driver"] == "590.1"


def test_damaged_plan_says_what_tensorrt_says(tmp_path):
    folder = built(tmp_path)
    (folder / "model.plan").write_bytes(b"ftrt")
    with pytest.raises(RuntimeError, match=r"model\.plan: TensorRT can't load it: Version tag does not match"):
        Engine(folder)


def test_without_a_gpu_the_device_is_missing(tmp_path, monkeypatch):
    folder = built(tmp_path)
    install(monkeypatch, cuda_fake.Cuda(gpus=0))
    with pytest.raises(DeviceMissing, match="no CUDA device here"):
        Engine(folder)


def test_too_little_memory_is_a_result(tmp_path, monkeypatch):
    folder = built(tmp_path)
    install(monkeypatch, cuda_fake.Cuda(memory_bytes=1000))
    with pytest.raises(RuntimeError, match=r"CUDA out of memory \(cudaErrorMemoryAllocation\)") as caught:
        Engine(folder)
    assert is_out_of_memory(caught.value)


def test_video_engine_gives_predictions_and_prototypes(tmp_path):
    from onnx import TensorProto, helper, save

    from cotejo.exports.tensorrt import export

    kinds = {"images": [1, 3, 32, 32], "output0": [1, 40, 21], "output1": [1, 32, 8, 8]}
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, sizes) for name, sizes in kinds.items()]
    node = helper.make_node("Identity", ["images"], ["unused"])
    save(helper.make_model(helper.make_graph([node], "yolo", values[:1], values[1:])), tmp_path / "model.onnx")
    export(tmp_path, tmp_path, "yolo", "fp32", tmp_path)
    engine = tensorrt.load({**RUN, "architecture": "yolo"}, tmp_path, tmp_path, threads=2)
    assert (engine.image_size, engine.slots, engine.threads) == (32, 2, 2)
    engine.start(0, np.full((1, 3, 32, 32), 1, np.float32))
    assert engine.completed()[0] == 0
    predictions, prototypes = engine.outputs(0)
    assert (predictions.shape, prototypes.shape, float(predictions.max())) == ((1, 40, 21), (1, 32, 8, 8), 3072.0)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"compute_precision": "f32"}, "compute_precision: f32: .* Use f16 or device-default"),
        ({"precision": "int8", "compute_precision": "f16"}, "Use f32 or device-default"),
        ({"caption_tokens": 65}, "caption_tokens: 65: engines are built for 64"),
    ],
)
def test_what_an_engine_does_not_do_is_refused(settings, said):
    tensorrt.check(RUN)
    tensorrt.check({**RUN, "compute_precision": "device-default", "caption_tokens": 64})
    with pytest.raises(CotejoError, match=said):
        tensorrt.check({**RUN, **settings})


def test_it_runs_under_its_own_stack_and_misses_it():
    assert stack_of(RUN) == "tensorrt"
    there = SimpleNamespace(known=True, python=Path("/env/bin/python"), version=lambda name: None)
    assert tensorrt.missing(RUN, there) == (
        "backend: tensorrt: TensorRT is not installed for /env/bin/python. Run `make env-tensorrt`"
    )
    there.version = lambda name: "10.16.1.11" if name == "tensorrt-cu12" else None
    assert tensorrt.missing(RUN, there) == ""


@pytest.mark.parametrize(
    ("told", "version"),
    [
        ("NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.183.01  Sun May 12 19:39:15 UTC 2024\n", "535.183.01"),
        ("NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.65.06  Release Build\n", "580.65.06"),
        ("something else\n", None),
    ],
)
def test_drivers_version_is_the_kernels(tmp_path, monkeypatch, told, version):
    monkeypatch.undo()
    (tmp_path / "version").write_text(told)
    assert cudart.driver_version(tmp_path / "version") == version
    assert cudart.driver_version(tmp_path / "none") is None
