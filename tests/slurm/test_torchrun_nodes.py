"""One training on two nodes of a Slurm job: where it listens meanwhile, and what becomes of it where one part fails."""

import csv
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from cluster import Cluster
from login import Login, soon

from cotejo.code import SCRIPTS
from cotejo.command import ROOT
from cotejo.files import sha256_of

STUDY = """\
title: One training on two nodes
defaults:
  {{model: t5-small, weights: synthetic, scale: small, dataset: few-pairs, backend: transformers-trainer, cores: 1,
   nodes: 2, split: data_parallel, batch_size: 4, source_tokens: 24, target_tokens: 16, warmup_steps: 2, repeats: 1}}
runs: [{{name: two, epochs: {epochs}, timeout_s: {timeout_s}{placed}}}]
figures: []
"""
GPUS = """\
name: Virtual nodes with a GPU each
site: cluster
cpus: {cpus}
gpu: a device without a GPU
gpus: 1
slurm: {{cpus_per_task: {cpus}, partition: gpu}}
"""
DATA = "\nfew-pairs: {kind: text-pairs, source: {generate: {pairs: 60, seed: 0}}}\n"
NODES = ("cpu1", "cpu2")

# What the processes of a training are on the node where this runs: their numbers, ranks, and where they listen.
LOOK = """
import json
from pathlib import Path
from cotejo.ports import listeners, sockets_of
found = []
for folder in Path("/proc").glob("[0-9]*"):
    try:
        words = (folder / "cmdline").read_text().split("\\0")
        told = dict(word.partition("=")[::2] for word in (folder / "environ").read_text().split("\\0"))
    except OSError:
        continue
    if {"cotejo.torchrun", "cotejo.rank"} & {*words[:4]} and words[0].endswith("python"):
        own = sockets_of([int(folder.name)])
        where = sorted({listener.address for listener in listeners() if listener.inode in own})
        found.append({"process": int(folder.name), "rank": told.get("RANK"), "listens": where})
print(json.dumps(found))
"""


@pytest.fixture(scope="module", autouse=True)
def prepared(login: Login) -> None:
    login.hasten()
    with (login.folder / "config/datasets.yaml").open("a") as entries:
        entries.write(DATA)


def begin(
    login: Login, study: str, epochs: int = 1000, timeout_s: int = 300, placed: str = "", system: str = "virtual"
) -> "subprocess.Popen[str]":
    """Write a study, and type the command that measures it."""
    text = STUDY.format(epochs=epochs, timeout_s=timeout_s, placed=placed)
    (login.folder / f"config/studies/{study}.yaml").write_text(text)
    return login.start(f"snakemake --cores all --profile slurm --config studies=[{study}] system={system}")


def deepspeed_is(login: Login, python: Path) -> None:
    """Name an interpreter in the place of DeepSpeed's environment."""
    config = login.folder / "config/config.yaml"
    own = f"environments: {{deepspeed: {{python: {python}}}}}"
    text, found = re.subn(r"(?m)^environments:.*$", own, config.read_text())
    assert found == 1
    config.write_text(text)


def look(cluster: Cluster, node: str) -> list[dict]:
    command = ["env", f"PYTHONPATH={SCRIPTS}", sys.executable, "-c", LOOK]
    return json.loads(cluster.run(node, command, check=True).stdout)


def ranks(cluster: Cluster) -> dict[str, int]:
    """The process of each rank that listens, so that it has met the others, by its node."""
    found = {}
    for node in NODES:
        for each in look(cluster, node):
            if each["rank"] and each["listens"]:
                found[node] = each["process"]
    return found if len(found) == len(NODES) else {}


def ended(login: Login, name: str) -> dict:
    [record] = login.records(name).values()
    soon(lambda: not any(login.left_on(node) for node in NODES), within_s=30)
    return record


def watched(login: Login, cluster: Cluster, running: "subprocess.Popen[str]") -> dict[str, set[str]]:
    """Where a training listens, on each node, until it has ended."""
    seen: dict[str, set[str]] = {node: set() for node in NODES}
    while running.poll() is None:
        for node in NODES:
            seen[node] |= {address for each in look(cluster, node) for address in each["listens"]}
        time.sleep(0.1)
    assert login.ended(running) == 0, login.said()
    return seen


