"""One measurement through Slurm by the command that the README gives, for continuous integration."""

import pytest


@pytest.mark.smoke
def test_one_run_is_measured_on_a_node_and_drawn_on_the_login_node(login):
    login.hasten()
    command = login.write_study("smoke")
    login.prepare(command)
    login.finish(command)
    [record] = login.records("smoke").values()
    [measured] = login.jobs()
    assert measured.rule == "measure_process"
    assert record["status"] == "ok", record["message"]
    assert record["environment"]["slurm"]["id"] == measured.id
    assert record["environment"]["slurm"]["nodes"] == [measured.node]
    assert (login.folder / "results/smoke/figures/speed.svg").is_file()
    assert login.left_on(measured.node) == []
    assert "Nothing to be done" in login.finish(command)
    assert login.jobs() == [measured]
