"""vLLM's parts joined by Ray: how a cluster is started, and what keeps it to one network interface."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from test_servers_vllm import ENDPOINT, RUN, option

from cotejo.cluster import stand_in
from cotejo.errors import CotejoError
from cotejo.servers import confined, vllm
from cotejo.servers.interface import Cluster, Job

SPREAD = {
    "device": "cuda", "accelerators": 4, "nodes": 2, "split": "tensor_parallel", "executor": "ray",
    "precision": "fp16", "compute_precision": "f16",
}  # fmt: skip
CLUSTER = Cluster(2, "10.0.0.1", "ib0", 7000, Path("/tmp/cotejo-1"), "hush")


def job(folder: Path, cluster: Cluster | None = CLUSTER, **settings: Any) -> Job:
    run = RUN | SPREAD | settings
    vllm.check(run)
    (folder / confined.LIBRARY).touch()
    return Job(run, folder, folder, folder, Path("/env/bin/python"), 4, folder / "scratch", cluster=cluster)


def test_the_head_waits_for_its_nodes_and_runs_vllm_on_all_gpus(tmp_path):
    launch = vllm.launch(job(tmp_path), ENDPOINT)
    command = list(launch.command)
    assert command[:4] == ["/env/bin/python", "-m", "cotejo.servers.vllm_ray_process", "head"]
    assert [option(command, name) for name in ("--address", "--port", "--gpus", "--nodes", "--folder")] == [
        "10.0.0.1", "7000", "2", "2", "/tmp/cotejo-1",
    ]  # fmt: skip
    assert command[command.index("--run") :][:3] == ["--run", "vllm.entrypoints.cli.main", "serve"]
    assert option(command, "--host") == "127.0.0.1" and option(command, "--tensor-parallel-size") == "4"
    assert option(command, "--distributed-executor-backend") == "ray"


def test_every_part_is_told_its_one_address_and_the_token_is_on_no_command_line(tmp_path):
    here, there = vllm.launch(job(tmp_path), ENDPOINT), vllm.join(job(tmp_path))
    for launch, address, interface in ((here, "10.0.0.1", "ib0"), (there, "{address}", "{interface}")):
        told = launch.environment
        assert told["COTEJO_LISTEN_ADDRESS"] == told["VLLM_HOST_IP"] == address
        assert told["NCCL_SOCKET_IFNAME"] == told["GLOO_SOCKET_IFNAME"] == interface
        assert (told["RAY_ADDRESS"], told["RAY_AUTH_MODE"], told["RAY_AUTH_TOKEN"]) == (
            "10.0.0.1:7000",
            "token",
            "hush",
        )
        assert told["LD_PRELOAD"] == str(tmp_path / "listen_only.so")
        assert "hush" not in " ".join(launch.command)
    assert option(list(there.command), "--first") == "10.0.0.1" and option(list(there.command), "--gpus") == "2"


def test_the_line_for_people_names_no_address_that_is_not_known_yet(tmp_path):
    run = RUN | SPREAD
    launch = vllm.launch(job(tmp_path, stand_in(run)), ENDPOINT)
    assert launch.environment["RAY_ADDRESS"] == "FIRST_NODE:6379" and "RAY_AUTH_TOKEN" not in launch.environment
    alone = vllm.launch(job(tmp_path, stand_in(run | {"nodes": 1})), ENDPOINT)
    assert alone.environment["VLLM_HOST_IP"] == "127.0.0.2"


def test_without_a_compiler_ray_is_refused_and_nothing_else_is(tmp_path, monkeypatch):
    given = job(tmp_path)
    (tmp_path / confined.LIBRARY).unlink()
    monkeypatch.setattr(confined.shutil, "which", lambda name: None)
    vllm.prepare(given)
    assert [path.name for path in tmp_path.iterdir()] == ["listen_only.c"]
    with pytest.raises(CotejoError, match=r"executor: ray: .* found no working C compiler .* Install one"):
        vllm.launch(given, ENDPOINT)
    usual = replace(given, run=RUN, cluster=None)
    assert "LD_PRELOAD" not in vllm.launch(usual, ENDPOINT).environment


def test_a_compiler_that_fails_is_no_compiler(tmp_path, monkeypatch):
    false = tmp_path / "bin" / "cc"
    false.parent.mkdir()
    false.write_text("#!/bin/sh\nexit 1\n")
    false.chmod(0o755)
    monkeypatch.setenv("PATH", str(false.parent))
    confined.prepare(tmp_path)
    with pytest.raises(CotejoError, match=r"executor: ray: .* found no working C compiler"):
        confined.environment(tmp_path, "127.0.0.1", "executor: ray")
    assert confined.where_compiled(tmp_path, "127.0.0.1") == {}
