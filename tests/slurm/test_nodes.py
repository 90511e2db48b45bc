"""A server on several nodes of one job: what is started on the others is watched, told apart, and ended with it."""

import json
import re
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cluster import HERE
from login import Login, soon

from cotejo.files import read_json

RUN = {
    "system": "pair", "nodes": 2, "device": "cuda", "accelerators": 2, "cores": 1, "model": "none",
    "ready_timeout_s": 60, "first": "here", "behave": "well", "dies_after_s": 600,
}  # fmt: skip
SYSTEM = "name: A pair\nsite: cluster\ngpus: 1\ngpu: Fake\nslurm: {cpus_per_task: 2, partition: gpu}\n"
ASKED = ["--nodes=2", "--partition=gpu", "--exclusive", "--gpus-per-node=1", "--output=job.out"]


class Pair:
    """Two nodes of a job, and what is served on them."""

    def __init__(self, login: Login, folder: Path) -> None:
        self.login = login
        self.folder = folder

    def submit(self, serve_s: float = 1, wait: bool = True, **settings: Any) -> str:
        """Serve on two nodes for some seconds; the job's number."""
        told = {"folder": str(self.folder), "serve_s": serve_s, "run": {**RUN, **settings}}
        scripts = self.login.folder / "scripts"
        line = f"PYTHONPATH={scripts}:{HERE} exec {sys.executable} {HERE / 'cluster_server.py'} '{json.dumps(told)}'"
        (self.folder / "job.sh").write_text(f"#!/bin/sh\n{line}\n")
        command = ["sbatch", "--parsable", *(["--wait"] if wait else []), *ASKED, "job.sh"]
        done = self.login.cluster.run("login", command, self.folder, timeout=180)
        assert done.returncode == 0, done.stderr + (self.folder / "job.out").read_text()
        return str(done.stdout.strip())

    def serve(self, **settings: Any) -> dict[str, Any]:
        """What became of it, once nothing of it is left on any node."""
        self.submit(**settings)
        self.prove_nothing_left()
        result: dict[str, Any] = read_json(self.folder / "result.json")
        return result

    def prove_nothing_left(self) -> None:
        for node in ("gpu1", "gpu2"):
            assert soon(lambda node=node: not self.login.left_on(node), 30), self.login.left_on(node)
            said = self.login.cluster.run(node, ["ls", "/tmp"], check=True).stdout.split()
            assert not [name for name in said if name.startswith("cotejo-") and name != "cotejo-measuring.lock"]
        assert not list(self.folder.glob(".*")), "the spec and the reports"


@pytest.fixture
def pair(login: Login, tmp_path: Path) -> Iterator[Pair]:
    (login.folder / "config/systems/pair.yaml").write_text(SYSTEM)
    yield Pair(login, tmp_path)
    login.cluster.run("login", ["scancel", "--user=root"])


def test_what_is_seen_on_the_other_node_is_told(pair):
    result = pair.serve()
    [report] = result["nodes"]
    assert result["failure"] is None and result["left"] == []
    assert (report["node"], report["hostname"], report["address"]) == ("gpu2", "gpu2", "10.77.0.22")
    assert report["expected_cpus"] == report["observed_cpus"] == [0] and report["violations"] == []
    assert report["failure"] is None and report["exit_code"] == -signal.SIGTERM and report["peak_rss_mib"] > 1
    assert (pair.folder / "r1.gpu2.log").read_text() == "well 10.77.0.22 10.77.0.21 token: [key]\n"


@pytest.mark.parametrize(
    ("settings", "reason", "message"),
    [
        ({"behave": "dies"}, "node-failed", "node gpu2: ended with exit code 1: error: the part has had enough"),
        ({"behave": "everywhere"}, "error", r"node gpu2: port \d+: it listens on 0\.0\.0\.0"),
        ({"first": "everywhere"}, "error", r"^port \d+: it listens on (0\.0\.0\.0|::)"),
        ({"behave": "strays"}, "lost-pin", "node gpu2: pinned to CPUs 0, but .* on 0-"),
        ({"dies_after_s": 8, "serve_s": 60}, "node-failed", "node gpu2: .*there for a while"),
        ({"nodes": 4, "accelerators": 4}, "node-failed", r"has 2 nodes \(gpu1, gpu2\), and the run needs 4"),
        ({"system": "far"}, "node-failed", "interface: ib9: node gpu1 has none of that name.* It has lo, eth0"),
    ],
)
def test_what_goes_wrong_on_a_node_is_why_the_run_failed(pair, settings, reason, message):
    far = SYSTEM.replace("partition: gpu", "partition: gpu, interface: ib9")
    (pair.login.folder / "config/systems/far.yaml").write_text(far)
    result = pair.serve(**settings)
    assert result["failure"][0] == reason and re.search(message, result["failure"][1]), result["failure"]


def test_what_ignores_the_request_to_end_is_killed(pair):
    assert pair.serve(behave="stays")["failure"] is None


@pytest.mark.parametrize("how", ["KILL", "TERM"])
def test_nothing_is_left_on_any_node_when_what_measures_is_ended(pair, how):
    pair.submit(serve_s=600, wait=False)
    soon(lambda: (pair.folder / "ready").exists())
    [process] = soon(lambda: pids(pair.login, "gpu1", "cluster_server.py"))
    assert pids(pair.login, "gpu2", "cotejo.follower")
    pair.login.cluster.run("gpu1", ["kill", f"-{how}", process], check=True)
    soon(lambda: not pair.login.left_on("gpu1") and not pair.login.left_on("gpu2"))


def test_nothing_is_left_on_any_node_when_the_job_is_cancelled(pair):
    job = pair.submit(serve_s=600, wait=False)
    soon(lambda: (pair.folder / "ready").exists())
    pair.login.cluster.run("login", ["scancel", job], check=True)
    soon(lambda: not pair.login.left_on("gpu1") and not pair.login.left_on("gpu2"))


def pids(login: Login, node: str, word: str) -> list[str]:
    said = login.cluster.run(node, ["ps", "-eww", "--no-headers", "-o", "pid=,args="], check=True).stdout
    return [line.split()[0] for line in said.splitlines() if word in line and "python" in line.split()[1]]
