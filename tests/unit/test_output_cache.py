from pathlib import Path

import pytest

from cotejo.errors import CotejoError
from cotejo.files import sha256_of_folder, write_json
from cotejo.output_cache import check_linked, check_output_cache, check_told
from cotejo.verified import verified


def test_a_folder_that_can_be_written_to_is_shared(tmp_path: Path) -> None:
    check_output_cache(str(tmp_path))


@pytest.mark.parametrize(
    ("place", "message"),
    [
        (None, "--cache: SNAKEMAKE_OUTPUT_CACHE is not set"),
        ("", "--cache: SNAKEMAKE_OUTPUT_CACHE is not set"),
        ("shared/cache", r"shared/cache: is no absolute path\. Write it out"),
        ("/nowhere/cache", r"/nowhere/cache: no such folder\. Make it, or unset"),
        ("/proc/self", r"/proc/self: can't be written to\. Ask its owner"),
    ],
)
def test_where_nothing_can_be_shared_says_why(place: str | None, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.access", lambda path, mode: not str(path).startswith("/proc"))  # root may do anything
    with pytest.raises(CotejoError, match=message):
        check_output_cache(place)


def test_a_folder_that_has_lost_its_entry_is_named(tmp_path: Path) -> None:
    entry, folder = tmp_path / "cache/0f", tmp_path / "openvino-int8"
    for made in (entry, folder):
        made.mkdir(parents=True)
    (entry / "export.json").touch()
    (folder / "export.json").symlink_to(entry / "export.json")
    check_linked(folder)
    (entry / "export.json").unlink()
    with pytest.raises(CotejoError, match=rf"export\.json: links to {entry}.*Delete the folder {folder}: it is"):
        check_linked(folder)


def test_rules_are_named_to_slurm() -> None:
    check_told(["export_onnx"])
    with pytest.raises(CotejoError, match="--cache: without the names of rules it does nothing on Slurm"):
        check_told([])


def test_a_folder_that_two_made_at_once_is_whole(tmp_path: Path) -> None:
    folder, twice = tmp_path / "export", tmp_path / "export" / ("0f" * 32)
    twice.mkdir(parents=True)
    (folder / "model.bin").write_text("weights")
    write_json(folder / "export.json", {"files": {**sha256_of_folder(folder)}})
    (twice / "model.bin").write_text("weights")
    verified(folder, "export.json")
    (folder / "more.bin").write_text("more")
    with pytest.raises(CotejoError, match=r"more\.bin: is not in what export\.json lists"):
        verified(folder, "export.json")
