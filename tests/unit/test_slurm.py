import stat

import pytest

from cotejo import slurm
from cotejo.errors import CotejoError

NODE = {"cpus_per_task": 20}
RUN = {"device": "cpu", "timeout_s": 3600}
GPUS = {"device": "cuda", "accelerators": 2, "timeout_s": 3600}


def measuring(asked=NODE, **run):
    return slurm.measuring_resources({"slurm": asked}, {**RUN, **run})


def test_a_measuring_job_has_its_node_for_itself_and_all_its_cpus():
    assert measuring() == {
        "cpus_per_task": 20, "mem_mb": 0, "runtime": 75, "slurm_extra": "--open-mode=append --exclusive",
    }  # fmt: skip


def test_what_the_systems_file_says_is_asked_for():
    names = {"partition": "gpu", "account": "lab", "qos": "long", "constraint": "a30&ib"}
    found = measuring({**NODE, **names, "memory_gib": 1.5, "runtime_min": 9})
    assert found["slurm_partition"] == "gpu"
    assert found["slurm_account"] == "lab"
    assert (found["qos"], found["constraint"], found["mem_mb"], found["runtime"]) == ("long", "a30&ib", 1536, 9)


@pytest.mark.parametrize(("timeout_s", "runtime_min"), [(60, 16), (61, 17), (3600.5, 76)])
def test_a_job_has_time_for_the_runs_own_limit_and_for_what_is_around_it(timeout_s, runtime_min):
    assert measuring(timeout_s=timeout_s)["runtime"] == runtime_min


def test_a_run_on_gpus_asks_each_node_for_its_share_of_them():
    assert measuring(**GPUS)["slurm_extra"] == "--open-mode=append --exclusive --gpus-per-node=2"
    assert (
        measuring({**NODE, "gpu_type": "a30"}, **GPUS)["slurm_extra"]
        == "--open-mode=append --exclusive --gpus-per-node=a30:2"
    )
    assert measuring(**GPUS, nodes=2)["slurm_extra"] == "--open-mode=append --exclusive --gpus-per-node=1"


def test_a_run_on_several_nodes_is_kept_out_of_an_srun_of_one_task():
    found = measuring(nodes=3)
    assert (found["nodes"], found["tasks"], found["mpi"]) == (3, 3, "srun")
    assert not {"nodes", "tasks", "mpi"} & measuring().keys()


def test_what_measures_nothing_asks_for_no_gpu_and_shares_its_node():
    system = {"slurm": {**NODE, "partition": "gpu", "gpu_type": "a30", "runtime_min": 9}}
    asked = {
        "slurm_partition": "gpu",
        "cpus_per_task": 20,
        "mem_mb": 0,
        "runtime": 9,
        "slurm_extra": "--open-mode=append",
    }
    assert slurm.preparing_resources(system) == asked
    system["slurm"]["prepare_partition"] = "cpu"
    assert slurm.preparing_resources(system)["slurm_partition"] == "cpu"


def test_a_system_that_slurm_does_not_know_asks_for_nothing():
    assert slurm.measuring_resources({}, RUN) == slurm.NOTHING
    assert slurm.preparing_resources({}) == {}


def test_every_resource_has_a_place_in_the_rules():
    everything = {**NODE, "partition": "p", "account": "a", "qos": "q", "constraint": "c"}
    assert measuring(everything, nodes=2).keys() == set(slurm.RESOURCES)


@pytest.fixture
def squeue(tmp_path, monkeypatch):
    """Puts a squeue on PATH that prints what a test wants, and ends as it wants."""

    def say(printed, code=0):
        program = tmp_path / "bin" / "squeue"
        program.parent.mkdir(exist_ok=True)
        (tmp_path / "printed").write_text(printed)
        program.write_text(f"#!/bin/sh\ncat '{tmp_path}/printed'\necho 'controller is away' >&2\nexit {code}\n")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("PATH", str(program.parent), prepend=":")

    return say


def test_jobs_that_a_killed_snakemake_left_in_this_checkout_are_named(tmp_path, squeue):
    squeue(
        f"7|RUNNING|cotejo_4f|{tmp_path}|rule_measure_process_wildcards_demo|local\n"
        f"8|PENDING|cotejo_4f|{tmp_path}|rule_check_export\n"
        "9|RUNNING|cotejo_4f|/another/checkout|rule_check_export\n"
        f"10|RUNNING|mine|{tmp_path}|a job of the user's own\n"
        f"11|COMPLETING|cotejo_4f|{tmp_path}|rule_check_export\n"
    )
    assert [job.id for job in slurm.queued_in(tmp_path)] == ["7", "8"]
    with pytest.raises(CotejoError) as error:
        slurm.refuse_queued(tmp_path)
    assert "7 (running, rule_measure_process_wildcards_demo|local); 8 (pending, rule_check_export)." in str(error.value)
    assert "`scancel 7 8`" in str(error.value)


def test_an_empty_queue_is_no_hindrance(tmp_path, squeue):
    squeue("")
    slurm.refuse_queued(tmp_path)


def test_a_queue_that_can_not_be_asked_is_no_empty_one(tmp_path, squeue, monkeypatch):
    squeue("", code=1)
    with pytest.raises(CotejoError, match=r"squeue: controller is away\. Wait until Slurm answers"):
        slurm.refuse_queued(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CotejoError, match=r"squeue: .*Is this a login node"):
        slurm.refuse_queued(tmp_path)


@pytest.mark.parametrize("first, later", [(300, 300), (None, 7)])
def test_what_slurm_once_said_of_ended_jobs_is_not_asked_again(monkeypatch, first, later):
    import snakemake_executor_plugin_slurm as plugin

    answers = iter([first, 7])
    monkeypatch.setattr(plugin, "get_min_job_age", lambda: next(answers))
    slurm.remember_job_age()
    assert plugin.get_min_job_age() == later
