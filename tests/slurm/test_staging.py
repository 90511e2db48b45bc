"""A node's own disk: what is copied there is what is measured, and it is gone when the job is."""

import os

SYSTEM = """\
name: Virtual nodes with disks
site: cluster
slurm: {cpus_per_task: %d, partition: cpu, stage: true, scratch: /tmp/$SLURM_JOB_PARTITION}
"""


def test_a_job_measures_its_own_copies_and_leaves_none(login, cluster):
    login.hasten()
    (login.folder / "config/systems/disks.yaml").write_text(SYSTEM % (os.cpu_count() or 1))
    command = login.write_study("staged").replace("=virtual", "=disks")
    login.prepare(command)
    login.finish(command)
    [record] = login.records("staged", "disks").values()
    assert record["status"] == "ok"
    # Each node has a /tmp of its own, in memory.
    assert record["staged"]["file_system"] == "tmpfs"
    assert record["staged"]["size_mib"] > 1
    assert record["model"]["folder"] == "resources/models/tinyllama-1.1b-chat/synthetic-small"
    slurm = record["environment"]["slurm"]
    assert slurm["nodes"] == [record["environment"]["machine"]["hostname"]]
    assert (slurm["partition"], slurm["cpus"], slurm["gpus"], slurm["restarts"]) == ("cpu", os.cpu_count(), 0, 0)
    assert slurm["time_limit_s"] == (300 // 60 + 15) * 60
    left = cluster.run(slurm["nodes"][0], ["find", "/tmp/cpu", "-mindepth", "2"])
    assert (left.returncode, left.stdout) == (0, ""), left.stderr
    said = "".join(path.read_text() for path in (login.folder / "logs/measure_process").rglob("*.said.log"))
    assert "MiB to /tmp/cpu/cotejo-" in said
