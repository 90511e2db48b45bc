"""The benchmark of summarise and plot, on a study small enough for a test."""

from types import ModuleType

import numpy as np
import pytest

from cotejo import record
from cotejo.summary import read_attempt
from tests.conftest import performance_script


@pytest.fixture(scope="module")
def analysis_cost() -> ModuleType:
    return performance_script("analysis_cost")


def test_its_records_are_whole_and_each_has_all_its_samples(analysis_cost, tmp_path):
    analysis_cost.make_results(tmp_path, records=10, samples=60)
    attempts = [read_attempt(path) for path in record.find(tmp_path)]
    assert [attempt.record["samples"]["rows"] for attempt in attempts] == [60] * 10
    assert len({attempt.record["run"]["digest"] for attempt in attempts}) == 2
    assert len({attempt.record["samples"]["sha256"] for attempt in attempts}) == 10


def test_the_seed_decides_the_samples(analysis_cost):
    one, again = (analysis_cost.synthetic_samples(np.random.default_rng(3), 50) for _ in range(2))
    assert one == again != analysis_cost.synthetic_samples(np.random.default_rng(4), 50)


def test_both_commands_are_run_and_held_to_their_bounds(analysis_cost):
    costs = analysis_cost.analysis_costs(records=6, samples=50)
    assert [cost.command for cost in costs] == ["summarise", "plot_figure"]
    assert all(0.1 < cost.wall_s < 60 and 30 < cost.peak_mib < 2048 for cost in costs)
    table = analysis_cost.table([costs[0]._replace(wall_s=61.0), costs[1]._replace(peak_mib=2049.0)])
    assert table.count("**missed**") == 2
    assert "met" in analysis_cost.table(costs)
