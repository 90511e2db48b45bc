import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from telemetry_example import Machine

from cotejo.telemetry.process import ClientTime, Finder, ProportionalMemory, Tree, Usage, process_cpu_s, sources
from cotejo.telemetry.source import Target

PAGE_MIB = os.sysconf("SC_PAGE_SIZE") / (1 << 20)


@pytest.fixture
def machine(tmp_path):
    made = Machine(tmp_path)
    made.process(200, 100, cpu_s=1.0, pages=256, io_mib=3, faults=(10, 1))
    made.children(100, 101, 200)
    return made


@pytest.fixture
def tree(machine):
    return Tree(machine.target, machine.clock)


def read(tree):
    Finder(tree).read()
    return Usage(tree).read()


def test_all_descendants_count_but_not_the_sampler(machine, tree):
    machine.cpu_s[101] = 50.0
    machine.process(201, 200, cpu_s=0.5, pages=256, io_mib=1, faults=(5, 0))
    machine.process(202, 201, cpu_s=0.25)
    machine.children(200, 201)
    machine.children(201, 202)
    assert read(tree) == {
        "cpu_s": 1.75, "rss_mib": 512 * PAGE_MIB, "minor_faults": 15, "major_faults": 1, "read_mib": 4,
        "written_mib": 8,
    }  # fmt: skip


def test_children_of_every_thread_are_found(machine, tree):
    machine.process(201, 200, cpu_s=0.5)
    machine.write("proc/200/task/299/children", "201 ")
    assert read(tree)["cpu_s"] == 1.5


def test_cpu_time_is_finer_than_ticks(machine, tree):
    machine.cpu_s[200] = 1.000123
    assert read(tree)["cpu_s"] == pytest.approx(1.000123, abs=1e-9)


def test_a_child_that_lives_between_two_readings_counts(machine, tree):
    assert read(tree)["cpu_s"] == 1.0
    machine.process(200, 100, cpu_s=1.1, ended_s=0.7)
    assert read(tree)["cpu_s"] == pytest.approx(1.8)


def test_a_child_that_its_parent_waited_for_counts_once(machine, tree):
    machine.process(201, 200, cpu_s=0.5)
    machine.children(200, 201)
    assert read(tree)["cpu_s"] == 1.5
    del machine.cpu_s[201]
    machine.children(200)
    machine.process(200, 100, cpu_s=1.0, ended_s=0.6)  # it used 0.1 s more before it ended
    assert read(tree)["cpu_s"] == pytest.approx(1.6)
    assert read(tree)["cpu_s"] == pytest.approx(1.6)
    assert list(tree.members) == [200]


def test_what_no_parent_inherits_is_kept(machine, tree):
    """As of a parent that ignores SIGCHLD, or of the measured process itself once it has ended."""
    machine.process(201, 200, cpu_s=0.5, io_mib=2)
    machine.children(200, 201)
    read(tree)
    del machine.cpu_s[201]
    machine.process(200, 100, cpu_s=1.2, io_mib=3)
    assert read(tree)["cpu_s"] == pytest.approx(1.7)
    del machine.cpu_s[200]
    last = read(tree)
    assert (last["cpu_s"], last["read_mib"], last["rss_mib"]) == (pytest.approx(1.7), 5, 0)
    assert read(tree) == last


def test_an_end_during_the_look_counts_once(machine):
    """The parent is looked at, then its child ends and is waited for, then the child is looked at."""
    machine.process(201, 200, cpu_s=0.5)
    machine.children(200, 201)
    ending = False

    def clock(process):
        if ending and process == 201:
            machine.process(200, 100, cpu_s=1.0, ended_s=0.5)
            raise ProcessLookupError
        return machine.cpu_s[process]

    tree = Tree(machine.target, clock)
    assert read(tree)["cpu_s"] == 1.5
    ending = True
    assert read(tree)["cpu_s"] == 1.5
    assert read(tree)["cpu_s"] == 1.5


