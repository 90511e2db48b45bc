import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from cotejo import affinity
from cotejo.affinity import Place, Watch, format_cpus, parse_cpus, pin_command, resolve, topology, uniform
from cotejo.errors import CotejoError

# Two sockets of four cores with two threads each, numbered as Linux numbers them: siblings are n and n + 8.
SERVER = {cpu: Place(core=cpu % 8, node=cpu % 8 // 4, socket=cpu % 8 // 4) for cpu in range(16)}
ALL = set(SERVER)


@pytest.mark.parametrize(
    ("cores", "mask", "expected"),
    [
        ("all", ALL, list(range(16))),
        ("all", {3, 1, 12}, [1, 3, 12]),
        (1, ALL, [0]),
        (4, ALL, [0, 1, 2, 3]),
        (5, ALL, [0, 1, 2, 3, 4]),  # more than a node's cores: physical cores of both come before any sibling
        (8, ALL, list(range(8))),
        (10, ALL, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]),
        (16, ALL, list(range(16))),
        (2, {0, 8, 1}, [0, 1]),  # not 0 and its sibling 8
        (2, {0, 8}, [0, 8]),
        (2, {3, 4, 5}, [4, 5]),  # node 1 alone has two cores
        (2, {3, 4}, [3, 4]),
        (3, {2, 3, 4, 5, 6}, [4, 5, 6]),
        (1, {9}, [9]),  # a sibling whose first thread is outside the mask is a core like any other
        ("0", {5, 7}, [5]),
        ("1", {5, 7}, [7]),
        ("0-2,4", {2, 4, 6, 8, 10}, [2, 4, 6, 10]),
        ("3,0", ALL, [0, 3]),
        ("0-15", ALL, list(range(16))),
        ("node0", ALL, [0, 1, 2, 3, 8, 9, 10, 11]),
        ("node1", {0, 5, 13}, [5, 13]),
    ],
)
def test_resolve(cores, mask, expected):
    assert resolve(cores, mask, SERVER) == expected


@pytest.mark.parametrize(
    "cores",
    [
        0,
        -1,
        4,
        True,
        1.0,
        "",
        "3",
        "0-3",
        "2-1",
        "0,0",
        "0-1,1",
        "-1",
        "a",
        "0,",
        "all ",
        "node1",
        "node",
        None,
        [0],
        "0-99999999999",
    ],
)
def test_what_the_mask_cannot_give_is_an_error_naming_what_it_can(cores):
    with pytest.raises(CotejoError, match=r"among the 3 CPUs \(0-1,8\).*from 1 to 3.*\"0-2\".*: node0$"):
        resolve(cores, {0, 1, 8}, SERVER)


def test_a_machine_known_by_its_number_of_cpus():
    assert resolve(3, *uniform(8)) == [0, 1, 2]
    assert resolve("node0", *uniform(2)) == [0, 1]
    assert resolve("node1", *uniform(8, sockets=2)) == [4, 5, 6, 7]
    with pytest.raises(CotejoError, match="from 1 to 2"):
        resolve(3, *uniform(2))


@pytest.mark.parametrize(("text", "cpus"), [("0", [0]), ("0-3,8\n", [0, 1, 2, 3, 8]), ("1,3,5", [1, 3, 5]), ("\n", [])])
def test_lists_of_cpus(text, cpus):
    assert parse_cpus(text) == cpus
    assert format_cpus(reversed(cpus)) == text.strip()


def test_topology_of_a_two_socket_server_with_smt(tmp_path):
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu" / "online").write_text("0-15\n")
    for cpu, place in SERVER.items():
        folder = tmp_path / "cpu" / f"cpu{cpu}" / "topology"
        folder.mkdir(parents=True)
        (folder / "thread_siblings_list").write_text(f"{place.core},{place.core + 8}\n")
        (folder / "physical_package_id").write_text(f"{place.socket}\n")
    for node, cpus in enumerate(("0-3,8-11", "4-7,12-15", "")):
        (tmp_path / "node" / f"node{node}").mkdir(parents=True)
        (tmp_path / "node" / f"node{node}" / "cpulist").write_text(cpus + "\n")
    assert topology(tmp_path) == SERVER


def test_topology_where_sys_is_hidden(tmp_path):
    assert topology(tmp_path) == {cpu: Place(core=cpu, node=0, socket=0) for cpu in affinity.mask()}


def test_this_machine_has_a_place_for_every_cpu_of_the_mask():
    assert affinity.mask() <= set(topology())


def program(folder: Path, name: str, code: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{code}\n")
    path.chmod(0o755)


@pytest.mark.parametrize(
    ("programs", "expected"),
    [
        ({"numactl": "exit 0", "taskset": "exit 0"}, ["numactl", "--physcpubind=0,2-3", "--localalloc"]),
        ({"numactl": "exit 1", "taskset": "exit 0"}, ["taskset", "-c", "0,2-3"]),
        ({"taskset": "exit 0"}, ["taskset", "-c", "0,2-3"]),
    ],
)
def test_pin_command_falls_back_to_taskset(tmp_path, monkeypatch, programs, expected):
    for name, code in programs.items():
        program(tmp_path, name, code)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert pin_command([3, 0, 2]) == expected


def test_nothing_to_pin_with_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CotejoError, match="Install the packages numactl and util-linux"):
        pin_command([0])


def test_the_command_really_pins():
    cpu = max(affinity.mask())
    code = "import os; print(os.sched_getaffinity(0))"
    assert subprocess.check_output([*pin_command([cpu]), sys.executable, "-c", code], text=True).strip() == f"{{{cpu}}}"


def test_watch_sees_every_thread_of_every_descendant():
    mask = affinity.mask()
    code = "import subprocess,sys; subprocess.run(['sleep','60'])"
    child = subprocess.Popen([sys.executable, "-c", code])
    try:
        while len(affinity.process_tree(child.pid)) < 2:
            assert child.poll() is None
        watch = Watch(frozenset(mask))
        watch.look(os.getpid())
        assert (watch.checks, watch.observed, watch.violations) == (1, mask, [])
        watch = Watch(frozenset({max(mask) + 1}))
        grandchild = affinity.process_tree(child.pid)[1]
        while Path(f"/proc/{grandchild}/comm").read_text() != "sleep\n":
            assert child.poll() is None
        watch.look(child.pid)
        watch.look(child.pid)
        assert {violation["thread"] for violation in watch.violations} > {"sleep"}
        assert {violation["cpus"] for violation in watch.violations} == {format_cpus(mask)}
        assert len(watch.violations) == 2  # each name and mask once
    finally:
        for process in reversed(affinity.process_tree(child.pid)):
            os.kill(process, 9)
        child.wait()


def test_watch_sees_a_thread_that_goes_its_own_way():
    mask = affinity.mask()
    if len(mask) < 2:
        pytest.skip("needs two CPUs")
    cpu = min(mask)
    moved, end = threading.Event(), threading.Event()

    def wander() -> None:
        os.sched_setaffinity(0, {max(mask)})
        moved.set()
        end.wait()

    thread = threading.Thread(target=wander)
    os.sched_setaffinity(0, {cpu})
    try:
        thread.start()
        moved.wait()
        watch = Watch(frozenset({cpu}))
        watch.look(os.getpid())
        assert str(max(mask)) in [violation["cpus"] for violation in watch.violations]
    finally:
        end.set()
        thread.join()
        os.sched_setaffinity(0, mask)


def test_an_ended_process_has_no_threads():
    child = subprocess.Popen(["true"])
    child.wait()
    watch = Watch(frozenset())
    watch.look(child.pid)
    assert (watch.observed, watch.violations) == (set(), [])
