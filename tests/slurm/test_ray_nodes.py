"""vLLM over Ray on two nodes of one job, as far as CPUs allow.

vLLM's own platform for CPUs has nothing that Ray could count, and refuses; its parts speak by shared memory, which two
machines haven't got. A plugin, by vLLM's own mechanism, calls the CPUs of a node one device, and has the parts speak
by PyTorch's gloo, as vLLM does itself where it knows that they share no memory. All the rest is as on GPUs.
"""

import json
import re
import shutil
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from login import SYSTEM, Login, soon
from served import needs, python_of

from cotejo.command import ROOT
from cotejo.datasets.entries import prepare
from cotejo.files import read_json
from cotejo.models.synthetic import write_model
from cotejo.record import read, read_samples
from cotejo.schema import load_yaml
from cotejo.study import load_study

MODEL = "tinyllama-1.1b-chat"
STUDY = f"""\
title: Over two nodes
defaults:
  {{model: {MODEL}, weights: synthetic, scale: small, server: vllm, backend: vllm, executor: ray, device: cuda,
    nodes: 2, accelerators: 2, split: tensor_parallel, eager: true, kv_cache_gib: 0.25, context_tokens: 1024,
    ready_timeout_s: 500, timeout_s: 900, duration_s: 30, warmup_s: 0.2, new_tokens: 4, dataset: mine}}
runs:
  - {{name: served, client: cotejo, concurrency: 1}}
  - {{name: engine, client: vllm-bench-throughput, bench_requests: 8, bench_warmups: 1}}
figures: []
"""
ON_CPUS = {"device": "cpu", "accelerators": 0, "cpu_ranks": 2, "split": None}

PLUGIN = """
def register():
    return "cpus_as_one_device.Platform"


def __getattr__(name):  # not before vLLM asks: it can't be imported while it looks for its platform
    if name == "Platform":
        from vllm.platforms.cpu import CpuPlatform

        communicator = staticmethod(lambda: "cpus_as_one_device.Communicator")
        return type(name, (CpuPlatform,), {"ray_device_key": "GPU", "get_device_communicator_cls": communicator})
    if name == "Communicator":
        from vllm.distributed.device_communicators.cpu_communicator import CpuCommunicator

        return type(name, (CpuCommunicator,), {"_all_group_ranks_share_shm_group_name": lambda self: False})
    raise AttributeError(name)
"""
ENTRY = "[vllm.platform_plugins]\ncpus_as_one_device = cpus_as_one_device:register\n"

COMMANDS = """\
run="$(cat run.json)"
python() {{ {python} {scripts}/"$@"; }}
folders="--model-folder model --dataset-folder data --prepared prepared --config config.yaml"
python prepare_server.py --run "$run" $folders --command-file command.sh &&
python launch_server.py --run "$run" $folders --bound 0.01 --output launch.json --log launch.log &&
python measure_server.py --run "$run" $folders --repeat 1 --launch launch.json --output r1.json --log r1.log
"""


class Serving:
    """A run on several nodes, and the commands that prepare, launch and measure it, in a folder of its own."""

    def __init__(self, login: Login, folder: Path, name: str, plugin: bool, nodes: int = 2) -> None:
        self.login = login
        self.folder = folder
        self.nodes = nodes
        config = login.folder / "config"
        system = SYSTEM.format(cpus=2).replace("partition: cpu", "partition: gpu")
        (config / "systems/pair.yaml").write_text(system + "gpus: 1\ngpu: None\n")
        (config / "studies/pair.yaml").write_text(STUDY)
        runs = load_study("pair", systems=["pair"], config=config).runs
        run = next(run for run in runs if run["name"] == name)
        run |= ON_CPUS
        if nodes == 1:
            del run["nodes"]
        (folder / "run.json").write_text(json.dumps(run))
        write_model(folder / "model", MODEL, load_yaml(config / "models.yaml", "models")[MODEL], "small", 0, False)
        prepare(config / "datasets.yaml", "mine", folder / "data")
        text = (ROOT / "config/config.yaml").read_text()
        python = self.python(plugin)
        assert "environments: {}" in text
        (folder / "config.yaml").write_text(
            text.replace("environments: {}", f"environments: {{vllm: {{python: {python}}}}}")
        )

    def python(self, plugin: bool) -> Path:
        """vLLM's interpreter, which doesn't divide the CPUs by itself; with our platform where it is to have that."""
        (self.folder / "bin").mkdir()
        package = self.folder / "plugin/cpus_as_one_device-1.dist-info"
        package.mkdir(parents=True)
        (package / "METADATA").write_text("Metadata-Version: 2.1\nName: cpus-as-one-device\nVersion: 1\n")
        (package / "entry_points.txt").write_text(ENTRY)
        (package.parent / "cpus_as_one_device.py").write_text(PLUGIN)
        path = f"{package.parent}:" if plugin else ""
        lines = f"export PYTHONPATH={path}$PYTHONPATH VLLM_CPU_OMP_THREADS_BIND=nobind"
        file = self.folder / "bin/python"
        file.write_text(f'#!/bin/sh\n{lines}\nexec {python_of("vllm")} "$@"\n')
        file.chmod(0o755)
        return file

    def submit(self, wait: bool) -> None:
        script = COMMANDS.format(python=sys.executable, scripts=self.login.folder / "scripts")
        (self.folder / "job.sh").write_text(f"#!/bin/bash\n{script}")
        asked = [
            f"--nodes={self.nodes}",
            "--exclusive",
            "--partition=gpu",
            "--gpus-per-node=1",
            "--time=25",
            "--output=job.out",
        ]
        command = ["sbatch", *(["--wait"] if wait else []), *asked, "job.sh"]
        done = self.login.cluster.run("login", command, self.folder, timeout=1500)
        assert done.returncode == 0, done.stderr + (self.folder / "job.out").read_text()

    def measure(self) -> dict[str, Any]:
        """The record, once nothing is left on any node."""
        self.submit(wait=True)
        self.prove_nothing_left()
        return read(self.folder / "r1.json")

    def prove_nothing_left(self) -> None:
        for node in ("gpu1", "gpu2"):
            assert soon(lambda node=node: not self.login.left_on(node), 30), self.login.left_on(node)
            said = self.login.cluster.run(node, ["ls", "/tmp", "/dev/shm"], check=True).stdout
            assert not re.search(r"cotejo-(?!measuring)|ray|plasma", said), said
        assert not list(self.folder.glob(".*"))


