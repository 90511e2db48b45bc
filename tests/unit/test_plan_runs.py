import json

import plan_runs
import pytest

from cotejo.arguments import parsed_run
from cotejo.errors import CotejoError
from cotejo.study import load_study

STUDY = load_study("ccad-llava-a30", "synthetic")


def test_a_run_is_printed_as_the_measuring_commands_take_it():
    by_name = plan_runs.settings(STUDY, "7b-one-gpu")
    assert by_name == plan_runs.settings(STUDY, by_name["id"])
    assert "repeats" not in by_name  # a change of it re-measures nothing
    assert parsed_run(json.dumps(by_name)) == by_name


def test_a_name_of_no_run_or_of_several_is_refused():
    with pytest.raises(CotejoError, match=r"--run: 7b: no such run\. One of 7b-one-gpu_"):
        plan_runs.settings(STUDY, "7b")
    several = load_study("edge-cloud", "smoke")
    name = next(run["name"] for run in several.runs if [one["name"] for one in several.runs].count(run["name"]) > 1)
    with pytest.raises(CotejoError, match=f"--run: {name}: has several runs"):
        plan_runs.settings(several, name)
