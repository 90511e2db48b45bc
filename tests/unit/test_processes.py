"""Several processes of one run: who is who, and which part of CPUs and of steps is whose."""

import pytest

from cotejo.affinity import Place, uniform
from cotejo.errors import CotejoError
from cotejo.processes import ALONE, Rank, own_rank, part_of, peak_rss_mib, shares

# Two sockets of four cores with two threads each, numbered as Linux numbers them: siblings are n and n + 8.
SERVER = {cpu: Place(core=cpu % 8, node=cpu % 8 // 4, socket=cpu % 8 // 4) for cpu in range(16)}


def test_a_process_that_nobody_told_is_alone():
    assert own_rank({"RANK": "1", "PATH": "/bin"}) == ALONE
    assert ALONE.alone


def test_torchrun_tells_a_process_who_it_is():
    told = {"RANK": "5", "WORLD_SIZE": "6", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "2", "PATH": "/bin"}
    assert own_rank(told) == Rank(number=5, of=6, local=1, local_of=2)
    assert not own_rank(told).alone


@pytest.mark.parametrize(
    ("cpus", "processes", "expected"),
    [
        (range(16), 2, [[0, 1, 2, 3, 8, 9, 10, 11], [4, 5, 6, 7, 12, 13, 14, 15]]),  # a NUMA node each
        (range(16), 4, [[0, 1, 8, 9], [2, 3, 10, 11], [4, 5, 12, 13], [6, 7, 14, 15]]),  # no core is shared
        (range(8), 3, [[0, 1], [2, 3], [4, 5]]),  # 6 and 7 are nobody's
        ({3, 5}, 2, [[3], [5]]),
        ({3, 5, 9}, 1, [[3, 5, 9]]),
    ],
)
def test_processes_have_equal_parts_of_the_cpus_and_none_in_common(cpus, processes, expected):
    assert shares(set(cpus), SERVER, processes) == expected


def test_a_cpu_is_not_for_two():
    with pytest.raises(CotejoError, match=r"cores: 3 processes can't each have a CPU of their own among 2"):
        shares({0, 1}, uniform(2)[1], 3)


def test_a_step_is_divided_as_it_stands():
    assert [part_of("abcdef", Rank(number, 3)) for number in range(3)] == ["ab", "cd", "ef"]
    assert part_of("abc", ALONE) == "abc"


def test_the_peak_is_read_where_linux_keeps_it(tmp_path):
    (tmp_path / "status").write_text("Name:\tpython\nVmPeak:\t 9999 kB\nVmHWM:\t    2048 kB\nVmRSS:\t 1024 kB\n")

    assert peak_rss_mib(tmp_path / "status") == 2.0
