"""The cluster itself: its machines are apart from each other, and nothing is left once it ends."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from cluster import HERE, Cluster, lacking
from configuration import MACHINES, NODES

from cotejo.files import read_json

LEAVE = "setsid sleep 1000 > /dev/null 2>&1 &"


def outside() -> tuple[str, str]:
    """What a cluster could leave behind beside processes: this machine's mounts and network interfaces."""
    links = subprocess.run(["ip", "-oneline", "link"], capture_output=True, text=True, check=True).stdout
    return Path("/proc/self/mountinfo").read_text(), links


def alive(pids: dict[str, int]) -> list[str]:
    return [name for name, pid in pids.items() if Path(f"/proc/{pid}").exists()]


def test_machines_share_a_folder_and_nothing_else(cluster, tmp_path):
    (tmp_path / "shared").write_text("seen by all\n")
    script = f"hostname; cat {tmp_path}/shared; touch /tmp/of-$(hostname); ls -d /tmp/of-*; ps ax | grep -c slurmctl[d]"
    said = {machine.name: cluster.run(machine.name, ["sh", "-c", script]).stdout for machine in MACHINES}
    assert said == {name: f"{name}\nseen by all\n/tmp/of-{name}\n{1 if name == 'login' else 0}\n" for name in said}
    assert not Path("/tmp/of-login").exists()


def test_nodes_reach_each_other_and_nothing_else(cluster):
    ask = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=5)"
    reach = {
        (host, port): cluster.run("gpu1", [sys.executable, "-c", ask, host, port]).returncode == 0
        for host, port in (("login", "6817"), ("gpu2", "6818"), ("1.1.1.1", "443"), ("pypi.org", "443"))
    }
    assert list(reach.values()) == [True, True, False, False], reach


def test_a_job_of_two_nodes_sees_the_gpus_that_it_asked_for(cluster):
    asked = ["srun", "--nodes=2", "--partition=gpu", "--gpus-per-node=fake:1", "--label"]
    said = cluster.run("login", [*asked, "sh", "-c", "echo $CUDA_VISIBLE_DEVICES on $(hostname)"])
    assert sorted(said.stdout.splitlines()) == ["0: 0 on gpu1", "1: 0 on gpu2"], said.stderr


def test_a_crashed_node_comes_back(cluster):
    cluster.crash("cpu2")
    cluster.boot("cpu2")
    cluster.await_nodes()
    assert cluster.run("login", ["srun", "--nodelist=cpu2", "hostname"]).stdout == "cpu2\n"


def test_nothing_is_left_of_a_cluster(tmp_path):
    if reason := lacking():
        pytest.skip(f"no Slurm: {reason}")
    before = outside()
    with Cluster(tmp_path) as cluster:
        pids = dict(cluster.pids)
        for node in NODES:
            assert cluster.run(node.name, ["sh", "-c", LEAVE]).returncode == 0
        assert alive(pids) == [machine.name for machine in MACHINES]
    assert alive(pids) == []
    assert outside() == before


def test_nothing_is_left_where_its_owner_is_killed(tmp_path):
    if reason := lacking():
        pytest.skip(f"no Slurm: {reason}")
    before = outside()
    command = [sys.executable, str(HERE / "cluster.py")]
    subprocess.run([*command, "start", str(tmp_path)], check=True)
    run = [*command, "run", str(tmp_path), "--node", "gpu2", "--"]
    assert subprocess.run([*run, "hostname"], capture_output=True, text=True, check=True).stdout == "gpu2\n"
    subprocess.run([*run, "sh", "-c", LEAVE], capture_output=True, check=True)
    told = read_json(tmp_path / "running")
    keeper, pids = told["keeper"], told["pids"]
    os.kill(keeper, signal.SIGKILL)
    deadline = time.monotonic() + 20
    while alive(pids):
        assert time.monotonic() < deadline, alive(pids)
        time.sleep(0.05)
    assert outside() == before
    stopped = subprocess.run([*command, "stop", str(tmp_path)], capture_output=True, text=True)
    assert stopped.stderr == f"{tmp_path}: no cluster runs there\n"


def test_what_is_lacking_is_said_with_the_remedy(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "no unshare, nsenter" in lacking()
    assert "apt-get install --no-install-recommends slurmctld slurmd slurm-client munge" in lacking()
