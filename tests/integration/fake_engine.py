"""A client that brings its engine, and behaves, or misbehaves, as its run's key `behave` says: module, and program.

Its process has a child in a session of its own, as engines do, and computes for half a second.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from cotejo.clients.bench_engine import RESULT, result_text, written_s
from cotejo.clients.interface import ClientJob
from cotejo.clients.parse_vllm_bench import parse_json
from cotejo.samples import Level
from cotejo.servers.interface import Launch

LOADS = ("offline",)
APIS = ("openai-completions",)
OPTIONS: dict[str, Any] = {}
STACK = None
ENGINES = ("transformers-serve",)
KEY = False
INPUTS = "unique"
COLUMNS = ()

BUSY_S = 0.5


def command(job: ClientJob) -> Launch:
    assert job.engine and job.engine.scratch == job.folder
    program = "no-such-engine" if job.run["behave"] == "missing" else str(job.python)
    line = [program, __file__, "--behave", job.run["behave"], "--pids", job.run["pids"], "--folder", str(job.folder)]
    return Launch(line, writes=[Path(job.run["pids"]).parent])


def read(job: ClientJob, start_s: float, output: str) -> Level:
    busy_s = parse_json(result_text(job, output), ("busy_s",))["busy_s"]
    return Level(
        job.level.name, start_monotonic_s=written_s(job.folder / RESULT) - busy_s, duration_s=busy_s, load="offline",
        reported={"requests_per_s": 4 / busy_s}, requests=4, failed_requests=0,
    )  # fmt: skip


def version(job: ClientJob) -> str:
    raise AssertionError("the launch has proven the engine's version")


def main() -> None:
    parser = argparse.ArgumentParser()
    for name in ("--behave", "--pids", "--folder"):
        parser.add_argument(name)
    told = parser.parse_args()
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
    Path(told.pids).write_text(json.dumps([os.getpid(), child.pid]))
    match told.behave:
        case "exit":
            sys.exit("ValueError: no such layer")
        case "memory":
            sys.exit("RuntimeError: DefaultCPUAllocator: can't allocate memory")
        case "hang":
            time.sleep(600)
        case "silent":
            return
    begun_s = time.monotonic()
    while time.process_time() < BUSY_S:
        pass
    (Path(told.folder) / RESULT).write_text(json.dumps({"busy_s": time.monotonic() - begun_s}))
    print("done")


if __name__ == "__main__":
    main()
