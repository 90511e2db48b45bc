import os

import pytest

from cotejo.artefact import Failure, corruption, gate_failure, manifest
from cotejo.errors import CotejoError
from cotejo.files import sha256_of, sha256_of_folder, write_json

MODEL_DIGEST = "a" * 64


@pytest.fixture
def export(tmp_path):
    """A good export with its gate's findings."""
    folder = tmp_path / "openvino-int8"
    (folder / "tokenizer").mkdir(parents=True)
    (folder / "model.bin").write_bytes(bytes(1000))
    (folder / "tokenizer" / "vocab.txt").write_text("a b c")
    (folder / ".snakemake_timestamp").touch()
    content = {"status": "ok", "reason": None, "message": None, "model": MODEL_DIGEST, "precision": "int8"}
    write_json(folder / "export.json", {**content, "files": sha256_of_folder(folder)})
    rewrite_parity(folder)
    return folder


def rewrite_parity(folder, **changes):
    findings = {"status": "ok", "reason": None, "message": None, "export": sha256_of(folder / "export.json")}
    write_json(folder.with_name("parity.json"), {**findings, **changes})


def gate(folder, model=MODEL_DIGEST):
    return gate_failure(folder, folder.with_name("parity.json"), model)


def test_a_good_export_may_be_measured(export):
    assert gate(export) is None
    assert corruption(export, "export.json") is None


def test_a_failed_gate_is_passed_on(export):
    rewrite_parity(export, status="failed", reason="parity", message="error 0.5 > 0.1")
    assert gate(export) == Failure("parity", "error 0.5 > 0.1")


def test_an_export_that_could_not_be_made_is_passed_on(export):
    write_json(
        export / "export.json", {"status": "failed", "reason": "out-of-memory", "message": "bad_alloc", "files": {}}
    )
    rewrite_parity(export, status="failed", reason="export", message="no export")
    assert gate(export) == Failure("out-of-memory", "bad_alloc")


def test_findings_about_another_export_do_not_count(export):
    rewrite_parity(export, export="b" * 64)
    failure = gate(export)
    assert failure.reason == "corrupt-export"
    assert "is not the one that the parity gate saw" in failure.message
    assert failure.message.endswith("`make retry` deletes that folder and this record")


def test_an_export_of_another_model_is_refused(export):
    failure = gate(export, model="c" * 64)
    assert (failure.reason, "another model" in failure.message) == ("corrupt-export", True)


def flip_a_bit(folder):
    data = bytearray((folder / "model.bin").read_bytes())
    data[500] ^= 1
    (folder / "model.bin").write_bytes(data)


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        (flip_a_bit, "model.bin"),
        (lambda folder: (folder / "tokenizer" / "vocab.txt").unlink(), "tokenizer/vocab.txt"),
        (lambda folder: (folder / "adapter.bin").touch(), "adapter.bin"),
        (lambda folder: os.truncate(folder / "model.bin", 10), "model.bin"),
    ],
)
def test_damaged_files_are_named_with_the_remedy(export, damage, named):
    damage(export)
    failure = corruption(export, "export.json")
    assert failure.reason == "corrupt-export"
    assert f"{export}/{named}: " in failure.message
    assert f"Delete the folder {export}" in failure.message
    assert "`make retry` deletes that folder and this record" in failure.message


def test_a_folder_of_links_into_the_cache_is_whole(export, tmp_path):
    linked = tmp_path / "linked"
    linked.mkdir()
    for entry in export.iterdir():
        (linked / entry.name).symlink_to(entry)
    assert corruption(linked, "export.json") is None
    flip_a_bit(export)
    assert "model.bin" in corruption(linked, "export.json").message


def test_a_manifest_must_be_the_runs(export):
    assert manifest(export, "export.json", {"precision": "int8"})["status"] == "ok"
    with pytest.raises(CotejoError, match=r"export\.json: precision: 'int8': the run has 'fp16'"):
        manifest(export, "export.json", {"precision": "fp16"})
    with pytest.raises(CotejoError, match=r"model\.json: no such file"):
        manifest(export, "model.json", {})
