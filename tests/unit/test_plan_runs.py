import json

import plan_runs
import pytest

from cotejo.arguments import parsed_run
from cotejo.errors import CotejoError
from cotejo.record import folder_name
from cotejo.sheet import sheet_text
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


def test_a_sheet_is_shown_with_the_time_and_the_disk_that_it_will_take(tmp_path, capsys):
    study = load_study("demo")
    sheet = tmp_path / "demo" / "runs.csv"
    sheet.parent.mkdir()
    sheet.write_text(sheet_text(study))
    plan_runs.show_sheet(sheet)
    told = capsys.readouterr().out
    assert "36 repeats to come: at least 3 min of measuring (from warm-up and duration alone)" in told
    assert "  disk: " in told and "GB free" in told
    for run in study.runs:
        folder = tmp_path / "demo/records/local" / folder_name(run)
        folder.mkdir(parents=True)
        for number in range(1, 7):
            (folder / f"r{number}.json").write_text("{}")
    plan_runs.show_sheet(sheet)
    assert "  all of it is measured\n" in capsys.readouterr().out
