"""The sampler as a process: what it finds, and what it costs."""

import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest
from bench import Bench

from cotejo import affinity
from cotejo.affinity import Watch, format_cpus
from cotejo.child import Ending, run_child
from cotejo.telemetry.beside import sampling
from cotejo.telemetry.levels import level_telemetry
from cotejo.telemetry.table import Table, read_table, sampling_cost

LAST = max(affinity.mask())

# A process with threads, two processes that compute in turns, and one that starts a short one over and over.
TREE = """
import subprocess, sys, threading, time
from multiprocessing import Process
def work(seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        sum(range(20_000))
        time.sleep(0.002)
if __name__ == "__main__":
    seconds = float(sys.argv[1])
    threads = [threading.Thread(target=time.sleep, args=[seconds]) for _ in range(6)]
    processes = [Process(target=work, args=[seconds]) for _ in range(2)]
    for each in [*threads, *processes]:
        each.start()
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        subprocess.run(["true"])
        time.sleep(0.05)
    for each in [*threads, *processes]:
        each.join()
"""


def sampled(folder: Path, *command: str, cpus: frozenset[int] = frozenset({LAST})) -> tuple[Table, Ending]:
    """A command on some CPUs, and the sampler beside it."""
    output = folder / "telemetry.csv"
    with sampling(cpus, output) as finish:
        pin = ["taskset", "-c", format_cpus(cpus)]
        ending = run_child(pin, command, os.environ, Watch(cpus), 60, folder / "log", finish)
    return read_table(output), ending


def python(folder: Path, code: str, *arguments: str) -> list[str]:
    (folder / "code.py").write_text(code)
    return [sys.executable, str(folder / "code.py"), *arguments]


def test_it_costs_less_than_one_percent_of_one_core(tmp_path):
    table, ending = sampled(tmp_path, *python(tmp_path, TREE, "10"), cpus=frozenset(affinity.mask()))
    assert (ending.exit_code, ending.last_line) == (0, "")
    cost = sampling_cost(table)
    assert cost["rate_hz"] == pytest.approx(5, rel=0.05)
    assert cost["own_cpu_percent"] < 1


def test_all_cpu_time_is_found_that_of_short_lived_children_too(tmp_path):
    """Up to its very end: a level's window may end less than a tick before the process."""
    many = "for i in $(seq 600); do /bin/true; done; (for i in $(seq 100000); do :; done)"
    table, ending = sampled(tmp_path, "bash", "-c", many)
    assert ending.cpu_s > 0.3
    # Ended children count in ticks of 10 ms, user and system time each rounded down.
    assert table["cpu_s"].values[-1] == pytest.approx(ending.cpu_s, abs=0.021)


def test_a_tree_may_have_more_processes_than_the_shell_lets_the_sampler_open_files(tmp_path):
    many = "import os, time\nfor _ in range(200):\n if os.fork() == 0: time.sleep(2); os._exit(0)\ntime.sleep(2)"
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    try:
        table, _ = sampled(tmp_path, *python(tmp_path, many))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert max(table["rss_mib"].values) > 200  # a MiB at least of each


def test_its_own_cpu_time_is_not_the_measured_processs(tmp_path):
    before_s = children_cpu_s()
    table, ending = sampled(tmp_path, "sleep", "1")
    of_others_s = children_cpu_s() - before_s - ending.cpu_s
    assert ending.cpu_s > 0
    assert of_others_s >= sampling_cost(table)["own_cpu_s"] > 0


def children_cpu_s() -> float:
    """Of those that have ended and been waited for: the measured process and the sampler."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def test_what_others_compute_on_the_measured_cpus_is_foreign(tmp_path):
    hog = subprocess.Popen(["taskset", "-c", str(LAST), sys.executable, "-c", "while True: pass"])
    try:
        begun_s = time.monotonic()
        table, _ = sampled(tmp_path, "timeout", "4", sys.executable, "-c", "while True: pass")
    finally:
        hog.kill()
        hog.wait()
    told = level_telemetry(table, {"start_monotonic_s": begun_s + 1, "duration_s": 2}, 1, len(affinity.mask()) > 1)
    assert told["cpu_cores"] < 0.7
    assert told["foreign_cpu_percent"] > 30
    assert told["cpu_cores"] + told["foreign_cpu_percent"] / 100 <= 1.01


def test_a_record_has_the_telemetry_of_its_levels(bench: Bench):
    record = bench.measure(behave="compute", duration_s=1.2)
    (level,) = record["levels"]
    told = level["telemetry"]
    assert 5 <= told["ticks"] <= 8
    assert 0.1 < told["cpu_cores"] <= 1.01
    assert told["rss_peak_mib"] > 5
    assert told["memory_available_mib"] > 50
    assert told["foreign_cpu_percent"] >= 0
    assert record["telemetry"]["file"] == "r1.telemetry.csv"
    assert record["telemetry"]["rate_hz"] == pytest.approx(5, rel=0.3)
    assert 0 < record["telemetry"]["own_cpu_s"] < 1
