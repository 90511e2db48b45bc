"""A server's cluster: what the other nodes are told, and that those that need none have none."""

import socket
import stat
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from cotejo import cluster
from cotejo.allocation import Allocation
from cotejo.cluster import Joined, joined, stand_in
from cotejo.errors import MeasuringError
from cotejo.servers.interface import Job, Launch
from cotejo.session import ServingError, Setting, in_cluster

PAIR = Allocation("17", ("n1", "n2"), "127.0.0.1", "ib0")
RUN = {"nodes": 2, "cores": "all", "device": "cuda", "accelerators": 2}
NEEDS = SimpleNamespace(clustered=lambda run: True, join=lambda job: Launch(["part"], {"A": "{address}"}))


def job(folder: Path, **run) -> Job:
    return Job({**RUN, **run}, folder, folder, folder, Path("/env/bin/python"), 4, folder / "scratch")


def command_of(job: Job, launch: Launch) -> tuple[list[str], dict[str, str]]:
    told = {"RAY_AUTH_TOKEN": job.cluster.token, "INSIDE_CUDA_VISIBLE_DEVICES": "0", **launch.environment}
    return list(launch.command), told


def test_a_server_without_a_cluster_is_left_alone(tmp_path):
    given = job(tmp_path)
    with joined(SimpleNamespace(), given, tmp_path / "log", command_of) as (same, others):
        assert same is given
        assert (others.exposed(), others.reports, others.logs, others.failure(), others.ended()) == (
            [],
            [],
            [],
            None,
            False,
        )
        others.look()
        others.release()


def test_a_cluster_on_one_machine_is_on_its_loopback(tmp_path):
    with joined(NEEDS, job(tmp_path, nodes=1), tmp_path / "log", command_of) as (here, others):
        found = here.cluster
        assert (found.nodes, found.address, found.interface) == (1, "127.0.0.2", "lo")
        assert stat.S_IMODE(found.folder.stat().st_mode) == 0o700 and len(str(found.folder)) < 40
        assert found.token not in repr(found) and others.followers is None
    assert not found.folder.exists()


def test_the_other_nodes_get_the_token_apart_from_all_else_and_gpus_of_their_own(tmp_path, monkeypatch):
    followed = []

    @contextmanager
    def following(allocation, follow):
        followed.append((allocation, follow))
        yield SimpleNamespace(exposed=list, release=lambda: None, ended=lambda: False, reports=[], logs=[])

    monkeypatch.setattr(cluster, "allocated", lambda run: PAIR)
    monkeypatch.setattr(cluster.nodes, "following", following)
    with joined(NEEDS, job(tmp_path), tmp_path / "r1.log", command_of) as (here, _):
        [(allocation, follow)] = followed
        assert allocation == PAIR and (here.cluster.address, here.cluster.interface) == ("127.0.0.1", "ib0")
    assert follow.secrets == {"RAY_AUTH_TOKEN": here.cluster.token}
    assert follow.environment == {"A": "{address}", "INSIDE_CUDA_VISIBLE_DEVICES": "{devices}"}
    assert follow.lasting and follow.part == "server"
    assert follow.folders == [here.cluster.folder, tmp_path / "scratch"]


def test_what_others_can_reach_is_refused(monkeypatch):
    monkeypatch.setattr(cluster.ports, "exposed", lambda processes, address: [f"port 1: not {address}"])
    others = Joined(replace(stand_in(RUN), address="10.0.0.1"))
    with pytest.raises(MeasuringError, match=r"^port 1: not 10\.0\.0\.1$"):
        others.look()
    others.look()  # not again so soon
    with pytest.raises(MeasuringError):
        others.refuse_exposed()


def test_what_others_can_reach_of_a_server_without_a_cluster_is_refused_too():
    with socket.create_server(("0.0.0.0", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(MeasuringError, match=rf"^port {port}: it listens on 0\.0\.0\.0, where other machines can"):
            Joined().refuse_exposed()


def test_why_a_cluster_can_not_be_is_why_there_is_no_server(tmp_path, monkeypatch):
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    setting = Setting([], SimpleNamespace(), tmp_path / "r1.log")
    said = "needs 2 nodes of one Slurm job, and this is none"
    with pytest.raises(ServingError, match=said) as caught, in_cluster(NEEDS, job(tmp_path), setting):
        pass
    assert caught.value.failure.reason == "node-failed" and caught.value.nodes == []