@pytest.fixture
def served_by(login: Login, tmp_path: Path) -> Any:
    if shutil.which("cc") is None:
        pytest.skip("no C compiler, without which Ray can't be confined: apt-get install gcc libc6-dev")
    yield partial(Serving, login, tmp_path)
    login.cluster.run("login", ["scancel", "--user=root"])


@needs("vllm")
def test_a_model_divided_over_two_nodes_answers_as_pytorch_does_and_is_measured(served_by):
    serving = served_by("served", plugin=True)
    record = serving.measure()
    launch = read_json(serving.folder / "launch.json")
    assert launch["status"] == "ok", launch["message"]
    assert launch["golden"]["status"] == "ok" and launch["golden"]["tokens"] == 4
    assert (record["status"], record["message"]) == ("ok", None)
    assert all(read_samples(serving.folder / "r1.json", record)["ok"])
    [node] = record["nodes"]
    assert (node["node"], node["address"], node["interface"]) == ("gpu2", "10.77.0.22", "eth0")
    assert node["expected_cpus"] == node["observed_cpus"] == [0, 1] and node["failure"] is None
    said = (serving.folder / "r1.log").read_text()
    assert "Ray's nodes: 10.77.0.21, 10.77.0.22\n" in said
    assert re.search(r"RayWorkerProc.* ip=10\.77\.0\.22", said), "a part of the model was there"
    assert node["peak_rss_mib"] > 500, "with PyTorch and its half of the model"
    line = (serving.folder / "command.sh").read_text()
    assert "RAY_AUTH_MODE=token" in line and "RAY_AUTH_TOKEN" not in line
    assert set(record["server"]["prepared"]) == {"listen_only.c", "listen_only.so"}


@needs("vllm")
def test_on_one_machine_the_cluster_is_on_its_loopback(served_by):
    serving = served_by("served", plugin=True, nodes=1)
    record = serving.measure()
    assert (record["status"], record["message"]) == ("ok", None)
    assert "Ray's nodes: 127.0.0.2\n" in (serving.folder / "r1.log").read_text()
    assert "nodes" not in record and not (serving.folder / "r1.nodes.log").exists()


@needs("vllm")
def test_the_engine_of_vllms_own_benchmark_is_divided_likewise(served_by):
    record = served_by("engine", plugin=True).measure()
    assert (record["status"], record["message"]) == ("ok", None)
    assert record["levels"][0]["requests"] == 8 and record["client"]["engine"]
    assert [node["node"] for node in record["nodes"]] == ["gpu2"]


@needs("vllm")
def test_by_the_literal_command_vllm_for_cpus_joins_the_cluster_and_refuses_which_the_record_says(login, served_by):
    serving = served_by("served", plugin=False)
    shutil.copyfile(serving.folder / "config.yaml", login.folder / "config/config.yaml")
    study = STUDY.replace("  - {name: engine", "  # - {name: engine").replace(
        "concurrency: 1}", "concurrency: 1, repeats: 1}"
    )
    (login.folder / "config/studies/pair.yaml").write_text(study)
    login.finish("snakemake --cores all --profile slurm --config studies=[pair] system=pair")
    [log] = (login.folder / "logs/launch_server").rglob("*.server.log")
    assert "Ray's nodes: 10.77.0.21, 10.77.0.22\n" in log.read_text()
    [record] = [read(file) for file in login.folder.glob("results/pair/records/pair/*/r1.json")]
    assert (record["status"], record["reason"]) == ("failed", "server-exited")
    assert record["message"] == "ended before it was ready: ValueError: current platform cpu does not support ray."
    serving.prove_nothing_left()


@needs("vllm")
def test_a_node_that_loses_its_ray_while_it_is_measured_fails_the_run(served_by):
    serving = served_by("served", plugin=True)
    run = read_json(serving.folder / "run.json")
    (serving.folder / "run.json").write_text(json.dumps({**run, "duration_s": 300}))
    serving.submit(wait=False)
    soon(lambda: list(serving.folder.glob("r1.concurrency-1.log")), 600)
    serving.login.cluster.run("gpu2", ["pkill", "-KILL", "raylet"], check=True)
    soon(lambda: (serving.folder / "r1.json").exists(), 120)
    serving.prove_nothing_left()
    record = read(serving.folder / "r1.json")
    assert record["reason"] == "node-failed" and "node gpu2: ended with exit code" in record["message"]
