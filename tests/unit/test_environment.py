import hashlib
import json
import os
import shutil
import subprocess
import sys
import sysconfig

import pytest
from record_example import RECORD, changed, served

from cotejo import affinity
from cotejo.code import ast_digest
from cotejo.environment import facts, git_revision, machine_facts, merge_key, software_facts, stack_facts
from cotejo.schema import check, schema_of

CPUINFO = (
    "processor\t: 0\nmodel name\t: Example CPU @ 2.00GHz\nmicrocode\t: 0xd0003a5\nflags\t\t: fpu{}\n\n"
    "processor\t: 1\nmodel name\t: other\n"
)


@pytest.fixture
def machine(tmp_path):
    """A machine as /sys and /proc tell it: two cores with two threads each, on bare metal."""
    files = {
        "proc/cpuinfo": CPUINFO.format(""),
        "proc/meminfo": "MemTotal:       16777216 kB\nMemFree: 1 kB\nSwapTotal:       2097152 kB\nHugePages_Total: 0\n",
        "sys/devices/system/cpu/online": "0-3\n",
        "sys/devices/system/cpu/intel_pstate/no_turbo": "1\n",
        "sys/devices/system/node/node0/cpulist": "0-3\n",
        "sys/devices/system/cpu/vulnerabilities/mds": "Not affected\n",
        "sys/devices/system/cpu/vulnerabilities/meltdown": "Mitigation: PTI\n",
        "sys/kernel/mm/transparent_hugepage/enabled": "always [madvise] never\n",
        "sys/class/powercap/intel-rapl:0/name": "package-0\n",
        "sys/class/powercap/intel-rapl:0/constraint_0_power_limit_uw": "65000000\n",
        "sys/class/powercap/intel-rapl:1/name": "psys\n",
        "sys/class/powercap/intel-rapl:1/constraint_0_power_limit_uw": "90000000\n",
        "proc/sys/kernel/numa_balancing": "1\n",
    }
    for number in range(4):
        cpu = f"sys/devices/system/cpu/cpu{number}"
        files |= {
            f"{cpu}/topology/thread_siblings_list": f"{number % 2},{number % 2 + 2}\n",
            f"{cpu}/topology/physical_package_id": "0\n",
            f"{cpu}/cpufreq/scaling_governor": "performance\n",
            f"{cpu}/cpufreq/scaling_driver": "intel_pstate\n",
            f"{cpu}/cpufreq/energy_performance_preference": "balance_performance\n",
            f"{cpu}/cpufreq/scaling_min_freq": "800000\n",
            f"{cpu}/cpufreq/scaling_max_freq": "3200000\n",
        }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return {"sys": tmp_path / "sys", "proc": tmp_path / "proc"}


def test_what_a_machine_tells(machine):
    told = machine_facts(**machine)
    assert {key: told[key] for key in ("cpu", "sockets", "cores", "threads", "smt", "numa_nodes")} == {
        "cpu": "Example CPU @ 2.00GHz", "sockets": 1, "cores": 2, "threads": 4, "smt": True, "numa_nodes": 1,
    }  # fmt: skip
    assert (told["governor"], told["frequency_min_mhz"], told["frequency_max_mhz"]) == ("performance", 800, 3200)
    assert (told["turbo"], told["memory_mib"], told["swap_mib"]) == (False, 16384, 2048)
    assert told["cgroup_memory_mib"] is None
    assert (told["microcode"], told["mitigations"]) == ("0xd0003a5", {"meltdown": "Mitigation: PTI"})
    assert (told["huge_pages"], told["numa_balancing"], told["power_limit_w"]) == ("madvise", True, 65.0)
    assert (told["frequency_driver"], told["energy_preference"]) == ("intel_pstate", "balance_performance")


def test_what_a_machine_does_not_tell_is_null(machine):
    for folder in ("class", "kernel", "devices/system/cpu/vulnerabilities", "devices/system/cpu/intel_pstate"):
        shutil.rmtree(machine["sys"] / folder)
    shutil.rmtree(machine["proc"] / "sys")
    for cpu in range(4):
        shutil.rmtree(machine["sys"] / f"devices/system/cpu/cpu{cpu}/cpufreq")
    (machine["proc"] / "cpuinfo").write_text("processor : 0\n")
    told = machine_facts(**machine)
    unknown = {
        "microcode", "numa_balancing", "frequency_driver", "governor", "energy_preference", "frequency_min_mhz",
        "frequency_max_mhz", "turbo", "power_limit_w", "mitigations", "huge_pages",
    }  # fmt: skip
    assert {key for key in unknown if told[key] is None} == unknown