def test_two_nodes_train_one_model(login, cluster):
    seen = watched(login, cluster, begin(login, "whole", epochs=2))
    record = ended(login, "whole")

    assert (record["status"], record["message"]) == ("ok", None)
    assert seen == {"cpu1": {"10.77.0.11"}, "cpu2": {"10.77.0.12"}}
    assert [node["node"] for node in record["nodes"]] == ["cpu2"]
    assert [rank["hostname"] for rank in record["ranks"]] == ["cpu1", "cpu2"]
    assert all(rank["peak_rss_mib"] > 200 for rank in record["ranks"])
    assert record["runtime"]["global_batch_size"] == 8
    assert record["levels"][0]["requests"] == 2 * 60 / 8
    assert record["environment"]["slurm"]["nodes"] == ["cpu1", "cpu2"]


@pytest.mark.parametrize("split", ["zero1", "zero3-offload"])
def test_two_nodes_divide_a_training_by_zero(login, cluster, split):
    """Under DeepSpeed's environment of this checkout, for the login node has no internet to make one from."""
    python, name = ROOT / "resources/environments/deepspeed/bin/python", split.replace("-", "")
    if not python.exists():
        pytest.skip(f"needs {python}. `make env-deepspeed` makes it")
    deepspeed_is(login, python)
    seen = watched(login, cluster, begin(login, name, epochs=2, placed=f", split: {split}"))
    record = ended(login, name)

    assert (record["status"], record["message"]) == ("ok", None)
    assert seen == {"cpu1": {"10.77.0.11"}, "cpu2": {"10.77.0.12"}}
    assert record["stack"]["lock_sha256"] == sha256_of(ROOT / "envs/deepspeed.txt")
    held = record["levels"][0]["reported"]
    assert held["rank1_optimizer_mib"] == pytest.approx(held["rank0_optimizer_mib"], rel=0.01)
    [file] = (login.folder / f"results/{name}/records/virtual").glob("*/r1.samples.csv")
    with file.open(newline="") as stream:
        losses = [float(row["loss"]) for row in csv.DictReader(stream)]
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("node", NODES)
def test_a_process_that_is_killed_ends_the_training_on_both(login, cluster, node):
    running = begin(login, f"killed-on-{node}")
    hit = soon(lambda: ranks(cluster))[node]
    begun_s = time.monotonic()
    cluster.run(node, ["kill", "-KILL", str(hit)], check=True)
    assert login.ended(running) == 0, login.said()
    assert time.monotonic() - begun_s < 90
    record = ended(login, f"killed-on-{node}")
    assert (record["reason"], record["message"]) == ("killed", f"rank {NODES.index(node)}: ended by SIGKILL")


def test_a_process_that_hangs_ends_with_the_runs_time(login, cluster):
    running = begin(login, "hung", timeout_s=60)
    hit = soon(lambda: ranks(cluster))["cpu2"]
    cluster.run("cpu2", ["kill", "-STOP", str(hit)], check=True)
    assert login.ended(running) == 0, login.said()
    record = ended(login, "hung")
    assert record["reason"] == "timeout"


def test_a_training_whose_second_node_dies_begins_anew(login, cluster):
    running = begin(login, "died", epochs=15)
    soon(lambda: ranks(cluster))
    cluster.crash("cpu2")
    soon(lambda: "down" in cluster.states()["cpu2"])
    cluster.boot("cpu2")
    assert login.ended(running, within_s=600) == 0, login.said()
    record = ended(login, "died")
    assert (record["status"], record["message"]) == ("ok", None)
    assert record["environment"]["slurm"]["restarts"] == 1


def test_each_node_has_its_part_of_the_gpus(login):
    """As far as devices without a GPU can tell: Slurm gives them, and PyTorch finds none.

    Under an interpreter of the user's: for Cotejo's own, whose PyTorch is built without CUDA, no job is submitted.
    """
    (login.folder / "config/systems/gpus.yaml").write_text(GPUS.format(cpus=os.cpu_count()))
    python = login.folder / "own/python"
    python.parent.mkdir()
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    deepspeed_is(login, python)
    running = begin(login, "gpus", placed=", device: cuda, accelerators: 2, split: zero1", system="gpus")
    assert login.ended(running) == 0, login.said()
    [file] = (login.folder / "results/gpus/records/gpus").glob("*/r1.json")
    record = json.loads(file.read_text())
    assert record["reason"] == "device-missing"
    assert "sees none, and the run asks for 1" in record["message"]
    [node] = record["nodes"]
    assert node["node"] == "gpu2"
    for command in (record["command"], node["command"]):
        assert command[command.index("--processes") + 1] == "1"
