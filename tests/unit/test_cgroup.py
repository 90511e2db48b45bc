from pathlib import Path

import pytest

from cotejo import cgroup


def tree(root: Path, files: dict[str, str]) -> dict[str, Path]:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return {"proc": root / "proc", "cgroups": root / "cgroup"}


def version_2(root: Path) -> dict[str, Path]:
    return tree(
        root,
        {
            "proc/self/cgroup": "0::/user/job\n",
            "proc/vmstat": "nr_free_pages 1\noom_kill 3\n",
            "cgroup/cgroup.controllers": "cpu memory\n",
            "cgroup/user/memory.max": "4294967296\n",
            "cgroup/user/cpu.max": "150000 100000\n",
            "cgroup/user/job/memory.max": "max\n",
            "cgroup/user/job/memory.events": "low 0\noom 2\noom_kill 2\noom_group_kill 0\n",
            "cgroup/user/job/cpu.max": "max 100000\n",
        },
    )


def version_1(root: Path) -> dict[str, Path]:
    return tree(
        root,
        {
            "proc/self/cgroup": "9:memory:/job\n8:cpu,cpuacct:/job\n0::/\n",
            "proc/vmstat": "oom_kill 1\n",
            "cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
            "cgroup/memory/job/memory.limit_in_bytes": "104857600\n",
            "cgroup/memory/job/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 4\n",
            "cgroup/cpu/job/cpu.cfs_quota_us": "50000\n",
            "cgroup/cpu/job/cpu.cfs_period_us": "100000\n",
        },
    )


@pytest.mark.parametrize(
    ("make", "memory_mib", "cpus", "kills"), [(version_2, 4096, 1.5, 5), (version_1, 100, 0.5, 5)], ids=["v2", "v1"]
)
def test_limits_and_kills(tmp_path, make, memory_mib, cpus, kills):
    places = make(tmp_path)
    assert cgroup.memory_limit_mib(**places) == memory_mib
    assert cgroup.cpu_limit(**places) == cpus
    assert cgroup.oom_kills(**places) == kills


def test_a_path_that_a_container_does_not_see(tmp_path):
    places = version_2(tmp_path)
    (tmp_path / "proc" / "self" / "cgroup").write_text("0::/user/elsewhere/deep\n")
    assert cgroup.memory_limit_mib(**places) == 4096


def test_no_limits(tmp_path):
    places = tree(
        tmp_path,
        {"proc/self/cgroup": "9:memory:/\n0::/\n", "cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n"},
    )
    assert cgroup.memory_limit_mib(**places) is None
    assert cgroup.cpu_limit(**places) is None
    assert cgroup.oom_kills(**places) == 0


def test_no_control_groups(tmp_path):
    places = tree(tmp_path, {"proc/vmstat": "nr_free_pages 1\n"})
    assert cgroup.folders("memory", **places) == []
    assert cgroup.oom_kills(**places) == 0


def test_this_machine_answers():
    assert cgroup.oom_kills() >= 0
