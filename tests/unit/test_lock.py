import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cotejo.code import SCRIPTS
from cotejo.errors import CotejoError
from cotejo.lock import measuring_lock

HOLD = """
import os, subprocess, sys, time
from pathlib import Path
from cotejo.lock import measuring_lock
with measuring_lock("measure a", path=Path(sys.argv[1])):
    child = subprocess.Popen(["sleep", sys.argv[3]], close_fds=False)
    Path(sys.argv[2]).write_text(str(child.pid))
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path):
    """A process that holds the lock until its standard input closes, with a child that outlives it."""
    pid_file = tmp_path / "child"
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, tmp_path / "lock", pid_file, "60"],
        stdin=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(SCRIPTS)},
    )
    while not (pid_file.exists() and pid_file.read_text()):
        assert process.poll() is None
    yield process
    process.kill()
    process.communicate()
    os.kill(int(pid_file.read_text()), signal.SIGKILL)


def lock_says(path: Path) -> list[str]:
    """Take the lock and let it go; what was said while waiting. The holder is let go at the first word."""
    said: list[str] = []
    with measuring_lock("second", say=said.append, path=path):
        pass
    return said


def test_a_free_lock_is_taken_in_silence_and_again(tmp_path):
    assert lock_says(tmp_path / "lock") == []
    assert lock_says(tmp_path / "lock") == []


def test_every_user_may_open_it(tmp_path):
    mask = os.umask(0o077)
    try:
        lock_says(tmp_path / "lock")
    finally:
        os.umask(mask)
    assert (tmp_path / "lock").stat().st_mode & 0o777 == 0o666


def test_the_file_names_its_holder_while_it_is_held(tmp_path):
    with measuring_lock("python x", path=tmp_path / "lock"):
        assert (tmp_path / "lock").read_text() == f"process {os.getpid()}: python x\n"
    assert (tmp_path / "lock").read_text() == ""


def test_waiting_says_once_who_holds_it(tmp_path, holder):
    said: list[str] = []

    def say(line: str) -> None:
        said.append(line)
        holder.stdin.close()

    with measuring_lock("second", say=say, path=tmp_path / "lock"):
        assert holder.wait() == 0
    assert said == [f"waiting: another measurement has this machine (process {holder.pid}: measure a)"]


def test_it_dies_with_its_holder_even_while_the_holders_child_lives(tmp_path, holder):
    said: list[str] = []

    def say(line: str) -> None:
        said.append(line)
        os.kill(holder.pid, signal.SIGKILL)

    with measuring_lock("second", say=say, path=tmp_path / "lock"):
        child = int((tmp_path / "child").read_text())
        assert Path(f"/proc/{child}").exists()
    assert len(said) == 1


def test_a_file_deleted_by_a_clean_up_while_waiting_is_not_what_gets_locked(tmp_path, holder):
    path = tmp_path / "lock"

    def say(line: str) -> None:
        path.unlink()
        holder.stdin.close()

    with measuring_lock("second", say=say, path=path):
        assert path.read_text() == f"process {os.getpid()}: second\n"


def test_an_error_inside_lets_it_go(tmp_path):
    with pytest.raises(ZeroDivisionError), measuring_lock("first", path=tmp_path / "lock"):
        raise ZeroDivisionError
    assert lock_says(tmp_path / "lock") == []


def test_a_link_planted_in_its_place_is_not_followed(tmp_path):
    (tmp_path / "precious").write_text("precious")
    (tmp_path / "lock").symlink_to(tmp_path / "precious")
    with pytest.raises(CotejoError, match="lock: can't be opened"):
        lock_says(tmp_path / "lock")
    assert (tmp_path / "precious").read_text() == "precious"


def test_no_ordinary_file_is_an_error(tmp_path):
    os.mkfifo(tmp_path / "lock")
    with pytest.raises(CotejoError, match="is no ordinary file"):
        lock_says(tmp_path / "lock")
