import json
import os
import subprocess
import sys
import time

import pytest

from cotejo import affinity, quiet
from cotejo.accelerators import Accelerator
from cotejo.quiet import gpu_memory_kept, look
from cotejo.schema import check, schema_of

TICK_S = 1 / os.sysconf("SC_CLK_TCK")
PID = 5_000_000  # beyond what Linux gives, so that none of them is this test


class Machine:
    """A machine of two cores with two threads each, as /proc and /sys tell it, whose time passes when one sleeps.

    `used` holds, of each CPU, which share of the time it computes; a process of `processes` computes all the time.
    """

    def __init__(self, folder):
        self.proc, self.sys = folder / "proc", folder / "sys"
        self.now_s = 0.0
        self.used = dict.fromkeys(range(4), 0.0)
        self.bursts = {}  # instead of `used`: of a CPU, the shares of one sleep after the other
        self.busy = dict.fromkeys(range(4), 1000.0)
        self.total = dict.fromkeys(range(4), 100_000.0)
        self.processes = {}
        for cpu in range(4):
            self.write(f"sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list", f"{cpu % 2},{cpu % 2 + 2}\n")
            self.write(f"sys/devices/system/cpu/cpu{cpu}/topology/physical_package_id", "0\n")
            self.write(f"sys/devices/system/cpu/cpu{cpu}/cpufreq/scaling_governor", "performance\n")
            self.write(f"sys/devices/system/cpu/cpu{cpu}/thermal_throttle/core_throttle_count", "2\n")
            self.write(f"sys/devices/system/cpu/cpu{cpu}/thermal_throttle/package_throttle_count", "5\n")
        self.write("sys/devices/system/cpu/online", "0-3\n")
        self.write("proc/loadavg", "3.25 1.00 0.50 2/345 9999\n")
        self.write(
            "proc/meminfo",
            "MemTotal: 16777216 kB\nMemAvailable: 8388608 kB\nSwapTotal: 2097152 kB\nSwapFree: 1048576 kB\n",
        )
        self.write("proc/pressure/cpu", "some avg10=2.50 avg60=0.93 avg300=0.46 total=1\nfull avg10=0.00 total=0\n")
        self.pass_time(0)

    def write(self, name, text):
        path = self.proc.parent / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def pass_time(self, duration_s):
        self.now_s += duration_s
        lines = ["cpu  0 0 0 0 0 0 0 0 0 0"]
        for cpu in range(4):
            share = self.bursts[cpu].pop(0) if duration_s and cpu in self.bursts else self.used[cpu]
            self.busy[cpu] += share * duration_s / TICK_S
            self.total[cpu] += duration_s / TICK_S
            idle = round(self.total[cpu] - self.busy[cpu])
            lines.append(f"cpu{cpu} {round(self.busy[cpu])} 0 0 {idle} 0 0 0 99 0 0")
        self.write("proc/stat", "\n".join([*lines, "procs_running 3", ""]))
        for pid, (name, command) in self.processes.items():
            ticks = round(self.now_s / TICK_S)
            fields = ["S", "1", *["0"] * 9, str(ticks), "0", *["0"] * 6, "77", *["0"] * 16, "1", "0", "0"]
            self.write(f"proc/{pid}/stat", f"{pid} ({name}) {' '.join(fields)}\n")
            self.write(f"proc/{pid}/cmdline", "\0".join([*command, ""]))

    def look(self, *cpus):
        told = look(frozenset(cpus), self.proc, self.sys, clock=lambda: self.now_s, sleep=self.pass_time)
        check(json.loads(json.dumps(told)), LOOK_SCHEMA, affinity.SYSTEM)
        return told


LOOK_SCHEMA = schema_of("record")["$defs"]["look"]


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


def test_a_machine_at_rest(machine):
    assert machine.look(0) == {
        "busy_percent": {"pinned": 0.0, "siblings": 0.0, "others": 0.0},
        "busiest": [],
        "load_1min": 3.25,
        "runnable": 3,
        "pressure_percent": {"cpu": 2.5, "memory": None, "io": None},
        "swap_used_mib": 1024,
        "memory_available_mib": 8192,
        "governors": ["performance"],
        "cpu_throttled": 7,
        "gpus": [],
        "leftovers": [],
    }


def test_use_is_told_apart_by_whose_cpus_it_takes(machine):
    machine.used = {0: 0.4, 1: 0.0, 2: 0.6, 3: 1.0}
    assert machine.look(0)["busy_percent"] == {"pinned": 40.0, "siblings": 60.0, "others": 50.0}
    assert machine.look(0, 2)["busy_percent"] == {"pinned": 50.0, "siblings": None, "others": 50.0}


def test_a_short_burst_is_no_load(machine):
    machine.bursts = {0: [0, 1.0, 1.0, 0, 0]}
    assert machine.look(0)["busy_percent"]["pinned"] == 0.0
    machine.bursts = {0: [0, 1.0, 1.0, 1.0, 0]}
    assert machine.look(0)["busy_percent"]["pinned"] == 100.0


