"""The benchmark of planning, on a study small enough for a test."""

from types import ModuleType

import pytest

from tests.conftest import performance_script


@pytest.fixture(scope="module")
def planning_cost() -> ModuleType:
    return performance_script("planning_cost")


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
