"""Real exports at small scale: each is what it claims, and what is not is found out."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from exporting import CATALOGUE, inline, make, no_llama_server

from cotejo import parity
from cotejo.command import ROOT
from cotejo.exports import EXPORTERS, exporter, of_machine
from cotejo.exports.weights import STORED_AS
from cotejo.files import read_json, sha256_of, write_json
from cotejo.models.synthetic import write_model

pytestmark = pytest.mark.beside

MODELS = {
    "llama": "tinyllama-1.1b-chat",
    "whisper": "whisper-base",
    "yolo": "yolov8n-seg",
    "blip": "blip-image-captioning-base",
    "llava": "llava-1.5-7b",
}
NEEDS_LLAMA_SERVER = pytest.mark.skipif(no_llama_server() is not None, reason=str(no_llama_server()))
EVERY_EXPORT = [
    pytest.param(
        MODELS[architecture],
        form,
        precision,
        id=f"{architecture}-{form}-{precision}",
        marks=[NEEDS_LLAMA_SERVER] * (form == "gguf"),
    )
    for form in EXPORTERS
    if not of_machine(form)  # which are built on a GPU alone
    for architecture, precisions in exporter(form).PRECISIONS.items()
    for precision in precisions
]
BOUNDS = yaml.safe_load((ROOT / "config" / "config.yaml").read_text(encoding="utf-8"))["parity"]

Folders = Callable[..., Path]


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[Path, Path, float], dict[str, Any]]:
    """gate(model_folder, export_folder, bound): what parity.json would hold."""
    monkeypatch.setattr(parity, "isolated", inline)
    return lambda model, export, bound: parity.check(model, export, bound, tmp_path / "scratch")


@pytest.mark.parametrize(("model", "form", "precision"), EVERY_EXPORT)
def test_every_export_agrees_with_pytorch(
    model: str, form: str, precision: str, model_folder: Folders, export_folder: Folders, gate: Callable[..., Any]
) -> None:
    found = gate(model_folder(model), export_folder(model, form, precision), BOUNDS[precision])
    assert (found["status"], found["message"]) == ("ok", None)
    assert found["error"] == max(found["errors"].values())
    stored = set(found["constants"])
    assert stored & set(STORED_AS[precision])
    if precision in ("fp32", "fp16"):
        assert stored == set(STORED_AS[precision])
    else:
        assert found["error"] > BOUNDS["fp32"], "weights of so few bits can't be this exact"
    if "logits" in found["errors"]:
        assert found["top1_agreement"] > (0.3 if precision == "int4" else 0.8)


def test_half_precision_weights_are_exported_exactly(gate: Callable[..., Any], tmp_path: Path) -> None:
    """What is stored in 16 bits and exported to fp16 loses nothing: not a weight, and not the rotary angles either,
    which would show the more, the longer the prompt."""
    entry = CATALOGUE["tinyllama-1.1b-chat"]
    half = entry["small"] | {"torch_dtype": "float16", "num_hidden_layers": 2}
    write_model(tmp_path / "model", "half", entry | {"small": half}, "small", seed=0, headers_only=False)
    make("openvino", tmp_path / "model", "fp16", tmp_path / "export")
    found = gate(tmp_path / "model", tmp_path / "export", 1e-5)
    assert (found["status"], found["message"]) == ("ok", None)


def test_reference_of_half_precision_weights_computes_in_float32(tmp_path: Path) -> None:
    import torch

    from cotejo.models import llama

    entry = CATALOGUE["tinyllama-1.1b-chat"]
    half = entry["small"] | {"torch_dtype": "bfloat16", "num_hidden_layers": 2}
    write_model(tmp_path / "model", "half", entry | {"small": half}, "small", seed=0, headers_only=False)
    assert parity.stored_type(tmp_path / "model") == "bfloat16"
    given = llama.parity_inputs(tmp_path / "model", seed=0)[-1]
    wide = llama.reference_outputs(llama.load(tmp_path / "model", "float32"), given)["logits"]
    model = parity.computing_in_float32(llama.load(tmp_path / "model", "bfloat16"))
    np.testing.assert_array_equal(llama.reference_outputs(model, given)["logits"], wide)
    assert {parameter.dtype for parameter in model.parameters()} == {torch.bfloat16}


def test_8_bits_are_as_tensorrt_takes_them(export_folder: Folders) -> None:
    """Ranges symmetric about 0, a pair of nodes for each input of its own, a scale for each column of weights; biases,
    and products of activations with each other, in single precision; and the model says so."""
    import onnx

    model = onnx.load(export_folder(MODELS["blip"], "onnx", "int8") / "model.onnx")
    stored = {tensor.name: tensor for tensor in model.graph.initializer}
    made_by = {name: node for node in model.graph.node for name in node.output}
    readers = [name for node in model.graph.node for name in node.input]
    scales = [node for node in model.graph.node if node.op_type in ("QuantizeLinear", "DequantizeLinear")]
    assert scales and not any(onnx.numpy_helper.to_array(stored[node.input[2]]).any() for node in scales)
    assert {stored[node.input[2]].data_type for node in scales} == {onnx.TensorProto.INT8}
    assert {readers.count(node.output[0]) for node in scales if node.op_type == "DequantizeLinear"} == {1}
    products = [node for node in model.graph.node if node.op_type in ("MatMul", "Gemm", "Conv")]
    sides = [[made_by[name].op_type if name in made_by else "stored" for name in node.input[:2]] for node in products]
    in_8_bits = [node for node, kinds in zip(products, sides, strict=True) if kinds == ["DequantizeLinear"] * 2]
    assert not any("DequantizeLinear" in kinds for kinds in sides if kinds != ["DequantizeLinear"] * 2)
    assert len(in_8_bits) > len(products) / 2 > len(products) - len(in_8_bits) > 0
    for node in in_8_bits:
        weight = stored[made_by[node.input[1]].input[0]]
        columns = weight.dims[0 if node.op_type == "Conv" else -1]
        assert [*stored[made_by[node.input[1]].input[1]].dims] == [columns]
    assert onnx.TensorProto.INT32 not in {stored[node.input[0]].data_type for node in scales if node.input[0] in stored}
    assert "cotejo.quantisation" in {entry.key for entry in model.metadata_props}


def posing(export: Path, folder: Path, **claims: str) -> Path:
    """A copy of an export whose manifest fits its files, but claims something else."""
    shutil.copytree(export, folder)
    manifest = read_json(folder / "export.json") | claims
    manifest["files"] = {name: sha256_of(folder / name) for name in manifest["files"]}
    write_json(folder / "export.json", manifest)
    return folder


@pytest.mark.parametrize(
    ("model", "stored", "claimed"),
    [
        ("whisper-base", "fp16", "int8"),
        ("whisper-base", "fp16", "fp32"),
        ("whisper-base", "fp32", "fp16"),
        ("tinyllama-1.1b-chat", "int8", "int4"),
        ("tinyllama-1.1b-chat", "int4", "int8"),
    ],
)
def test_export_posing_as_another_precision_is_found_out(
    model: str,
    stored: str,
    claimed: str,
    model_folder: Folders,
    export_folder: Folders,
    gate: Callable[..., Any],
    tmp_path: Path,
) -> None:
    liar = posing(export_folder(model, "openvino", stored), tmp_path / "export", precision=claimed)
    found = gate(model_folder(model), liar, 1.0)
    assert (found["status"], found["reason"]) == ("failed", "constants")
    assert f"weights are stored as {claimed}" in found["message"]


def test_perturbed_weights_fail_parity(model_folder: Folders, export_folder: Folders, tmp_path: Path) -> None:
    """Were an exporter wrong in a tenth of the weights, its export would be whole, and its parity would fail."""
    broken = tmp_path / "export"
    shutil.copytree(export_folder("yolov8n-seg", "openvino", "fp32"), broken)
    weights = np.fromfile(broken / "model.bin", dtype=np.float32)
    weights[len(weights) // 2 : len(weights) * 6 // 10] *= 1.5
    weights.tofile(broken / "model.bin")
    broken = posing(broken, tmp_path / "posing")
    done = check(model_folder("yolov8n-seg"), broken, BOUNDS["fp32"], tmp_path / "parity.json")
    assert done.returncode == 0, done.stderr
    found = read_json(tmp_path / "parity.json")
    assert (found["status"], found["reason"]) == ("failed", "parity")
    assert found["error"] > BOUNDS["fp32"]
    assert found["export"] == sha256_of(broken / "export.json")


def test_export_that_the_runtime_cannot_load_fails(
    model_folder: Folders, export_folder: Folders, tmp_path: Path
) -> None:
    broken = tmp_path / "export"
    shutil.copytree(export_folder("yolov8n-seg", "openvino", "fp32"), broken)
    text = (broken / "model.xml").read_text(encoding="utf-8")
    (broken / "model.xml").write_text(text.replace('type="Convolution"', 'type="Unheard"'), encoding="utf-8")
    broken = posing(broken, tmp_path / "posing")
    done = check(model_folder("yolov8n-seg"), broken, BOUNDS["fp32"], tmp_path / "parity.json")
    assert done.returncode == 0, done.stderr
    found = read_json(tmp_path / "parity.json")
    assert (found["status"], found["reason"], found["error"]) == ("failed", "export", None)
    assert "Unheard" in done.stderr


def check(model: Path, export: Path, bound: float, output: Path) -> subprocess.CompletedProcess[str]:
    """Run check_export.py as a rule does."""
    flags = {"--model-folder": model, "--export-folder": export, "--bound": bound, "--output": output}
    command = [sys.executable, "scripts/check_export.py", *(str(part) for pair in flags.items() for part in pair)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)


def export_command(form: str, model: Path, precision: str, output: Path) -> list[str]:
    flags = {"--model-folder": model, "--precision": precision, "--output": output}
    script = f"scripts/export_{form.replace('-', '_')}.py"
    return [sys.executable, script, *(str(part) for pair in flags.items() for part in pair)]


def test_commands_make_an_export_and_its_gate(model_folder: Folders, tmp_path: Path) -> None:
    """The two commands as a rule runs them; the export is the same, byte for byte, wherever and whenever it is made."""
    model = model_folder("yolov8n-seg")
    manifests = []
    for name in ("first", "second"):
        output = tmp_path / name / "openvino-fp16"
        subprocess.run(export_command("openvino", model, "fp16", output), cwd=ROOT, check=True, timeout=300)
        assert sorted(path.name for path in output.parent.iterdir()) == ["openvino-fp16"]
        manifests.append(read_json(output / "export.json"))
    assert manifests[0] == manifests[1]
    assert manifests[0]["status"] == "ok"
    assert manifests[0]["model"] == sha256_of(model / "model.json")
    assert manifests[0]["packages"]["openvino"].startswith("20")
    done = check(model, tmp_path / "first" / "openvino-fp16", BOUNDS["fp16"], tmp_path / "first" / "parity.json")
    assert done.returncode == 0, done.stderr
    assert read_json(tmp_path / "first" / "parity.json")["status"] == "ok"
    assert sorted(path.name for path in (tmp_path / "first").iterdir()) == ["openvino-fp16", "parity.json"]


@pytest.mark.parametrize(("number", "begun"), [(signal.SIGTERM, ".scratch/*"), (signal.SIGINT, ".scratch")])
def test_interrupted_export_leaves_nothing(number: int, begun: str, model_folder: Folders, tmp_path: Path) -> None:
    output = tmp_path / "exports" / "openvino-fp32"
    command = export_command("openvino", model_folder("yolov8n-seg"), "fp32", output)
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL) as process:
        wait_until(lambda: any(output.parent.glob(f".openvino-fp32.*.tmp/{begun}")) and descendants(process.pid))
        children = descendants(process.pid)
        process.send_signal(number)
        assert process.wait(timeout=30) == 128 + number
    assert list(output.parent.iterdir()) == []
    wait_until(lambda: not any(Path(f"/proc/{child}").exists() for child in children))


def wait_until(happened: Callable[[], object], timeout_s: float = 60) -> None:
    deadline = time.monotonic() + timeout_s
    while not happened():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def descendants(pid: int) -> list[int]:
    """The processes that a process has started."""
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in found]


def test_export_that_cannot_be_made_is_a_result(tmp_path: Path) -> None:
    """No group of int4 divides rows of 240: the exporter says so, the folder holds its words, the gate passes it on."""
    entry = CATALOGUE["tinyllama-1.1b-chat"]
    narrow = entry["small"] | {"hidden_size": 240, "num_hidden_layers": 1, "vocab_size": 1000}
    model, output = tmp_path / "model", tmp_path / "openvino-int4"
    write_model(model, "narrow", entry | {"small": narrow}, "small", seed=0, headers_only=False)
    done = subprocess.run(
        export_command("openvino", model, "int4", output), cwd=ROOT, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert [path.name for path in output.iterdir()] == ["export.json"]
    manifest = read_json(output / "export.json")
    assert (manifest["status"], manifest["reason"], manifest["files"]) == ("failed", "export", {})
    assert "no group" in manifest["message"]
    done = check(model, output, BOUNDS["int4"], tmp_path / "parity.json")
    assert done.returncode == 0, done.stderr
    found = read_json(tmp_path / "parity.json")
    assert (found["status"], found["reason"], found["message"]) == ("failed", "export", manifest["message"])


def test_model_changed_since_it_was_made_is_not_exported(model_folder: Folders, tmp_path: Path) -> None:
    model = tmp_path / "model"
    shutil.copytree(model_folder("yolov8n-seg"), model)
    with (model / "model.safetensors").open("r+b") as stream:
        stream.seek(-1, os.SEEK_END)
        last = stream.read(1)[0]
        stream.seek(-1, os.SEEK_END)
        stream.write(bytes([last ^ 1]))
    done = subprocess.run(
        export_command("onnx", model, "fp32", tmp_path / "onnx-fp32"), cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "model.safetensors: differs from what model.json lists" in done.stderr
    assert not (tmp_path / "onnx-fp32").exists()


def test_large_llama_is_not_silently_compressed(
    model_folder: Folders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """optimum-intel stores models of 1e9 parameters and more in int8 unless told not to. Its limit is lowered here, and
    that it then takes hold of a small model shows that the test would notice."""
    import importlib

    from optimum.intel import OVModelForCausalLM

    main = importlib.import_module("optimum.exporters.openvino.__main__")
    monkeypatch.setattr(main, "_MAX_UNCOMPRESSED_SIZE", 1_000_000)
    model = model_folder("tinyllama-1.1b-chat")
    form = exporter("openvino")

    OVModelForCausalLM.from_pretrained(model, export=True, compile=False).save_pretrained(tmp_path / "default")
    assert {weight.type for weight in form.weights(tmp_path / "default")} == {"u8"}
    form.export(model, tmp_path / "fp16", "llama", "fp16")
    assert {weight.type for weight in form.weights(tmp_path / "fp16")} == {"f16"}
