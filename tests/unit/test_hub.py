"""Which files of a repository are fetched, and how they are verified."""

from pathlib import Path

import pytest

from cotejo import disk
from cotejo.errors import CotejoError
from cotejo.hub import RemoteFile, refuse_offline, verify, wanted


def listing(*names: str) -> list[RemoteFile]:
    return [RemoteFile(name, f"http://hub/{name}", 1, None, "") for name in names]


@pytest.mark.parametrize(
    ("there", "fetched"),
    [
        (
            ["config.json", "model.safetensors", "pytorch_model.bin", "tf_model.h5", "README.md", ".gitattributes"],
            ["config.json", "model.safetensors"],
        ),
        (
            ["model-00001-of-00002.safetensors", "model.safetensors.index.json", "pytorch_model.bin.index.json"],
            ["model-00001-of-00002.safetensors", "model.safetensors.index.json"],
        ),
        (
            ["pytorch_model-00001-of-00003.bin", "pytorch_model.bin.index.json", "tokenizer.model", "trainer.bin"],
            ["pytorch_model-00001-of-00003.bin", "pytorch_model.bin.index.json", "tokenizer.model"],
        ),
        (
            ["model.safetensors", "onnx/model.safetensors", "model.fp32-00001-of-00002.safetensors"],
            ["model.safetensors"],
        ),
    ],
)
def test_wanted(there: list[str], fetched: list[str]) -> None:
    assert [file.name for file in wanted(listing(*there), None)] == fetched


def test_patterns_of_the_entry_win() -> None:
    files = listing("yolov8n.pt", "yolov8n-seg.pt", "config.json")
    assert [file.name for file in wanted(files, ["yolov8n-seg.pt"])] == ["yolov8n-seg.pt"]


def test_verify_by_git_sha1_and_by_sha256(tmp_path: Path) -> None:
    path = tmp_path / "hello"
    path.write_bytes(b"hello\n")
    # `git hash-object` and `sha256sum` of the same file
    verify(
        path,
        RemoteFile("hello", "http://hub/hello", 6, None, "ce013625030ba8dba906f756967f9e9ca394464a"),
        "a/b",
        "0" * 40,
    )
    sha256 = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"
    verify(path, RemoteFile("hello", "http://hub/hello", 6, sha256, "not looked at"), "a/b", "0" * 40)
    with pytest.raises(CotejoError, match="hello: the checksum"):
        verify(path, RemoteFile("hello", "http://hub/hello", 6, "0" * 64, ""), "a/b", "0" * 40)
    assert not path.exists()


@pytest.mark.parametrize(("value", "refused"), [("1", True), ("true", True), ("0", False), ("", False)])
def test_refuse_offline(monkeypatch: pytest.MonkeyPatch, value: str, refused: bool) -> None:
    monkeypatch.delenv("TRANSFORMERS_OFFLINE", raising=False)
    monkeypatch.setenv("HF_HUB_OFFLINE", value)
    if refused:
        with pytest.raises(CotejoError, match="unset HF_HUB_OFFLINE"):
            refuse_offline()
    else:
        refuse_offline()


def test_a_full_disk_is_told_before(tmp_path: Path) -> None:
    disk.require_free(tmp_path, 1)
    with pytest.raises(CotejoError, match=r"free, 1000000000\.0 GB needed"):
        disk.require_free(tmp_path, 10**18)
