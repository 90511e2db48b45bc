"""Copies on the machine's own disk: what they hold, who may have them, and that none outlives its owner."""

import fcntl
import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from cotejo import staging
from cotejo.errors import CotejoError
from cotejo.staging import Copies, file_system, staged


@pytest.fixture
def folders(tmp_path: Path) -> dict[str, Path]:
    """A model that is a folder of links, as Snakemake's cache makes it, and what a server was prepared with: a file of
    its own, and links to the model's, one by way of the other.
    """
    cache, model, prepared = (tmp_path / name for name in ("cache", "synthetic-small", "prepared"))
    for folder in (cache / "parts", model, prepared / "m"):
        folder.mkdir(parents=True)
    (cache / "weights.bin").write_bytes(b"weights")
    (cache / "parts" / "one").write_bytes(b"one")
    (model / "weights.bin").symlink_to(cache / "weights.bin")
    (model / "parts").symlink_to(cache / "parts")
    (model / ".snakemake_timestamp").touch()
    (model / ("0f" * 32)).mkdir()
    (model / ("0f" * 32) / "weights.bin").write_bytes(b"weights")
    (prepared / "config.json").write_text("{}")
    (prepared / "m" / "weights.bin").symlink_to(model / "weights.bin")
    (prepared / "m" / "one").symlink_to(cache / "parts" / "one")
    return {"model": model, "prepared": prepared}


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    return tmp_path / "scratch"


def own(scratch: Path) -> Path:
    return scratch / f"cotejo-{os.getuid()}"


def contents(folder: Path) -> dict[str, bytes]:
    walk = os.walk(folder, followlinks=True)
    files = (Path(parent, name) for parent, _, names in walk for name in names)
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in files}


def test_without_a_folder_nothing_is_copied(folders, scratch):
    with staged(folders, None) as copies:
        assert copies.of(folders["model"]) == folders["model"]
        assert copies.facts is None


def test_copies_hold_what_the_originals_do_and_are_gone_at_the_end(folders, scratch):
    with staged(folders, str(scratch)) as copies:
        model, prepared = (copies.of(folder) for folder in folders.values())
        assert model.parts[-2:] == ("model", "synthetic-small")
        assert contents(model) == {"weights.bin": b"weights", "parts/one": b"one"}
        assert contents(prepared) == {"config.json": b"{}", "m/weights.bin": b"weights", "m/one": b"one"}
        assert not any(file.is_symlink() for file in model.rglob("*"))
        shutil.rmtree(folders["model"])
        shutil.rmtree(scratch.parent / "cache")
        assert contents(prepared)["m/weights.bin"] == b"weights"  # of the model's copy, not of the model
        copies.require_alike([])
    assert list(own(scratch).iterdir()) == []


def test_what_several_folders_lead_to_is_copied_once(folders, scratch):
    with staged(folders, str(scratch)) as copies:
        assert copies.facts["size_mib"] == pytest.approx(len(b"weights" + b"one" + b"{}") / (1 << 20), abs=0.001)
        assert (
            (copies.of(folders["prepared"]) / "m" / "weights.bin").resolve().is_relative_to(copies.of(folders["model"]))
        )
        assert copies.facts["file_system"] == file_system(scratch)
        assert copies.facts["duration_s"] >= 0


def test_an_exception_leaves_nothing_either(folders, scratch):
    with pytest.raises(SystemExit), staged(folders, str(scratch)):
        raise SystemExit(143)
    assert list(own(scratch).iterdir()) == []


def test_a_copy_that_differs_is_told_and_another_folders_is_not(folders, scratch):
    with staged(folders, str(scratch)) as copies:
        copies.require_alike(copies.folders)
        (copies.of(folders["prepared"]) / "config.json").write_text("[]")
        copies.require_alike([folders["model"]])
        with pytest.raises(CotejoError, match=r"config\.json: is not what was written there just now"):
            copies.require_alike([folders["prepared"]])


