import os
import subprocess
import sys
import time

import pytest

from cotejo import ownership
from cotejo.code import SCRIPTS
from cotejo.ownership import Leftover, end_leftovers, leftovers, mark_of, marking, named, part_of, started_at


def sleeper(part=None, **options):
    return subprocess.Popen(["sleep", "600"], preexec_fn=part and marking(part), **options)


@pytest.fixture
def marked():
    process = sleeper("server")
    yield process
    process.kill()
    process.wait()


def test_a_mark_names_who_started_a_process_and_as_what(marked):
    mark = mark_of(marked.pid)
    assert mark == (os.getpid(), started_at(os.getpid()), "server")
    assert ownership.is_mine(marked.pid, "server")
    assert not ownership.is_mine(marked.pid, "client")
    assert part_of(os.getpid()) is None


def test_a_mark_outlives_what_writes_over_its_environment():
    """As setproctitle does: of the environment nothing is left, and a descendant started without one has the mark."""
    code = "import subprocess; subprocess.run(['sh', '-c', 'echo $$; read line'], env={})"
    process = subprocess.Popen(
        [sys.executable, "-c", code], preexec_fn=marking("client"), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert part_of(int(process.stdout.readline())) == "client"
    finally:
        process.communicate(b"\n")


def test_what_has_a_limit_of_ones_own_choice_bears_no_mark():
    process = subprocess.Popen(["sh", "-c", "ulimit -x 77 2>/dev/null; exec sleep 600"])
    try:
        assert mark_of(process.pid) is None
    finally:
        process.kill()
        process.wait()


def test_nobody_is_nobodys():
    process = sleeper()
    process.kill()
    process.wait()
    assert (mark_of(process.pid), started_at(process.pid)) == (None, None)


def orphan() -> int:
    """A process that a measurement has left, which is no more."""
    code = (
        "import subprocess\nfrom cotejo.ownership import marking\n"
        "print(subprocess.Popen(['sleep', '600'], preexec_fn=marking('server'), start_new_session=True,"
        " stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).pid)"
    )
    environment = {**os.environ, "PYTHONPATH": str(SCRIPTS)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    return int(done.stdout)


def test_only_what_dead_measurements_left_is_ended(marked):
    bystander = sleeper()
    left = orphan()
    try:
        assert marked.pid not in {each.process for each in leftovers()}
        _, remaining = end_leftovers()
        assert remaining == []
        assert started_at(left) is None
        assert marked.poll() is None
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


def test_what_does_not_end_is_named(monkeypatch):
    left = sleeper(start_new_session=True)
    dead = ownership.Mark(os.getpid(), 1, "server")  # this process's number, but it was not started then
    monkeypatch.setattr(ownership, "_kill", lambda each: None)
    monkeypatch.setattr(ownership, "mark_of", lambda process: dead if process == left.pid else None)
    try:
        assert end_leftovers(within_s=0.05) == ([], [Leftover(left.pid, left.pid, "server")])
    finally:
        left.kill()
        left.wait()


def test_an_owner_whose_number_was_given_to_another_is_dead(monkeypatch):
    left = sleeper("client")
    mark = mark_of(left.pid)
    monkeypatch.setattr(
        ownership,
        "mark_of",
        lambda process: mark._replace(owner_started=mark.owner_started - 1) if process == left.pid else None,
    )
    try:
        assert [each.process for each in leftovers()] == [left.pid]
    finally:
        left.kill()
        left.wait()


def test_leftovers_are_named_group_by_group():
    found = [Leftover(12, 10, "server"), Leftover(11, 10, "server"), Leftover(20, 20, "client")]
    assert named(found) == "server, process group 10: processes 11, 12; client, process group 20: processes 20"


def test_a_look_at_all_processes_is_quick():
    begun = time.monotonic()
    leftovers()
    assert time.monotonic() - begun < 2
