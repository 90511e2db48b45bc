"""The benchmark of planning, on a study small enough for a test."""

import importlib.util
from types import ModuleType

import pytest

from cotejo.command import ROOT


@pytest.fixture(scope="module")
def planning_cost() -> ModuleType:
    spec = importlib.util.spec_from_file_location("planning_cost", ROOT / "tests" / "performance" / "planning_cost.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_planning_is_run_before_and_after_and_held_to_its_bounds(planning_cost):
    measured, costs = planning_cost.planning_costs(widest=1)
    assert measured == 60
    assert [cost.what for cost in costs] == ["dry-run", "nothing to be done"]
    assert all(cost.wall_s > 0.1 and 30 < cost.peak_mib < 1024 for cost in costs)
    table = planning_cost.table([costs[0]._replace(wall_s=21.0), costs[1]._replace(wall_s=1.0, peak_mib=1025.0)])
    assert table.count("**missed**") == 2
    assert planning_cost.table([costs[0]._replace(wall_s=20.0)]).count("| met |") == 1


def test_its_study_is_of_5000_jobs(planning_cost, project):
    assert planning_cost.add_study(project, planning_cost.WIDEST) == 5004
