"""The measured process: loads one model on one backend, does one task, and writes down what it saw.

Started behind a pin by measure_process as `python -m cotejo.worker --job job.json`. It imports only what it measures.
job.json: {"run", "artefact", "model_folder", "dataset_folder", "threads", "output"}, paths and all. In the folder
`output` it leaves samples.csv and then worker.json; what an exception ended is written there too, with exit status 0.
"""

import argparse
import random
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cotejo.backends import backend
from cotejo.command import ROOT, run
from cotejo.errors import failure_of
from cotejo.files import read_json, write_json
from cotejo.leavings import SAMPLES, WORKER
from cotejo.processes import peak_rss_mib
from cotejo.samples import Level, write_samples
from cotejo.tasks import task
from cotejo.versions import versions


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--job", required=True, type=Path, help="what to measure")
    job = read_json(parser.parse_args().job)
    work(job, Path(job["output"]))


def work(job: Mapping[str, Any], output: Path) -> bool:
    """Do a job, and say whether it could be done; whatever it raises becomes a failure in worker.json."""
    settings = job["run"]
    chosen_task, chosen_backend = task(settings["task"]), backend(settings["backend"])
    report: dict[str, Any] = {"status": "ok", "reason": None, "message": None, "load_s": None, "runtime": {}}
    levels: list[Level] = []
    try:
        begun_s = time.monotonic()
        engine = chosen_backend.load(settings, Path(job["artefact"]), Path(job["model_folder"]), job["threads"])
        report["load_s"] = time.monotonic() - begun_s
        report["runtime"] = engine.properties()
        requests = chosen_task.load_requests(settings, Path(job["dataset_folder"]), Path(job["model_folder"]))
        # In an order of the run's own, so that no level always comes after the same other one.
        for level in random.Random(settings["seed"]).sample(chosen_task.LEVELS, len(chosen_task.LEVELS)):
            levels.append(chosen_task.measure(engine, requests, settings, level, output))
            refuse_all_failed(levels[-1])
    except Exception as error:
        reason, message = failure_of(error)
        report |= {"status": "failed", "reason": reason, "message": message}
    report |= {
        "levels": [level.summary() for level in levels],
        "versions": versions(chosen_backend.DISTRIBUTIONS),
        "modules": imported_modules(),
        "peak_rss_mib": peak_rss_mib(),
    }
    write_samples(output / SAMPLES, levels, chosen_task.COLUMNS)
    write_json(output / WORKER, report)
    return report["status"] == "ok"


def refuse_all_failed(level: Level) -> None:
    """A level of failures alone has no speed."""
    if not any(sample["ok"] for sample in level.samples):
        raise RuntimeError(f"every request of level {level.level} failed, the last with {level.samples[-1]['error']}")


def imported_modules(scripts: Path = ROOT / "scripts") -> list[str]:
    """The paths, relative to scripts/, of the modules under it that this process has imported."""
    files = (getattr(module, "__file__", None) for module in list(sys.modules.values()))
    paths = {Path(file).resolve() for file in files if file}
    return sorted(path.relative_to(scripts).as_posix() for path in paths if path.is_relative_to(scripts))


if __name__ == "__main__":
    run(main)
