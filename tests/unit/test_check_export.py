"""The gate's command, as far as it goes without running a model."""

import subprocess
import sys
from pathlib import Path

import pytest

from cotejo.command import ROOT
from cotejo.files import read_json, sha256_of, sha256_of_folder, write_json


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    """model/ and export/, whole and belonging together, of an exporter that failed."""
    for name in ("model", "export"):
        (tmp_path / name).mkdir()
    (tmp_path / "model" / "model.safetensors").write_bytes(b"weights")
    model = {"architecture": "llama", "files": sha256_of_folder(tmp_path / "model")}
    write_json(tmp_path / "model" / "model.json", model)
    write_export(tmp_path)
    return tmp_path


def write_export(folder: Path) -> None:
    export = {
        "status": "failed",
        "reason": "out-of-memory",
        "message": "std::bad_alloc",
        "format": "openvino",
        "precision": "int8",
        "architecture": "llama",
        "model": sha256_of(folder / "model" / "model.json"),
        "files": sha256_of_folder(folder / "export", without=("export.json",)),
    }
    write_json(folder / "export" / "export.json", export)


def check(folder: Path) -> subprocess.CompletedProcess[str]:
    flags = {"--model-folder": "model", "--export-folder": "export", "--output": "parity.json"}
    paths = [part for flag, name in flags.items() for part in (flag, str(folder / name))]
    command = [sys.executable, "scripts/check_export.py", *paths, "--bound", "0.1"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)


def test_failed_export_is_passed_on(folders: Path) -> None:
    done = check(folders)
    assert (done.returncode, done.stderr) == (0, "")
    assert read_json(folders / "parity.json") == {
        "status": "failed",
        "reason": "out-of-memory",
        "message": "std::bad_alloc",
        "metric": "‖y - reference‖ / ‖reference‖, the largest of all inputs and outputs",
        "error": None,
        "errors": {},
        "bound": 0.1,
        "top1_agreement": None,
        "constants": {},
        "export": sha256_of(folders / "export" / "export.json"),
    }


def refused(folders: Path, message: str) -> None:
    """It ends with one line, and no output."""
    done = check(folders)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert message in done.stderr
    assert not (folders / "parity.json").exists()


@pytest.mark.parametrize("damage", ["truncated", "flipped", "missing", "extra"])
def test_damaged_export_is_refused_by_its_file(folders: Path, damage: str) -> None:
    weights = folders / "export" / "openvino_model.bin"
    weights.write_bytes(bytes(1000))
    write_export(folders)
    match damage:
        case "truncated":
            weights.write_bytes(bytes(999))
        case "flipped":
            weights.write_bytes(bytes(500) + b"\1" + bytes(499))
        case "missing":
            weights.unlink()
        case "extra":
            weights = folders / "export" / "openvino_model_2.bin"
            weights.write_bytes(b"what is it?")
    refused(folders, str(weights))


def test_export_of_another_model_is_refused(folders: Path) -> None:
    changed = read_json(folders / "model" / "model.json") | {"model": "another"}
    write_json(folders / "model" / "model.json", changed)
    refused(folders, "not the digest of")


def test_damaged_model_is_refused(folders: Path) -> None:
    (folders / "model" / "model.safetensors").write_bytes(b"weight")
    refused(folders, "model.safetensors: differs from what model.json lists")
