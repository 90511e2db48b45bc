import importlib
import os
import subprocess
import sys
import threading

import pytest
from telemetry_example import Machine

from cotejo.accelerators import makers
from cotejo.code import SCRIPTS
from cotejo.telemetry import SOURCES
from cotejo.telemetry.sampler import TICK_S, OwnCost, open_sources, run, sample
from cotejo.telemetry.source import Source
from cotejo.telemetry.table import read_table, sampling_cost


class Time:
    """A clock that passes while it is waited for, and by what readings take."""

    def __init__(self, ticks):
        self.now_s = 1000.0
        self.cpu_s = 0.0
        self.ticks = ticks

    def wait(self, seconds):
        self.now_s += seconds
        self.ticks -= 1
        return self.ticks == 0


class Counted(Source):
    def __init__(self, time, column, period_s=TICK_S, share=0.001, cost_s=0.0, takes_s=0.0):
        self.columns, self.period_s, self.share = (column,), period_s, share
        self._time, self._cost_s, self._takes_s = time, cost_s, takes_s

    def read(self):
        self._time.now_s += self._takes_s
        self._time.cpu_s += self._cost_s
        return {self.columns[0]: 1}


def rows(time, *sources):
    written = []
    sample(sources, lambda *row: written.append(row), time.wait, lambda: time.now_s, lambda: time.cpu_s)
    return written


def instants(written, column):
    return [round(now_s - 1000, 6) for now_s, row in written if column in row]


def test_ticks_keep_to_their_grid():
    time = Time(5)
    assert instants(rows(time, Counted(time, "a", takes_s=0.07)), "a") == [0, 0.2, 0.4, 0.6, 0.8, 1.0]


def test_ticks_that_a_long_reading_missed_are_left_out():
    time = Time(3)
    assert instants(rows(time, Counted(time, "a", takes_s=0.5)), "a") == [0, 0.6, 1.2, 1.8]


def test_each_source_has_its_own_period_and_all_are_read_at_the_end():
    time = Time(12)
    written = rows(time, Counted(time, "slow", period_s=1.0), Counted(time, "quick"))
    assert len(instants(written, "quick")) == 13
    assert instants(written, "slow") == [0, 1, 2, 2.4]


def test_quick_sources_are_read_first_at_a_tick():
    time = Time(1)
    written = rows(time, Counted(time, "slow", period_s=10), Counted(time, "quick"))
    assert list(written[0][1]) == ["quick", "slow"]


def test_a_source_that_costs_more_than_its_share_is_read_less_often():
    """1.8 ms of CPU time at 0.2 % of one core: every 0.9 s, which is the fifth tick."""
    time = Time(20)
    written = rows(time, Counted(time, "dear", share=0.002, cost_s=0.0018), Counted(time, "cheap"))
    assert instants(written, "dear") == [0, 1, 2, 3, 4]
    assert len(instants(written, "cheap")) == 21


def test_the_shares_of_all_sources_stay_below_one_percent_of_one_core():
    for module in SOURCES:
        importlib.import_module(f"cotejo.telemetry.{module}")
    own = ("cotejo.telemetry.", *(f"{module.__name__}_" for module in makers()))
    classes = [kind for kind in descendants(Source) if kind.__module__.startswith(own)]
    shares = {kind.__name__: kind.share for kind in classes if hasattr(kind, "share")}
    assert set(shares) >= {"OwnCost", "Usage", "CpuTime", "Frequencies", "Rapl", "State", "Traffic"}
    assert sum(shares.values()) < 0.01


def descendants(kind):
    return [each for child in kind.__subclasses__() for each in (child, *descendants(child))]


class Fails(Source):
    columns = ("bad",)
    period_s, share = TICK_S, 0.001

    def read(self):
        raise ValueError("no such sensor")


class Blocks(Source):
    """Is read in a thread of its own."""

    columns = ("thread",)
    period_s, share, blocks = TICK_S, 1.0, True

    def __init__(self):
        self.read_once = threading.Event()

    def read(self):
        self.read_once.set()
        return {"thread": threading.current_thread().name}


def test_the_file_has_every_column_and_rows_of_threads_among_the_others(tmp_path):
    blocks = Blocks()
    run([OwnCost(), blocks], tmp_path / "t.csv", lambda seconds: blocks.read_once.wait(10))
    table = read_table(tmp_path / "t.csv")
    assert list(table) == ["own_cpu_s", "thread"]
    assert len(table["own_cpu_s"].values) == 2
    assert "MainThread" not in table["thread"].values
    assert table["thread"].values
    assert sampling_cost(table)["own_cpu_s"] > 0


def test_what_fails_leaves_no_file(tmp_path):
    with pytest.raises(ValueError, match="no such sensor"):
        run([OwnCost(), Blocks(), Fails()], tmp_path / "t.csv", lambda seconds: False)
    assert list(tmp_path.iterdir()) == []


def test_what_fails_in_a_thread_ends_the_sampler(tmp_path):
    code = """
import sys, time
from pathlib import Path
from cotejo.telemetry.sampler import OwnCost, run
from cotejo.telemetry.source import Source
class Fails(Source):
    columns, period_s, share, blocks = ("bad",), 0.2, 0.001, True
    def read(self):
        raise ValueError("no such sensor")
run([OwnCost(), Fails()], Path(sys.argv[1]), lambda seconds: time.sleep(0.2))
"""
    environment = {**os.environ, "PYTHONPATH": str(SCRIPTS)}
    command = [sys.executable, "-c", code, str(tmp_path / "t.csv")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30)
    assert done.returncode == 1
    assert "ValueError: no such sensor" in done.stderr
    assert not (tmp_path / "t.csv").exists()


def test_a_source_is_one_module_and_the_sampler_knows_none_by_name(tmp_path, monkeypatch):
    machine = Machine(tmp_path)
    other = type(sys)("cotejo.telemetry.other_gpu")
    other.sources = lambda target: [Blocks()] if target == machine.target else []
    monkeypatch.setitem(sys.modules, "cotejo.telemetry.other_gpu", other)
    found = open_sources(machine.target, ("process", "other_gpu"))
    assert [type(source).__name__ for source in found][-1] == "Blocks"
    names = (SCRIPTS / "cotejo" / "telemetry" / "sampler.py").read_text()
    assert not [module for module in SOURCES if f"telemetry.{module}" in names or f'"{module}"' in names]
