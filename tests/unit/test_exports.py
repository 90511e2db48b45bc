"""The exports' plain parts; tests/integration/test_exports.py makes real ones."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cotejo.artefact import Failure
from cotejo.code import SCRIPTS
from cotejo.errors import CotejoError
from cotejo.exports import EXPORTERS, code_digest, exporter, make
from cotejo.exports.ir import steps
from cotejo.exports.openvino_llama import group_size
from cotejo.exports.weights import STORED_AS, Weight, elements_by_type, wrongly_stored
from cotejo.files import read_json, sha256_of_folder, write_json
from cotejo.models import ARCHITECTURES


@pytest.mark.parametrize("name", EXPORTERS)
def test_format_is_whole(name: str) -> None:
    form = exporter(name)
    assert set(form.PRECISIONS) == set(form.ARCHITECTURES) <= set(ARCHITECTURES)
    assert all(set(precisions) <= set(STORED_AS) for precisions in form.PRECISIONS.values())
    assert all(callable(getattr(form, part)) for part in ("export", "outputs", "weights"))


def test_unknown_format() -> None:
    with pytest.raises(CotejoError, match=r"format: coreml: unknown\. One of openvino, .*, gguf, tensorrt"):
        exporter("coreml")


def matrix(kind: str, rows: int = 100, columns: int = 100, table: bool = False) -> Weight:
    return Weight(kind, (rows, columns), rows * columns, table)


@pytest.mark.parametrize(
    ("precision", "right", "wrong"),
    [
        ("fp32", "f32", "f16"),
        ("fp16", "f16", "f32"),
        ("int8", "u8", "f16"),
        ("int8", "i8", "u4"),
        ("int4", "i4", "f32"),
    ],
)
def test_one_weight_in_a_hundred_may_be_of_another_type(precision: str, right: str, wrong: str) -> None:
    assert wrongly_stored([matrix(right) for _ in range(99)] + [matrix(wrong)], precision) is None
    found = wrongly_stored([matrix(right) for _ in range(98)] + [matrix(wrong) for _ in range(2)], precision)
    assert found == (f"980,000 of 1,000,000 weights are stored as {precision} (980,000 in {right}, 20,000 in {wrong})")


def test_int4_leaves_the_vocabularys_matrices_at_8_bits() -> None:
    table, projection = matrix("u8", rows=32000, table=True), matrix("u8", rows=32000)
    layers = [matrix("u4") for _ in range(8)]
    assert wrongly_stored([table, projection, *layers], "int4") is None
    assert wrongly_stored([table, projection, *layers, matrix("u8")], "int4") is not None
    assert wrongly_stored([matrix("f16", rows=32000, table=True), *layers], "int4") is not None
    assert wrongly_stored([table, projection], "int4") is not None, "int8 through and through"


def test_export_without_weights_is_of_no_precision() -> None:
    assert wrongly_stored([], "fp32") == "0 of 0 weights are stored as fp32 (no weights found)"


def test_elements_are_counted_by_type() -> None:
    assert elements_by_type([matrix("f32"), matrix("u8", 200), matrix("u8")]) == {"u8": 30000, "f32": 10000}


@pytest.mark.parametrize(
    ("hidden", "intermediate", "expected"), [(4096, 11008, 128), (2048, 5632, 128), (256, 768, 128), (320, 960, 64)]
)
def test_int4_groups_divide_every_matrix(hidden: int, intermediate: int, expected: int) -> None:
    assert group_size({"hidden_size": hidden, "intermediate_size": intermediate}) == expected


def test_int4_without_a_group() -> None:
    with pytest.raises(ValueError, match=r"\(256, 690\): no group of"):
        group_size({"hidden_size": 256, "intermediate_size": 690})


def test_steps_cover_every_token_once() -> None:
    assert steps(7, at_once=4) == [(0, 4), (4, 5), (5, 6), (6, 7)]
    assert steps(3, at_once=4) == [(0, 3)]


@pytest.fixture
def scripts(tmp_path: Path) -> Path:
    """A copy of the scripts to change."""
    folder = tmp_path / "scripts"
    shutil.copytree(SCRIPTS, folder, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


KINDS = [(name, architecture) for name in EXPORTERS for architecture in exporter(name).ARCHITECTURES]


@pytest.mark.parametrize(
    ("path", "changed"),
    [
        ("export_openvino.py", {("openvino", "llama"), ("openvino", "whisper"), ("openvino", "yolo")}),
        ("cotejo/exports/openvino_llama.py", {("openvino", "llama")}),
        ("cotejo/exports/optimum.py", {("openvino", "llama"), ("openvino-genai", "whisper")}),
        ("cotejo/exports/onnx_blip.py", {("onnx", "blip")}),
        ("cotejo/exports/yolo.py", {("openvino", "yolo"), ("onnx", "yolo")}),
        ("cotejo/models/yolo.py", {("openvino", "yolo"), ("onnx", "yolo")}),
        ("cotejo/exports/make.py", set(KINDS)),
        ("cotejo/exports/__init__.py", set()),
        ("cotejo/backends/openvino.py", set()),
        ("check_export.py", set()),
    ],
)
def test_changed_code_changes_the_digest_of_the_exports_it_makes(
    scripts: Path, path: str, changed: set[tuple[str, str]]
) -> None:
    before = {kind: code_digest(*kind, scripts) for kind in KINDS}
    text = (scripts / path).read_text(encoding="utf-8")
    (scripts / path).write_text(text + "\n# a comment\n", encoding="utf-8")
    assert {kind: code_digest(*kind, scripts) for kind in KINDS} == before
    (scripts / path).write_text(text + "\nCHANGED = True\n", encoding="utf-8")
    assert {kind for kind in KINDS if code_digest(*kind, scripts) != before[kind]} == changed


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(b"weights")
    write_json(folder / "model.json", {"architecture": "yolo", "files": sha256_of_folder(folder)})
    return folder


def stand_in(outcome: Any) -> Callable[..., Any]:
    """For cotejo.isolated.isolated: leaves a file behind, then returns or raises the outcome."""

    def isolated(*arguments: Any, **settings: Any) -> Any:
        (arguments[3] / "model.xml").write_text("whole or not")
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    return isolated


def test_export_is_written_down(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(make, "isolated", stand_in(None))
    made = make.make("openvino", model, "fp16", tmp_path / "export")
    assert made == read_json(tmp_path / "export" / "export.json")
    assert made | {"packages": None, "model": None, "files": sorted(made["files"])} == {
        "status": "ok",
        "reason": None,
        "message": None,
        "format": "openvino",
        "precision": "fp16",
        "architecture": "yolo",
        "model": None,
        "packages": None,
        "files": ["model.xml"],
    }


def test_failed_export_keeps_nothing_but_its_reason(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(make, "isolated", stand_in(Failure("out-of-memory", "std::bad_alloc")))
    made = make.make("openvino", model, "fp16", tmp_path / "export")
    assert (made["status"], made["reason"], made["message"]) == ("failed", "out-of-memory", "std::bad_alloc")
    assert [path.name for path in (tmp_path / "export").iterdir()] == ["export.json"]


@pytest.mark.parametrize("error", [CotejoError("the disk is full"), SystemExit(143), KeyboardInterrupt()])
def test_interrupted_export_leaves_nothing(
    error: BaseException, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(make, "isolated", stand_in(error))
    with pytest.raises(type(error)):
        make.make("openvino", model, "fp16", tmp_path / "export")
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_precision_that_the_format_does_not_have(model: Path, tmp_path: Path) -> None:
    with pytest.raises(CotejoError, match=r"openvino: yolo in int4: can't be exported\. What can: llama: fp32, fp16,"):
        make.make("openvino", model, "int4", tmp_path / "export")


def test_damaged_model_is_not_exported(model: Path, tmp_path: Path) -> None:
    (model / "model.safetensors").write_bytes(b"weight")
    with pytest.raises(
        CotejoError, match=r"model\.safetensors: differs from what model\.json lists\. Delete the folder"
    ):
        make.make("openvino", model, "fp16", tmp_path / "export")


def test_in_8_bits_only_what_is_meant_to_be_reads_rounded_values() -> None:
    """A sum that shares its input with a product gets the float again; a product of activations is left to itself."""
    from onnx import TensorProto, helper, numpy_helper

    from cotejo.exports.onnx_int8 import of_activations, unround

    names = ("x", "y")
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [2, 2]) for name in names]
    weight, scale = (numpy_helper.from_array(np.ones(shape, np.float32), name) for name, shape in (("w", 4), ("s", ())))
    nodes = [
        helper.make_node("Relu", ["x"], ["a"], "relu"),
        helper.make_node("QuantizeLinear", ["a", "s"], ["q"], "quantize"),
        helper.make_node("DequantizeLinear", ["q", "s"], ["d"], "dequantize"),
        helper.make_node("MatMul", ["d", "w"], ["p"], "weighted"),
        helper.make_node("MatMul", ["p", "x"], ["r"], "of-activations"),
        helper.make_node("Add", ["d", "r"], ["y"], "sum"),
    ]
    graph = helper.make_graph(nodes, "test", values[:1], values[1:], [weight, scale])
    assert of_activations(graph) == ["of-activations"]
    unround(graph)
    assert {node.name: list(node.input) for node in graph.node} == {
        "relu": ["x"], "quantize": ["a", "s"], "dequantize": ["q", "s"], "weighted": ["d", "w"],
        "of-activations": ["p", "x"], "sum": ["a", "r"],
    }  # fmt: skip


def test_photographs_to_calibrate_with_are_here() -> None:
    from cotejo.exports.onnx_int8 import PHOTOGRAPHS, photographs

    assert len(photographs()) == len(PHOTOGRAPHS) and all(file.is_file() for file in photographs())