def test_the_busiest_process_is_named_without_its_command_line(machine):
    machine.processes = {PID: ("stress (ng)", ("stress", "--password", "secret"))}
    machine.pass_time(1)
    told = machine.look(0)
    assert told["busiest"] == [{"name": "stress (ng)", "cpu_percent": 100.0, "last_cpu": 1}]
    assert "secret" not in json.dumps(told)


def test_a_name_cannot_spoil_a_table(machine):
    machine.processes = {PID: ("x; <b>,\n", ("x",))}
    machine.pass_time(1)
    assert machine.look(0)["busiest"][0]["name"] == "x? ?b???"


def test_leftovers_are_known_by_their_module(machine):
    machine.processes = {
        PID: ("python", ("python", "-m", "cotejo.worker", "--job", "job.json")),
        PID + 1: ("python", ("python", "-m", "cotejo.telemetry.sampler")),
        PID + 2: ("grep", ("grep", "cotejo.worker")),
        PID + 3: ("python", ("python", "-m", "cotejo.workers")),
    }
    machine.pass_time(1)
    assert machine.look(0)["leftovers"] == ["cotejo.telemetry", "cotejo.worker"]


def test_throttle_counters_of_a_core_count_once(machine):
    assert machine.look(0, 2)["cpu_throttled"] == 7
    assert machine.look(0, 1)["cpu_throttled"] == 9


def test_what_a_machine_does_not_tell_is_null(tmp_path):
    told = look(frozenset({0}), tmp_path / "proc", tmp_path / "sys", sleep=lambda _: None)
    check(told, LOOK_SCHEMA, affinity.SYSTEM)
    assert told["busy_percent"] == dict.fromkeys(("pinned", "siblings", "others"))
    lists = {key: told.pop(key) for key in ("busiest", "gpus", "leftovers")}
    assert lists == {"busiest": [], "gpus": [], "leftovers": []}
    assert set(told.pop("pressure_percent").values()) == {None}
    del told["busy_percent"]
    assert set(told.values()) == {None}


def test_garbage_is_null(machine):
    for name, text in (
        ("loadavg", "x"),
        ("meminfo", "MemTotal\nSwapTotal: much kB\n"),
        ("pressure/cpu", "some avg10="),
    ):
        machine.write(f"proc/{name}", text)
    told = machine.look(0)
    assert [told["load_1min"], told["swap_used_mib"], told["pressure_percent"]["cpu"]] == [None, None, None]


def test_a_leftover_on_this_machine(monkeypatch):
    monkeypatch.setattr(quiet, "MODULES", ("cotejo.example",))  # which no test beside this one runs
    code = "import time; print(flush=True); time.sleep(60)"
    # Its parent, a shell of its own session, ends at once: it is not a descendant of this test.
    shell = ["sh", "-c", '"$@" & echo $!; read line', "sh", sys.executable, "-c", code, "-m", "cotejo.example"]
    adopter = subprocess.Popen(
        ["setsid", "--fork", *shell], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    )
    adopter.wait()
    leftover = int(adopter.stdout.readline())
    adopter.stdout.readline()
    try:
        assert "cotejo.example" in look(frozenset(affinity.mask()))["leftovers"]
    finally:
        os.kill(leftover, 9)
        adopter.stdin.close()


def test_our_own_processes_are_not_left_over(monkeypatch):
    monkeypatch.setattr(quiet, "MODULES", ("cotejo.example",))
    child = subprocess.Popen([sys.executable, "-c", "while True: pass", "-m", "cotejo.example"])
    try:
        time.sleep(0.2)
        told = look(frozenset(affinity.mask()))
    finally:
        child.kill()
        child.wait()
    check(told, LOOK_SCHEMA, affinity.SYSTEM)
    assert max(told["busy_percent"].values(), key=lambda share: share or 0) > 0
    assert "cotejo.example" not in told["leftovers"]


def gpu(memory_mib: int | None, foreign: int | None = 0) -> dict[str, object]:
    return {"uuid": "GPU-1", "foreign_processes": foreign, "memory_used_mib": memory_mib}


@pytest.mark.parametrize(
    ("before", "after", "kept"),
    [
        ([gpu(300)], [gpu(360)], []),
        ([gpu(300)], [gpu(2300)], ["GPU GPU-1 holds 2000 MiB more than before"]),
        ([gpu(300)], [gpu(2300, foreign=1)], []),  # somebody else's
        ([gpu(300)], [gpu(None)], []),
        ([], [gpu(2300)], []),
    ],
)
def test_memory_that_a_gpu_did_not_give_back(before, after, kept):
    assert gpu_memory_kept({"gpus": before}, {"gpus": after}) == kept


def test_memory_of_a_gpu_that_a_program_was_not_shown_is_another_ones():
    looks = {"gpus": [gpu(300)]}, {"gpus": [gpu(2300)]}
    part, other = (Accelerator("MIG-1", uuid, None, None) for uuid in ("GPU-1", "GPU-2"))
    assert gpu_memory_kept(*looks, [part]) == gpu_memory_kept(*looks)
    assert gpu_memory_kept(*looks, [other]) == []
