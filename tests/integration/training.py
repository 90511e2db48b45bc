"""Trainings as they are measured: a study's runs on made-up pairs, each repeat in a process of its own."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from cotejo.affinity import process_tree
from cotejo.code import SCRIPTS
from cotejo.command import ROOT
from cotejo.datasets.entries import prepare
from cotejo.files import read_json, sha256_of
from cotejo.places import worker_stack
from cotejo.ports import listeners, sockets_of
from cotejo.record import folder_name
from cotejo.study import load_study

PAIRS = 60
ONE_THREAD = {"PYTHONPATH": str(SCRIPTS), "OMP_NUM_THREADS": "1"}

# The whole measurement, but with a lock of its own.
MEASURE = """
import json, sys
from pathlib import Path
from cotejo.command import run
from cotejo.measure import measure
from cotejo.repeat import Inputs
told = json.loads(sys.argv[1])
output = Path(told["output"])
folders = Path(told["model"]), Path(told["dataset"])
inputs = Inputs(told["run"], 1, *folders, None, None, python=Path(told["python"]))
run(lambda: measure(inputs, output, output.with_suffix(".log"), lock_path=Path(told["lock"])))
"""


def prepared(folder: Path, study: str) -> tuple[Path, dict[str, dict[str, Any]]]:
    """A prepared data set `few-pairs` of made-up pairs, and a study's runs by the names of their blocks."""
    config = folder / "config"
    shutil.copytree(ROOT / "config", config)
    with (config / "datasets.yaml").open("a") as stream:
        stream.write(f"\nfew-pairs: {{kind: text-pairs, source: {{generate: {{pairs: {PAIRS}, seed: 0}}}}}}\n")
    (config / "studies" / "tuning.yaml").write_text(study)
    prepare(config / "datasets.yaml", "few-pairs", folder / "dataset")
    return folder / "dataset", {run["name"]: run for run in load_study("tuning", config=config).runs}


def without_dropout(model: Path, folder: Path) -> Path:
    """A copy of a model without dropout, which no two processes would draw alike."""
    shutil.copytree(model, folder)
    config, manifest = (read_json(folder / name) for name in ("config.json", "model.json"))
    (folder / "config.json").write_text(json.dumps(config | {"dropout_rate": 0.0}))
    manifest["files"]["config.json"] = sha256_of(folder / "config.json")
    (folder / "model.json").write_text(json.dumps(manifest))
    return folder


def listened_on(root: int) -> set[str]:
    """The addresses on which a process and its descendants listen."""
    own = sockets_of(process_tree(root))
    return {listener.address for listener in listeners() if listener.inode in own}


def start(
    run: dict[str, Any], model: Path, dataset: Path, folder: Path, python: Path | None = None
) -> "subprocess.Popen[str]":
    """A process that measures one repeat; its record is to be at `record_of`. `python`: another than its stack's."""
    told = {"run": run, "model": str(model), "dataset": str(dataset), "output": str(record_of(run, folder)),
            "lock": str(folder / "lock"), "python": str(python or ROOT / worker_stack(run, {}).python)}  # fmt: skip
    return subprocess.Popen(
        [sys.executable, "-c", MEASURE, json.dumps(told)],
        env=os.environ | {"PYTHONPATH": str(SCRIPTS)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def record_of(run: dict[str, Any], folder: Path) -> Path:
    return folder / run["system"] / folder_name(run) / "r1.json"


def measured(run: dict[str, Any], model: Path, dataset: Path, folder: Path, python: Path | None = None) -> Path:
    """One repeat, measured: where its record lies."""
    process = start(run, model, dataset, folder, python)
    said, _ = process.communicate(timeout=300)
    assert process.returncode == 0, said
    return record_of(run, folder)
