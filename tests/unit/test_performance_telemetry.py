"""What telemetry costs, judged on known numbers."""

import importlib
import os
import subprocess
import time
from pathlib import Path

import pandas as pd
import pytest

from cotejo.command import ROOT
from cotejo.telemetry.table import Series, Window


@pytest.fixture
def telemetry_cost(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "tests" / "performance")
    return importlib.import_module("telemetry_cost")


OFF_MS = [100.0, 102.0, 98.0, 101.0, 99.0]  # a standard deviation of 1.58 % of the median
OWN = Series([0.0, 40.0], [1.0, 1.16])  # 0.4 % of a core


def pairs(telemetry_cost, on_ms):
    windows = [Window(8.0 * place, 8.0 * place + 4) for place in range(len(OFF_MS))]
    turns = [telemetry_cost.Turn(True, window) for window in windows]
    return [telemetry_cost.Pair(*parts) for parts in zip(turns, on_ms, OFF_MS, strict=True)]


@pytest.mark.parametrize(("on_ms", "met"), [([101.0, 103.0, 99.0, 102.0, 100.0], True), ([102.0] * 5, False)])
def test_the_change_of_the_median_is_held_against_the_noise(telemetry_cost, on_ms, met):
    latency, own = telemetry_cost.comparisons(pairs(telemetry_cost, on_ms), OWN)
    assert (latency.target, latency.met()) == (1.0158, met)
    assert own.ours == pytest.approx([0.4] * 5)
    assert own.met()


def test_one_percent_of_a_core_is_the_most(telemetry_cost):
    busy = Series([0.0, 40.0], [1.0, 1.6])
    assert not telemetry_cost.comparisons(pairs(telemetry_cost, OFF_MS), busy)[1].met()


def test_requests_count_in_the_turn_that_they_lie_in(telemetry_cost):
    turns = [
        telemetry_cost.Turn(sampled, Window(100.0 + 4 * place, 104.0 + 4 * place))
        for place, sampled in enumerate([True, False, False, True, True, False])
    ]
    sent_s = pd.Series([float(second) for second in range(-2, 20)])  # of a level that starts at 102
    latency_s = [0.2 if (102 + sent - 100) // 4 % 4 in (0, 3) else 0.1 for sent in sent_s]
    samples = pd.DataFrame({"sent_s": sent_s, "done_s": sent_s + latency_s})
    samples.loc[samples["sent_s"] == 13, "done_s"] = 15.0  # 115 to 117: in no turn alone

    found = telemetry_cost.pairs_of(turns, samples, start_s=102.0, duration_s=30.0)

    # The first pair of turns begins before the level does.
    assert [(pair.on.window.start_s, pair.on_ms, pair.off_ms) for pair in found] == [
        (112.0, pytest.approx(200), pytest.approx(100)),
        (116.0, pytest.approx(200), pytest.approx(100)),
    ]


def test_the_sampler_stands_still_in_every_other_turn(telemetry_cost, monkeypatch):
    monkeypatch.setattr(telemetry_cost, "TURN_S", 0.5)
    with subprocess.Popen(["sleep", "60"]) as process:
        states = []
        with telemetry_cost.taking_turns(process.pid) as turns:
            while len(states) < 5:
                time.sleep(0.1)
                if len(turns) == len(states):
                    stat = Path(f"/proc/{process.pid}/stat").read_text()
                    states.append(stat.rpartition(")")[2].split()[0] != "T")
                    time.sleep(0.05)
        assert [turn.sampled for turn in turns][:5] == states == [True, False, False, True, True]
        os.kill(process.pid, 0)
        process.kill()