def test_variables_are_those_of_the_machine_that_measures(folders, scratch, monkeypatch):
    monkeypatch.setenv("LOCAL_SCRATCH", str(scratch))
    with staged(folders, "$LOCAL_SCRATCH/jobs") as copies:
        assert copies.of(folders["model"]).is_relative_to(scratch / "jobs")


@pytest.mark.parametrize("under", ["$COTEJO_UNSET", "/tmp/$COTEJO_UNSET", "scratch"])
def test_a_variable_that_is_not_set_is_an_error(folders, under):
    with (
        pytest.raises(CotejoError, match=r"--stage: .*: no absolute path, or a variable isn't set"),
        staged(folders, under),
    ):
        pass


def test_where_there_is_no_room_nothing_is_copied(folders, scratch, monkeypatch):
    monkeypatch.setattr(staging.shutil, "disk_usage", lambda folder: SimpleNamespace(free=11))
    with pytest.raises(CotejoError, match=r"0\.0 GB free, 0\.0 GB to be copied there"), staged(folders, str(scratch)):
        pass
    assert list(own(scratch).iterdir()) == []


def test_a_disk_that_fails_is_one_clear_error(folders, scratch, monkeypatch):
    def full(source: Path, target: Path) -> None:
        raise OSError(122, "Disk quota exceeded", str(target))

    monkeypatch.setattr(staging.shutil, "copyfile", full)
    with pytest.raises(CotejoError, match=r"can't be filled: .*Disk quota exceeded"), staged(folders, str(scratch)):
        pass
    assert list(own(scratch).iterdir()) == []


def test_a_folder_that_others_may_write_to_is_refused(folders, scratch, tmp_path):
    scratch.mkdir()
    (tmp_path / "elsewhere").mkdir()
    own(scratch).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(CotejoError, match="isn't a folder that only you may write to"), staged(folders, str(scratch)):
        pass
    own(scratch).unlink()
    own(scratch).mkdir()
    own(scratch).chmod(0o777)
    with pytest.raises(CotejoError, match="isn't a folder that only you may write to"), staged(folders, str(scratch)):
        pass


def test_what_the_dead_left_is_deleted_and_what_the_living_have_is_not(folders, scratch):
    own(scratch).mkdir(parents=True, mode=0o700)
    for name in ("dead", "living"):
        (own(scratch) / name).mkdir()
        (own(scratch) / name / "weights.bin").touch()
        (own(scratch) / f"{name}.lock").touch()
    said: list[str] = []
    with (own(scratch) / "living.lock").open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with staged(folders, str(scratch), said.append):
            assert {path.name for path in own(scratch).iterdir()} >= {"living", "living.lock"}
            assert not list(own(scratch).glob("dead*"))
        assert [path.name for path in sorted(own(scratch).iterdir())] == ["living", "living.lock"]
    assert [line for line in said if "killed" in line] == [
        f"deleting what a measurement that was killed had copied: {own(scratch) / 'dead'}"
    ]


def test_the_file_system_is_that_of_the_nearest_mount(tmp_path):
    mounts = tmp_path / "mounts"
    mounts.write_text(
        "/dev/sda / ext4 rw 0 0\n/dev/sdb /local xfs rw 0 0\nnone /local/ram\\040disk tmpfs rw 0 0\n"
        "nas:/x /local2 nfs4 rw 0 0\n/dev/sdc /over ext4 rw 0 0\nnone /over overlay rw 0 0\n"
    )
    kinds = {"/": "ext4", "/local/a": "xfs", "/local/ram disk/a": "tmpfs", "/local2/a": "nfs4", "/over/a": "overlay"}
    assert {folder: file_system(Path(folder), mounts) for folder in kinds} == kinds
    assert file_system(Path("/proc")) == "proc"


def test_no_copies_are_the_originals():
    assert Copies().of(Path("a")) == Path("a")