def test_counters_never_fall(machine, tree):
    """A child that ended after its parent was looked at, and was never looked at itself, may be missing once."""
    machine.process(200, 100, cpu_s=1.0, ended_s=0.5)
    assert read(tree)["cpu_s"] == 1.5
    machine.process(200, 100, cpu_s=1.0, ended_s=0.4)
    assert read(tree)["cpu_s"] == 1.5


def test_io_that_may_not_be_read_is_blank(machine, tree):
    machine.process(201, 200, cpu_s=0.5)
    machine.children(200, 201)
    (machine.proc / "201" / "io").unlink()
    assert read(tree).keys() == {"cpu_s", "rss_mib", "minor_faults", "major_faults"}


def test_proportional_memory_is_the_sum_over_the_tree(machine, tree):
    machine.process(201, 200)
    machine.process(202, 200)  # ended: it holds none
    machine.children(200, 201, 202)
    for process in (200, 201):
        machine.write(f"proc/{process}/smaps_rollup", "5-7 ---p 0 0 0 [rollup]\nRss: 9999 kB\nPss:  1536 kB\n")
    Finder(tree).read()
    assert ProportionalMemory(tree, str(machine.proc)).read() == {"pss_mib": 3.0}


def test_proportional_memory_is_blank_where_there_is_none(machine, tree):
    memory = ProportionalMemory(tree, str(machine.proc))
    assert memory.read() == {}
    Finder(tree).read()
    assert memory.read() == {}


def test_proportional_memory_is_looked_at_seldom():
    assert ProportionalMemory.period_s >= 10
    assert ProportionalMemory.share <= 0.001


def test_the_kernel_tells_the_cpu_time_of_another_process():
    other = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        time.sleep(0.3)
        user, system = Path(f"/proc/{other.pid}/stat").read_text().rpartition(")")[2].split()[11:13]
        used_s = process_cpu_s(other.pid)
        assert used_s > 0.05
        assert (int(user) + int(system)) / 100 == pytest.approx(used_s, abs=0.05)
    finally:
        other.kill()
        other.wait()
    with pytest.raises(OSError, match="Invalid argument"):
        process_cpu_s(other.pid)


def test_more_children_than_the_kernel_lists_at_once_are_found():
    code = "import os,time\nfor _ in range(900):\n if os.fork() == 0: time.sleep(60)\nprint(flush=True)\ntime.sleep(60)"
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True) as other:
        try:
            assert other.stdout and other.stdout.readline()
            tree = Tree(Target(other.pid, frozenset(), frozenset({0})))
            tree.find()
            assert len(tree.members) == 900
        finally:
            os.killpg(other.pid, signal.SIGKILL)
            for member in tree.members.values():
                member.close()


def test_the_sources_find_new_processes_before_they_look(machine):
    found = sources(machine.target)
    assert [type(source) for source in found] == [Finder, Usage, ProportionalMemory, ClientTime]


def test_clients_are_told_apart_from_the_server_they_drive(machine):
    machine.process(201, 200, cpu_s=0.5)
    machine.children(200, 201)
    machine.process(300, 100, cpu_s=2.0)
    machine.process(301, 300, cpu_s=0.25)
    machine.children(300, 301)
    machine.children(100, 101, 200, 300)
    parts = {200: "server", 300: "client"}
    server, clients = (Tree(machine.target, machine.clock, which, parts.get) for which in (False, True))
    assert read(server)["cpu_s"] == 1.5
    assert ClientTime(clients).read() == {"client_cpu_s": 2.25}
    machine.children(100, 101, 200)
    machine.cpu_s = {process: cpu_s for process, cpu_s in machine.cpu_s.items() if process < 300}
    assert ClientTime(clients).read() == {"client_cpu_s": 2.25}


def test_a_client_that_was_seen_before_it_had_its_mark_counts_once(machine):
    machine.process(300, 100, cpu_s=0.0)
    machine.children(100, 101, 200, 300)
    parts: dict[int, str] = {}
    server = Tree(machine.target, machine.clock, part_of=parts.get)
    read(server)
    parts[300], machine.cpu_s[300] = "client", 5.0
    assert read(server)["cpu_s"] == 1.0
