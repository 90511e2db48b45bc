"""A study by the command that the README gives: what is submitted, where it runs, and when."""

from itertools import pairwise

import pytest


@pytest.fixture(scope="module")
def study(login):
    """The command of a study, and what it said the first time."""
    login.hasten()
    command = login.write_study("mine", cores="1, 2", repeats=2)
    login.finish(command)
    return command


def test_measurements_fill_the_nodes_and_never_meet_on_one(login, study):
    records = login.records("mine")
    assert len(records) == 4
    assert {record["status"] for record in records.values()} == {"ok"}
    measured = login.measured(login.jobs())
    assert [job.state for job in measured] == ["COMPLETED"] * 4
    assert {job.node for job in measured} == {"cpu1", "cpu2"}
    for node in ("cpu1", "cpu2"):
        here = sorted((job for job in measured if job.node == node), key=lambda job: job.start)
        assert all(before.end <= after.start for before, after in pairwise(here))
    assert login.left_on("cpu1") == login.left_on("cpu2") == []


def test_a_record_says_where_it_was_made(login, study):
    records = login.records("mine")
    jobs = {job.id: job for job in login.measured(login.jobs())}
    told = [record["environment"] for record in records.values()]
    assert {facts["slurm"]["id"] for facts in told} == jobs.keys()
    assert all(facts["slurm"]["nodes"] == [jobs[facts["slurm"]["id"]].node] for facts in told)


def test_light_work_stays_on_the_login_node(login, study):
    assert {job.rule for job in login.jobs()} == {"synthesize_model", "measure_process"}


def test_the_same_command_does_nothing_the_second_time(login, study):
    before = login.jobs(), login.records("mine")
    assert "Nothing to be done" in login.finish(study)
    assert (login.jobs(), login.records("mine")) == before


def test_a_figure_is_drawn_without_a_job(login, study):
    before = login.jobs()
    figure = login.folder / "results/mine/figures/speed.svg"
    figure.unlink()
    login.finish(study.replace("slurm ", "slurm plots ", 1))
    assert figure.exists()
    assert login.jobs() == before
