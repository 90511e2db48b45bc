"""Measured repeats as checks want them: from a study's settings to a record, by what measures studies."""

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cotejo.backends import stack_of
from cotejo.code import SCRIPTS
from cotejo.datasets.entries import prepare
from cotejo.exports import exporter
from cotejo.exports import stack as stack_of_format
from cotejo.files import read_json
from cotejo.gpu_check.check import CPU, Box
from cotejo.gpu_check.stacks import environments, parity_bound, require, write_config
from cotejo.measure import WORKER, measure
from cotejo.models.catalogue import read_entry
from cotejo.models.synthetic import write_model
from cotejo.places import worker_stack
from cotejo.record import folder_name
from cotejo.repeat import Inputs
from cotejo.study import CONFIG, load_study

STUDY = "gpu-check"
SCALE = {"weights": "synthetic", "scale": "small", "repeats": 1, "timeout_s": 240}
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
        write_config(folder / "config.yaml")
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
        picture = Image.radial_gradient("L").rotate(90 * number).resize((320 + 64 * number, 240))
        picture.convert("RGB").save(folder / f"{number}.png")


def placed(box: Box, gpus: int = 1) -> dict[str, Any]:
    """The settings that put a run on so many GPUs, or on the CPU of a rehearsal."""
    return {"device": CPU} if box.device == CPU else {"device": box.device, "accelerators": gpus}


def run_of(box: Box, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The run that a study with these settings has."""
    study = {"title": STUDY, "defaults": {**SCALE, **settings}, "runs": [{"name": "check"}], "figures": []}
    folder = config(box)
    (folder / "studies" / f"{STUDY}.yaml").write_text(json.dumps(study), encoding="utf-8")
    return load_study(STUDY, config=folder).runs[0]


def inputs_of(box: Box, run: dict[str, Any]) -> Inputs:
    """What a run is measured from, made unless it is there, and the interpreter that it is measured under."""
    require(stack_of(run))
    folders = model(box, run["model"]), dataset(box, run["dataset"])
    export = exported(box, run) if run["format"] else None
    parity = export and export.with_name(f"{export.name}.parity.json")
    python = worker_stack(run, environments(config(box) / "config.yaml")).python
    return Inputs(run, 1, *folders, export, parity, python=python)


def exported(box: Box, run: Mapping[str, Any], form: str | None = None) -> Path:
    """A model's export in the run's format, or in another that it is made from, with its gate's findings beside it."""
    form = form or run["format"]
    folder = box.shared / "exports" / run["model"] / f"{form}-{run['precision']}"
    if not folder.is_dir():
        require(stack_of_format(form))
        source = getattr(exporter(form), "SOURCE", None)
        came_from = ["--source-folder", str(exported(box, run, source))] if source else []
        common = ["--model-folder", str(model(box, run["model"]))]
        _command(
            box, f"export_{form.replace('-', '_')}.py", form,
            [*common, "--precision", run["precision"], "--output", str(folder), *came_from],
        )  # fmt: skip
        checked = ["--export-folder", str(folder), "--bound", str(parity_bound(run["precision"]))]
        output = ["--output", f"{folder}.parity.json", "--config", str(config(box) / "config.yaml")]
        _command(box, "check_export.py", None, [*common, *checked, *output])
    return folder


def _command(box: Box, script: str, form: str | None, arguments: Sequence[str]) -> None:
    """Run one of Cotejo's commands; one that makes a format, under the interpreter that makes it."""
    from cotejo.places import export_stack

    settings = environments(config(box) / "config.yaml")
    python = export_stack(form, settings).python if form and stack_of_format(form) else sys.executable
    subprocess.run([str(python), str(SCRIPTS / script), *arguments], check=True)


def measured(box: Box, settings: Mapping[str, Any], worker: Sequence[str] = WORKER) -> dict[str, Any]:
    """The record of one repeat of that run; the worker's log goes to standard error."""
    run = run_of(box, settings)
    output = box.folder / folder_name(run) / "r1.json"
    log = output.with_suffix(".log")
    measure(inputs_of(box, run), output, log, worker, lock_path=box.folder / "lock")
    if log.is_file():
        print(log.read_text(errors="replace"), file=sys.stderr)
    record: dict[str, Any] = read_json(output)
    return record


def went_well(record: Mapping[str, Any]) -> dict[str, Any]:
    """A record's one level; AssertionError where it has failed."""
    assert record["status"] == "ok", f"{record['reason']}: {record['message']}"
    [level] = record["levels"]
    return dict(level)