def test_governors_that_differ_are_all_told(machine):
    (machine["sys"] / "devices/system/cpu/cpu1/cpufreq/scaling_governor").write_text("powersave\n")
    assert machine_facts(**machine)["governor"] == "performance, powersave"


def test_a_virtual_machine_says_so(machine):
    (machine["proc"] / "cpuinfo").write_text(CPUINFO.format(" hypervisor sse2"))
    assert machine_facts(**machine)["virtualisation"].startswith("virtual machine")
    for name, text in (("sys_vendor", "Amazon EC2\n"), ("product_name", "m6i.8xlarge\n")):
        (machine["sys"] / "class/dmi/id").mkdir(parents=True, exist_ok=True)
        (machine["sys"] / "class/dmi/id" / name).write_text(text)
    assert machine_facts(**machine)["virtualisation"].startswith("Amazon EC2 m6i.8xlarge")


def test_arm_has_numbers_for_a_name(machine):
    (machine["proc"] / "cpuinfo").write_text("processor : 0\nCPU implementer\t: 0x41\nCPU part\t: 0xd0c\n")
    assert machine_facts(**machine)["cpu"].endswith(" 0x41 0xd0c")


def test_this_machines_facts_follow_the_schema():
    told = facts()
    check(told, schema_of("record")["properties"]["environment"], affinity.SYSTEM)
    assert told["machine"]["threads"] >= len(affinity.mask())


def test_the_lock_digest_is_that_of_the_main_environment(tmp_path):
    assert software_facts(tmp_path)["lock_digest"] is None
    (tmp_path / "envs").mkdir()
    (tmp_path / "envs" / "main.txt").write_text("numpy==2.4.0\n")
    assert software_facts(tmp_path)["lock_digest"] == hashlib.sha256(b"numpy==2.4.0\n").hexdigest()


