"""Files are whole or absent, and digests say what they hold."""

import json
from pathlib import Path

import pytest

from cotejo.errors import CotejoError
from cotejo.files import digest, read_json, remove, replacing, sha256_of_folder, write_json


def test_json_goes_there_and_back(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "data.json"
    write_json(path, {"ñ": [1, 2.5, None]})
    assert read_json(path) == {"ñ": [1, 2.5, None]}
    assert [entry.name for entry in path.parent.iterdir()] == ["data.json"]


def test_json_never_holds_what_json_lacks(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "data.json", {"speed": float("nan")})
    assert list(tmp_path.iterdir()) == []


def test_an_error_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "data.txt"
    path.write_text("old")
    with pytest.raises(RuntimeError), replacing(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["data.txt"]


def test_a_folder_is_replaced_whole(tmp_path: Path) -> None:
    folder = tmp_path / "export"
    folder.mkdir()
    (folder / "stale").write_text("")
    with replacing(folder) as temporary:
        temporary.mkdir()
        (temporary / "new").write_text("")
    assert [entry.name for entry in folder.iterdir()] == ["new"]


def test_broken_json_is_named(tmp_path: Path) -> None:
    path = tmp_path / "data.json"
    path.write_text('{"half": ')
    with pytest.raises(CotejoError, match=r"data\.json: not valid JSON.*Delete it"):
        read_json(path)
    with pytest.raises(CotejoError, match=r"none\.json: no such file"):
        read_json(tmp_path / "none.json")


def test_a_digest_depends_on_content_not_on_order() -> None:
    assert digest({"a": 1, "b": [1, 2]}) == digest({"b": [1, 2], "a": 1})
    assert digest({"a": 1}) != digest({"a": 1.5})
    assert digest({"a": [1, 2]}) != digest({"a": [2, 1]})
    assert len(digest(None)) == 10


def test_a_folders_digests_leave_out_hidden_files(tmp_path: Path) -> None:
    (tmp_path / "part").mkdir()
    (tmp_path / "part" / "weights.bin").write_bytes(b"abc")
    (tmp_path / ".snakemake_timestamp").write_text("")
    (tmp_path / "model.json").write_text(json.dumps({}))
    found = sha256_of_folder(tmp_path, without=("model.json",))
    assert found == {"part/weights.bin": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"}


def test_removing_a_link_spares_its_target(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.mkdir()
    (target / "file").write_text("")
    (tmp_path / "link").symlink_to(target)
    remove(tmp_path / "link")
    remove(tmp_path / "absent")
    assert (target / "file").exists()
