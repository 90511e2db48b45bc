"""What goes wrong on clusters: afterwards each record is there once and whole, and nothing runs on any node."""

import os
import shutil
import signal

import pytest
from configuration import NODES
from login import soon

from cotejo.files import sha256_of


@pytest.fixture(scope="module", autouse=True)
def prepared(login):
    """The model that all studies of this file measure, made once."""
    login.hasten()
    login.prepare(login.write_study("prepared"))


@pytest.fixture(autouse=True)
def all_nodes(cluster):
    """Every node up and idle, before and after."""
    cluster.await_nodes()
    yield
    cluster.await_nodes()


def job_of(record):
    return record["environment"]["slurm"]["id"]


def check(login, study, records):
    """That so many records are there, each whole, healthy and measured by a job of its own, and that nothing runs."""
    found = login.records(study)
    assert len(found) == records
    folder = login.folder / "results" / study / "records/virtual"
    for name, record in found.items():
        assert record["status"] == "ok", record["message"]
        for beside in ("samples", "telemetry"):
            assert sha256_of((folder / name).with_name(record[beside]["file"])) == record[beside]["sha256"]
    made_by = [job_of(record) for record in found.values()]
    assert len(set(made_by)) == records
    states = {job.id: job.state for job in login.jobs()}  # the last go of each
    assert {job: states[job] for job in made_by} == dict.fromkeys(made_by, "COMPLETED")
    soon(lambda: not any(login.left_on(node.name) for node in NODES), within_s=30)
    return found


def test_a_measuring_job_is_cancelled(login, cluster):
    command = login.write_study("cancelled", cores="1, 2", duration_s=8)
    running = login.start(command)
    hit = soon(login.measuring)
    cluster.run("login", ["scancel", hit.job], check=True)
    assert login.ended(running) == 1
    assert {job.state for job in login.jobs() if job.id == hit.job} == {"CANCELLED"}
    check(login, "cancelled", records=1)
    login.finish(command)
    check(login, "cancelled", records=2)


def test_a_node_dies(login, cluster):
    command = login.write_study("died", cores="1, 2", duration_s=8)
    running = login.start(command)
    hit = soon(login.measuring)
    cluster.crash(hit.node)
    assert login.ended(running) == 0, login.said()
    cluster.boot(hit.node)
    cluster.await_nodes()
    again = [record for record in check(login, "died", records=2).values() if job_of(record) == hit.job]
    assert [record["environment"]["slurm"]["restarts"] for record in again] == [1]


def test_a_node_is_set_down(login, cluster):
    command = login.write_study("down", duration_s=20)
    running = login.start(command)
    hit = soon(login.measuring)
    node = f"nodename={hit.node}"
    cluster.run("login", ["scontrol", "update", node, "state=down", "reason=test"], check=True)
    assert login.ended(running) == 0, login.said()
    [record] = check(login, "down", records=1).values()
    assert (job_of(record), record["environment"]["slurm"]["restarts"]) == (hit.job, 1)


def test_a_node_loses_its_network_and_measures_on(login, cluster):
    command = login.write_study("cut-off", duration_s=30)
    running = login.start(command)
    hit = soon(login.measuring)
    cluster.ip(hit.node, "link set eth0 down")
    try:
        [stale] = soon(lambda: login.records("cut-off")).values()
        assert login.ended(running) == 0, login.said()
    finally:
        cluster.ip(hit.node, "link set eth0 up")
        cluster.await_nodes()
    [record] = check(login, "cut-off", records=1).values()
    assert job_of(record) == job_of(stale) == hit.job
    assert [each["environment"]["slurm"]["restarts"] for each in (stale, record)] == [0, 1]
    assert record["started_at"] > stale["finished_at"]


def test_a_node_hangs_until_another_has_measured(login, cluster):
    command = login.write_study("hung", duration_s=5)
    running = login.start(command)
    hit = soon(login.measuring)
    cluster.freeze(hit.node)
    try:
        assert login.ended(running) == 0, login.said()
        before = login.records("hung")
        cluster.thaw(hit.node, without="slurmd")  # which would end the job
        soon(lambda: not login.left_on(hit.node))
    finally:
        cluster.thaw(hit.node)
        cluster.await_nodes()
    assert check(login, "hung", records=1) == before
    assert [record["environment"]["slurm"]["restarts"] for record in before.values()] == [1]