def test_an_interpreter_of_somebodys_own_has_no_lock_and_is_told_by_what_it_holds(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    assert software_facts()["lock_digest"] is None
    unlocked = changed(RECORD, environment__software__lock_digest=None)
    assert merge_key(unlocked)["lock"] == unlocked["environment"]["software"]["installed_digest"]


def test_the_digest_of_what_is_installed_follows_names_and_versions(tmp_path, monkeypatch):
    monkeypatch.setattr(sysconfig, "get_path", lambda kind: str(tmp_path))
    digests = [software_facts()["installed_digest"]]
    for name in ("numpy-2.4.0.dist-info", "numpy", "scipy-1.17.0.dist-info"):
        (tmp_path / name).mkdir()
        digests.append(software_facts()["installed_digest"])
    empty, numpy, unchanged, scipy = digests
    assert len({empty, numpy, scipy}) == 3
    assert unchanged == numpy


def test_git_revision(tmp_path, monkeypatch):
    def git(*arguments: str) -> str:
        settings = ["-c", "user.name=a", "-c", "user.email=a@b.example", "-c", "commit.gpgsign=false"]
        done = subprocess.run(["git", *settings, *arguments], cwd=tmp_path, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    assert git_revision(tmp_path) is None
    git("init")
    assert git_revision(tmp_path) is None  # nothing committed
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts" / "a.py").write_text("x = 1\n")
    git("add", ".")
    git("commit", "-m", "one")
    revision = git("rev-parse", "HEAD")
    assert git_revision(tmp_path) == revision
    (tmp_path / "notes.txt").write_text("no code")
    assert git_revision(tmp_path) == revision
    (tmp_path / "scripts" / "b.py").write_text("y = 1\n")
    assert git_revision(tmp_path) == f"{revision}-dirty"
    (tmp_path / "inside").mkdir()
    assert git_revision(tmp_path / "inside") is None  # a copy inside somebody else's repository
    monkeypatch.setenv("PATH", os.devnull)
    assert git_revision(tmp_path) is None


GPU = {"name": "NVIDIA A30", "driver": "535.104.05"}


@pytest.mark.parametrize(
    "change",
    [
        {"system": "other"},
        {"environment__machine__cpu": "other"},
        {"environment__gpus": [GPU]},
        {"environment__software__lock_digest": "0" * 64},
        {"model__digest": "0" * 64},
        {"export__digest": "0" * 64},
        {"export": None},
        {"code_digest": "0" * 16},
    ],
)
def test_unlike_records_do_not_merge(change):
    assert merge_key(changed(RECORD, **change)) != merge_key(RECORD)


@pytest.mark.parametrize("key", ["version", "environment", "image"])
def test_unlike_servers_do_not_merge(key):
    assert merge_key(served(**{f"server__{key}": "other"})) != merge_key(served()) != merge_key(RECORD)


@pytest.mark.parametrize("part", ["server", "client"])
def test_unlike_locks_of_stacks_do_not_merge_and_older_records_keep_their_key(part):
    old = merge_key(served())
    assert merge_key(served(**{f"{part}__lock_sha256": None})) == old
    one, other = (merge_key(served(**{f"{part}__lock_sha256": digit * 64})) for digit in "ab")
    assert one != other != old != one


def test_unlike_stacks_of_runs_in_process_do_not_merge(tmp_path):
    stack = {"name": "deepspeed", "lock_sha256": "a" * 64, "installed_digest": "b" * 64}
    first = merge_key({**RECORD, "stack": stack})
    assert first != merge_key(RECORD)
    for key in stack:
        assert merge_key({**RECORD, "stack": stack | {key: "c" * 64}}) != first


def test_a_stack_is_told_by_its_lock_file_and_by_what_it_holds(tmp_path):
    packages, python = tmp_path / "lib" / "python3.11" / "site-packages", tmp_path / "bin" / "python"
    (packages / "torch-2.13.0.dist-info").mkdir(parents=True)
    users = stack_facts("deepspeed", python)
    assert (users["name"], users["lock_sha256"]) == ("deepspeed", None)
    (packages / "deepspeed-0.19.8.dist-info").mkdir()
    (tmp_path / ".cotejo-stamp.json").write_text(json.dumps({"lock_sha256": "a" * 64}))
    made = stack_facts("deepspeed", python)
    assert made["lock_sha256"] == "a" * 64
    assert made["installed_digest"] != users["installed_digest"]


@pytest.mark.parametrize("change", [{"server__ready_s": 3.0}, {"server__command": []}, {"client__cpus": [2]}])
def test_how_a_server_was_started_keeps_nothing_apart(change):
    assert merge_key(served(**change)) == merge_key(served())


def test_other_gpus_of_the_machine_keep_nothing_apart_where_a_run_tells_its_own():
    def key(*there, shown):
        return merge_key(changed(RECORD, environment__gpus=[*there], affinity__gpus=shown))["gpus"]

    small = {**GPU, "name": "NVIDIA T400"}
    assert key(GPU, small, shown=[GPU]) == key(GPU, shown=[GPU]) == key(GPU, shown=None) == ["NVIDIA A30"]
    assert key(GPU, small, shown=[small]) == ["NVIDIA T400"]
    assert key(GPU, shown=[{"name": "NVIDIA A30 MIG 1g.6gb"}]) == ["NVIDIA A30 MIG 1g.6gb"]
    assert key(GPU, small, shown=None) == ["NVIDIA A30", "NVIDIA T400"]


def test_another_driver_does_not_merge():
    one, other = (
        changed(RECORD, environment__gpus=[{**GPU, "driver": driver}]) for driver in ("535.104.05", "550.54.14")
    )
    assert merge_key(one) != merge_key(other)


@pytest.mark.parametrize(
    "change",
    [
        {"environment__machine__hostname": "edge-2"},
        {"environment__machine__kernel": "6.1.1"},
        {"environment__software__installed_digest": "0" * 64},
        {"git_revision": None},
        {"repeat": 2},
        {"run__id": "renamed"},
    ],
)
def test_host_name_and_revision_keep_nothing_apart(change):
    assert merge_key(changed(RECORD, **change)) == merge_key(RECORD)


def test_a_comment_edited_between_two_repeats_splits_nothing(tmp_path):
    def key(code: str) -> dict:
        (tmp_path / "task.py").write_text(code)
        return merge_key(changed(RECORD, code_digest=ast_digest([tmp_path / "task.py"])))

    repeat = key("x = 1  # one\n")
    assert key('"""A docstring."""\nx = 1  # the first\n') == repeat
    assert key("x = 2  # one\n") != repeat
