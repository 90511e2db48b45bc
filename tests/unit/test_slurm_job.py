"""The Slurm job that a measurement is part of."""

import pytest

from cotejo.errors import CotejoError
from cotejo.slurm_job import Job, expanded, facts, own_job, refuse_superseded

# Slurm 22.05's answer, its end cut off; two nodes with a GPU each, put back into the queue once.
DESCRIBED = (
    "JobId=17 JobName=cotejo_1f Partition=gpu UserId=root(0) GroupId=root(0) MCS_label=N/A Priority=1 Nice=0 "
    "Account=(null) QOS=(null) JobState=RUNNING Reason=None Dependency=(null) Requeue=1 Restarts=1 BatchFlag=1 "
    "Reboot=0 ExitCode=0:0 RunTime=00:00:02 TimeLimit=1-00:25:00 TimeMin=N/A NodeList=n[1-2] BatchHost=n1 NumNodes=2 "
    "NumCPUs=8 NumTasks=2 CPUs/Task=4 TRES=cpu=8,node=2,billing=8 JOB_GRES=gpu:a30:2 Comment=Restarts=9 NumCPUs=1"
)


@pytest.fixture
def scontrol(tmp_path, monkeypatch):
    """Puts a stand-in for scontrol first on PATH, which says what it is told to say."""

    def make(script: str) -> dict[str, str]:
        program = tmp_path / "scontrol"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
        return {"PATH": f"{tmp_path}:/usr/bin:/bin", "SLURM_JOB_ID": "17"}

    return make


def test_outside_slurm_there_is_no_job_and_nobody_is_asked(scontrol, tmp_path):
    environment = scontrol(f"touch {tmp_path}/asked")
    del environment["SLURM_JOB_ID"]
    assert own_job(environment) is None
    assert facts(None) is None
    assert not (tmp_path / "asked").exists()


def test_the_controller_tells_of_the_job_that_this_process_is_part_of(scontrol, tmp_path):
    (tmp_path / "said").write_text(DESCRIBED)
    environment = scontrol(f'test "$*" = "--oneliner --details show job 17" && cat {tmp_path}/said')
    job = own_job(environment)
    assert job == Job("17", "gpu", ("n1", "n2"), cpus=8, gpus=2, restarts=1, time_limit_s=24 * 3600 + 25 * 60)
    assert facts(job)["nodes"] == ["n1", "n2"]


@pytest.mark.parametrize("script", ["exit 1", "echo", "exec sleep 30"])
def test_a_controller_that_does_not_answer_costs_a_moment_and_no_measurement(scontrol, script):
    variables = {"SLURM_JOB_PARTITION": "gpu", "SLURM_JOB_NODELIST": "n[1-2]", "SLURM_RESTART_COUNT": "2"}
    environment = scontrol(script)
    known = Job("17", "gpu", ("n1", "n2"), restarts=2)
    assert own_job(environment | variables, timeout_s=0.5) == known
    assert own_job(environment, timeout_s=0.5) == Job("17")


def test_a_job_that_was_put_back_into_the_queue_writes_nothing(scontrol, monkeypatch, tmp_path):
    (tmp_path / "said").write_text(DESCRIBED)
    for name, value in scontrol(f"cat {tmp_path}/said").items():
        monkeypatch.setenv(name, value)
    refuse_superseded(Job("17", restarts=1))
    refuse_superseded(Job("17"))
    with pytest.raises(CotejoError, match=r"^Slurm job 17: it was put back into the queue meanwhile"):
        refuse_superseded(Job("17", restarts=0))
    monkeypatch.delenv("SLURM_JOB_ID")
    refuse_superseded(None)


def test_a_node_without_scontrol_is_no_error(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    assert own_job({"SLURM_JOB_ID": "17", "PATH": "/nowhere"}) == Job("17")


@pytest.mark.parametrize(
    ("generic", "gpus"),
    [("(null)", 0), ("gpu:1", 1), ("gpu:a30:2,gpu:t4:1,nvme:100", 3), ("mygpu:4", 0)],
)
def test_gpus_are_counted_over_their_kinds(scontrol, generic, gpus):
    assert own_job(scontrol(f"echo 'JobId=17 JOB_GRES={generic}'")).gpus == gpus


def test_no_time_limit_is_none(scontrol):
    job = own_job(scontrol("echo 'JobId=17 TimeLimit=UNLIMITED NodeList=(null)'"))
    assert (job.time_limit_s, job.nodes, job.gpus) == (None, None, None)


@pytest.mark.parametrize(
    ("listed", "names"),
    [
        ("n1", ["n1"]),
        ("n[1-3]", ["n1", "n2", "n3"]),
        ("gpu[08-10,3],login", ["gpu08", "gpu09", "gpu10", "gpu3", "login"]),
        ("r[1-2]n[1,4]", ["r1n1", "r1n4", "r2n1", "r2n4"]),
        ("c[1-2]-ib", ["c1-ib", "c2-ib"]),
        ("x[00A-00B]", ["x00A-00B"]),
    ],
)
def test_slurms_lists_of_nodes(listed, names):
    assert list(expanded(listed)) == names