def test_a_time_limit_is_hit(login, cluster):
    command = login.write_study("late", cores="1, 2", duration_s=40)
    running = login.start(command)
    hit = soon(login.measuring)
    # Slurm looks for jobs that are over their time every 30 s.
    cluster.run("login", ["scontrol", "update", f"jobid={hit.job}", "endtime=now+1second"], check=True)
    assert login.ended(running) == 1
    assert {job.state for job in login.jobs() if job.id == hit.job} == {"TIMEOUT"}
    check(login, "late", records=1)
    login.finish(command)
    check(login, "late", records=2)


def test_a_job_is_turned_out_by_one_of_higher_priority(login, cluster):
    command = login.write_study("preempted", duration_s=10)
    running = login.start(command)
    hit = soon(login.measuring)
    urgent = ["srun", "--partition=urgent", "--exclusive", f"--nodelist={hit.node}", "true"]
    cluster.run("login", urgent, check=True)
    assert login.ended(running) == 0, login.said()
    [record] = check(login, "preempted", records=1).values()
    assert job_of(record) == hit.job
    assert record["environment"]["slurm"]["restarts"] == 1


def test_snakemake_is_interrupted(login, cluster):
    command = login.write_study("interrupted", cores="1, 2", duration_s=30)
    running = login.start(f"env --default-signal=INT {command}")
    soon(login.measuring)
    os.kill(login.inner(running), signal.SIGINT)
    assert login.ended(running) != 0
    soon(lambda: not login.queued())
    check(login, "interrupted", records=0)
    login.write_study("interrupted", cores="1, 2", duration_s=0.5)
    login.finish(command)
    check(login, "interrupted", records=2)


def test_snakemake_is_killed_and_what_it_left_counts(login):
    command = login.write_study("killed", cores="1, 2", duration_s=25)
    running = login.start(command)
    hit = soon(login.measuring)
    running.kill()
    running.wait()
    locked = login.type(command)
    assert locked.returncode == 1
    assert "--unlock" in locked.stderr
    login.finish(f"{command} --unlock")
    refused = login.type(command)
    assert refused.returncode == 1
    assert "an earlier Snakemake that was killed has left jobs in Slurm's queue: " in refused.stderr
    assert f"{hit.job} (running, rule_measure_process" in refused.stderr
    soon(lambda: not login.queued())
    before = login.measured(login.jobs())
    login.finish(f"{command} --unlock")
    login.finish(command)
    assert login.measured(login.jobs()) == before
    check(login, "killed", records=2)


SQUEUE = """\
#!/bin/sh
if [ -e {folder}/away ]; then
    echo asked >> {folder}/away
    echo "slurm_load_jobs error: Unable to contact slurm controller (connect failure)" >&2
    exit 1
fi
exec {squeue} "$@"
"""


def test_squeue_fails_for_a_while(login):
    tool = login.folder / "bin/squeue"
    tool.parent.mkdir()
    tool.write_text(SQUEUE.format(folder=login.folder, squeue=shutil.which("squeue")))
    tool.chmod(0o755)
    away = login.folder / "away"
    command = login.write_study("unanswered", cores="1, 2", duration_s=3)
    running = login.start(command)
    hit = soon(login.measuring)
    away.touch()
    soon(lambda: hit.job in [job.id for job in login.jobs()] and len(away.read_text().splitlines()) > 5)
    away.unlink()
    assert login.ended(running, within_s=60) == 0, login.said()
    shutil.rmtree(tool.parent)
    check(login, "unanswered", records=2)


def test_the_controller_is_away_for_a_while(login, cluster):
    command = login.write_study("headless", cores="1, 2", duration_s=3)
    running = login.start(command)
    soon(login.measuring)
    cluster.run("login", ["sh", "-c", "kill $(cat /run/slurmctld.pid)"], check=True)
    soon(lambda: not any(login.workers(node.name) for node in NODES))
    cluster.run("login", ["slurmctld"], check=True)
    assert login.ended(running, within_s=120) == 0, login.said()
    check(login, "headless", records=2)
