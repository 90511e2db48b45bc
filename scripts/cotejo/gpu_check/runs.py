"""Measured repeats as checks want them: from a study's settings to a record, by what measures studies."""

import json
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cotejo.datasets.entries import prepare
from cotejo.files import read_json
from cotejo.gpu_check.check import CPU, Box
from cotejo.measure import WORKER, measure
from cotejo.models.catalogue import read_entry
from cotejo.models.synthetic import write_model
from cotejo.record import folder_name
from cotejo.repeat import Inputs
from cotejo.study import CONFIG, load_study

STUDY = "gpu-check"
SCALE = {"weights": "synthetic", "scale": "small", "repeats": 1, "timeout_s": 150}
PAIRS, PICTURES = 40, 3


def model(box: Box, name: str) -> Path:
    """A model's folder, of random weights at small scale."""
    folder = box.shared / "models" / name
    if not folder.is_dir():
        write_model(folder, name, read_entry(CONFIG / "models.yaml", name), "small", seed=0, headers_only=False)
    return folder


def config(box: Box) -> Path:
    """A copy of config/ with data sets that need no package, `check-pairs`, `check-pictures` and `check-prompts`."""
    folder = box.shared / "config"
    if not folder.is_dir():
        shutil.copytree(CONFIG, folder)
        prompts = folder / "datasets" / "prompts.jsonl"
        with (folder / "datasets.yaml").open("a", encoding="utf-8") as stream:
            for name, entry in {
                "check-pairs": {"kind": "text-pairs", "source": {"generate": {"pairs": PAIRS, "seed": 0}}},
                "check-pictures": {"kind": "images", "source": {"path": str(box.shared / "pictures")}},
                "check-prompts": {"kind": "prompts", "source": {"path": str(prompts)}},
            }.items():
                stream.write(f"\n{name}: {json.dumps(entry)}\n")
    return folder


def dataset(box: Box, name: str) -> Path:
    """A data set's folder."""
    folder = box.shared / "datasets" / name
    if not folder.is_dir():
        if name == "check-pictures":
            _draw(box.shared / "pictures")
        prepare(config(box) / "datasets.yaml", name, folder)
    return folder


def _draw(folder: Path) -> None:
    from PIL import Image

    folder.mkdir(exist_ok=True)
    for number in range(PICTURES):
        Image.radial_gradient("L").rotate(90 * number).resize((320 + 64 * number, 240)).convert("RGB").save(
            folder / f"{number}.png"
        )


def placed(box: Box, gpus: int = 1) -> dict[str, Any]:
    """The settings that put a run on so many GPUs, or on the CPU of a rehearsal."""
    return {"device": CPU} if box.device == CPU else {"device": box.device, "accelerators": gpus}


def run_of(box: Box, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The run that a study with these settings has."""
    study = {"title": STUDY, "defaults": {**SCALE, **settings}, "runs": [{"name": "check"}], "figures": []}
    folder = config(box)
    (folder / "studies" / f"{STUDY}.yaml").write_text(json.dumps(study), encoding="utf-8")
    return load_study(STUDY, config=folder).runs[0]


def measured(box: Box, settings: Mapping[str, Any], worker: Sequence[str] = WORKER) -> dict[str, Any]:
    """The record of one repeat of that run; the worker's log goes to standard error."""
    run = run_of(box, settings)
    output = box.folder / folder_name(run) / "r1.json"
    log = output.with_suffix(".log")
    inputs = Inputs(run, 1, model(box, run["model"]), dataset(box, run["dataset"]), None, None)
    measure(inputs, output, log, worker, lock_path=box.folder / "lock")
    if log.is_file():
        print(log.read_text(errors="replace"), file=sys.stderr)
    record: dict[str, Any] = read_json(output)
    return record


def went_well(record: Mapping[str, Any]) -> dict[str, Any]:
    """A record's one level; AssertionError where it has failed."""
    assert record["status"] == "ok", f"{record['reason']}: {record['message']}"
    [level] = record["levels"]
    return dict(level)
