"""Images are pulled once, whole or not at all, whoever else pulls them meanwhile; a script stands in for Apptainer."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cotejo import pull
from cotejo.code import SCRIPTS
from cotejo.errors import CotejoError
from cotejo.files import sha256_of
from cotejo.pull import images_folder, pull_or_look

REFERENCE = f"docker://nvcr.io/nvidia/tritonserver@sha256:{'0123456789abcdef' * 4}"
# Says what it was told, and pulls in two pieces.
APPTAINER = """#!/bin/sh
test "$1" = --version && echo apptainer version 1.3.4 && exit
echo "$@" >> {folder}/said
printf half > "$3"
{between}
printf ' and half' >> "$3"
"""


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine whose images are kept in the folder `images`, and whose Apptainer is a script."""
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    put(tmp_path)
    return tmp_path


def put(machine: Path, between: str = "", name: str = "apptainer") -> None:
    (machine / "bin").mkdir(exist_ok=True)
    (machine / "bin" / name).write_text(APPTAINER.format(folder=machine, between=between))
    (machine / "bin" / name).chmod(0o755)


def commands(machine: Path) -> list[str]:
    return (machine / "said").read_text().splitlines()


def test_an_image_is_pulled_once_and_others_may_read_it(machine):
    folder = machine / "images"
    first = pull_or_look(REFERENCE, folder)
    assert pull_or_look(REFERENCE, folder) == first
    file = Path(first["file"])
    assert file == folder / "tritonserver-0123456789ab" / "image.sif"
    assert file.read_text() == "half and half"
    assert (first["name"], first["sha256"], first["pulled_by"]) == (
        REFERENCE, sha256_of(file), "apptainer version 1.3.4",
    )  # fmt: skip
    [command] = commands(machine)
    words = command.split()
    assert [*words[:2], words[3]] == ["pull", "--disable-cache", REFERENCE]
    assert Path(words[2]).parent.parent == folder, "in the folder that it is renamed in"
    assert file.parent.stat().st_mode & 0o777 == 0o777 & ~umask()
    assert [path.name for path in folder.iterdir() if path.is_dir()] == [file.parent.name]


def umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_a_pull_that_fails_leaves_nothing(machine):
    put(machine, "echo no such manifest >&2; exit 255")
    with pytest.raises(CotejoError, match=r"^apptainer pull .* failed, see above.*COTEJO_IMAGES names another folder"):
        pull_or_look(REFERENCE, machine / "images")
    assert not [path for path in (machine / "images").iterdir() if path.is_dir()]


def test_two_at_once_pull_it_once(machine):
    put(machine, f"while ! test -e {machine}/go; do sleep 0.01; done")
    fork = multiprocessing.get_context("fork")
    with fork.Pool(2) as pool:
        asked = [pool.apply_async(pull_or_look, (REFERENCE, machine / "images")) for _ in range(2)]
        wait_for(machine / "said")
        (machine / "go").touch()
        first, second = (each.get(timeout=20) for each in asked)
    assert first == second
    assert len(commands(machine)) == 1


def wait_for(file: Path) -> None:
    deadline_s = time.monotonic() + 20
    while not file.exists():
        assert time.monotonic() < deadline_s, f"{file} never came"
        time.sleep(0.01)


def test_where_locks_dont_reach_the_first_to_be_done_wins(machine):
    """As on two login nodes whose file system has no locks between them."""
    folder = machine / "images"
    target = folder / "tritonserver-0123456789ab"
    whole = machine / "whole"
    whole.mkdir()
    (whole / "image.sif").write_text("another")
    (whole / "image.json").write_text('{"sha256": "s", "size_bytes": 7, "pulled_by": "another"}')
    put(machine, f"cp -r {whole} {target}")
    found = pull_or_look(REFERENCE, folder)
    assert (found["sha256"], Path(found["file"]).read_text()) == ("s", "another")
    assert [path for path in folder.iterdir() if path.is_dir()] == [target]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_an_interrupted_pull_is_never_taken_for_whole(machine, number):
    put(machine, f"echo $$ > {machine}/pid.tmp; mv {machine}/pid.tmp {machine}/pid; exec sleep 600")
    folder = machine / "images"
    command = [sys.executable, str(SCRIPTS / "pull_image.py"), REFERENCE, "--folder", str(folder)]
    process = subprocess.Popen([*command, "--output", str(machine / "known.json")], stderr=subprocess.DEVNULL)
    wait_for(machine / "pid")
    process.send_signal(number)
    process.wait(timeout=20)
    pulling = Path("/proc", (machine / "pid").read_text().strip(), "stat")
    deadline_s = time.monotonic() + 20
    while pulling.exists() and pulling.read_text().rpartition(")")[2].split()[0] != "Z":
        assert time.monotonic() < deadline_s, "Apptainer goes on"
        time.sleep(0.01)
    assert not (machine / "known.json").exists()
    assert not (folder / "tritonserver-0123456789ab").exists()
    put(machine)
    assert Path(pull_or_look(REFERENCE, folder)["file"]).read_text() == "half and half"
    assert len([path for path in folder.iterdir() if path.is_dir()]) == 1, "what was left is gone"


def test_what_was_cut_short_later_is_refused(machine):
    file = Path(pull_or_look(REFERENCE, machine / "images")["file"])
    file.write_text("half")
    with pytest.raises(CotejoError, match=r"image\.sif: is not as large as when it was pulled"):
        pull_or_look(REFERENCE, machine / "images")


def test_without_apptainer_it_says_so_and_its_older_name_will_do(machine):
    (machine / "bin" / "apptainer").unlink()
    with pytest.raises(CotejoError, match=r"^apptainer: there is no such program here to pull docker://.*`module load"):
        pull_or_look(REFERENCE, machine / "images")
    put(machine, name="singularity")
    assert Path(pull_or_look(REFERENCE, machine / "images")["file"]).is_file()


def test_a_group_may_share_a_folder(monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "/home/ana/cache")
    monkeypatch.delenv(pull.FOLDER, raising=False)
    assert images_folder() == Path("/home/ana/cache/cotejo/images")
    monkeypatch.setenv(pull.FOLDER, "/group/images")
    assert images_folder() == Path("/group/images")
