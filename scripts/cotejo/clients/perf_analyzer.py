"""NVIDIA's perf_analyzer, for Triton: a closed loop, or an open one, of one fixed request.

It measures windows until three in a row agree in throughput and latency within `stability_percent`, and gives what
these three amount to, as aggregates; after ten windows it gives up. A window is a third of a level's duration, and
what the first windows warm up is not in the three.
https://github.com/triton-inference-server/perf_analyzer/blob/main/docs/cli.md
"""

import json
import math
from pathlib import Path
from typing import Any

from cotejo.apis import triton_infer
from cotejo.clients.external import said
from cotejo.clients.interface import ClientJob
from cotejo.clients.parse_perf_analyzer import Measured, parse_report, parse_table, reported
from cotejo.errors import CotejoError
from cotejo.samples import Level
from cotejo.servers.interface import HOST, Launch

LOADS = ("closed", "open")
APIS = ("triton-infer",)
OPTIONS: dict[str, Any] = {"stability_percent": 10}
STACK = "triton"
KEY = False
INPUTS = "identical"
FIRST_TOKENS = False
SAMPLES = False
COLUMNS = ()
CALIBRATES = False  # it asks for the model's configuration and statistics

WINDOWS = 3  # that must agree
TABLE = "levels.csv"


def command(job: ClientJob) -> Launch:
    """perf_analyzer's command line for one level; the request is the run's first, with its real tensors."""
    inputs = job.folder / "inputs.json"
    item = next(triton_infer.items(job.run, job.dataset_folder, job.model_folder))
    inputs.write_text(json.dumps({"data": [_tensors(item)]}), encoding="utf-8")
    line = [str(_program(job)), "-v", "-m", job.endpoint.model, "-u", f"{HOST}:{job.endpoint.ports['http']}"]
    line += ["-i", "http", "--input-data", str(inputs), *_load(job), "-p", str(math.ceil(_window_s(job) * 1000))]
    line += ["-s", str(job.run["stability_percent"]), "--verbose-csv", "-f", str(job.folder / TABLE)]
    return Launch(line, _libraries(job))


def read(job: ClientJob, start_s: float, output: str) -> Level:
    asked = [job.level.concurrency if job.level.load == "closed" else job.level.rate_rps]
    told, table = parse_report(output), job.folder / TABLE
    rows = parse_table(table.read_text(encoding="utf-8") if table.is_file() else "")
    for found in ([measured.level for measured in told], [row.level for row in rows]):
        if found != asked:
            raise CotejoError(f"perf_analyzer's output: levels {found}: not {asked} as asked. Is it another run's?")
    measured, row = told[0], rows[0]
    before_s = max(0, len(measured.windows) - WINDOWS) * _window_s(job)
    return Level(
        level=job.level.name,
        warmup_s=before_s,
        start_monotonic_s=start_s + before_s,
        duration_s=measured.requests / row.infer_per_s,
        concurrency=job.level.concurrency,
        load=job.level.load,
        rate_rps=job.level.rate_rps,
        inputs=INPUTS,
        reported=reported(row, job.level.load) | _sent_on_time(job, measured),
        requests=measured.requests,
        failed_requests=0,  # it ends at the first that fails
    )


def _sent_on_time(job: ClientJob, measured: Measured) -> dict[str, float]:
    return {"sent_on_time_percent": 100 - measured.delayed_percent} if job.level.load == "open" else {}


def version(job: ClientJob) -> str:
    return said([str(_program(job)), "--version"], r"Version (\S+)", _libraries(job))


def _libraries(job: ClientJob) -> dict[str, str]:
    return {"LD_LIBRARY_PATH": str(job.python.parent.parent / "lib")}


def _program(job: ClientJob) -> Path:
    program = job.python.parent / "perf_analyzer"
    if not program.is_file():
        raise CotejoError(f"{program}: no such file. Make the environment that has it: make env-triton")
    return program


def _tensors(item: Any) -> dict[str, Any]:
    """An item's tensors without the batch's size, as perf_analyzer reads them."""
    return {
        name: {"content": values[0].ravel().tolist(), "shape": list(values.shape[1:])}
        for name, values in triton_infer.inputs_of(item).items()
    }


def _load(job: ClientJob) -> list[str]:
    if job.level.load == "closed":
        return ["--concurrency-range", f"{job.level.concurrency}:{job.level.concurrency}:1"]
    rate = f"{job.level.rate_rps:g}"
    return ["--request-rate-range", f"{rate}:{rate}:1", "--request-distribution", str(job.level.arrival)]


def _window_s(job: ClientJob) -> float:
    return float(job.run["duration_s"]) / WINDOWS
