"""Our own client's process: puts one load level on a server, and writes down what it saw.

Started behind a pin as `python -m cotejo.clients.own_process --job job.json`, the key in the environment. job.json:
{"run", "level", "repeat", "ports", "model", "api", "dataset_folder", "model_folder", "output"}, where `output` is the
file of the result. Told to stop by SIGTERM, it fails what is under way and writes down what there is.
"""

import argparse
import os
import sys
from pathlib import Path
from typing import Any

from cotejo.apis import api
from cotejo.clients.own import KEY_VARIABLE
from cotejo.clients.own_level import measure
from cotejo.clients.supply import Supply
from cotejo.command import run
from cotejo.files import read_json, write_json
from cotejo.load import LoadLevel
from cotejo.servers.interface import Endpoint


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--job", required=True, type=Path, help="the load level, and the server")
    job = read_json(parser.parse_args().job)
    write_json(Path(job["output"]), work(job, os.environ.get(KEY_VARIABLE)))


def work(job: dict[str, Any], key: str | None) -> dict[str, Any]:
    """Do a job: its level as plain data, the samples as {"columns", "rows"}."""
    settings, chosen = job["run"], api(job["api"])
    endpoint = Endpoint(job["ports"], job["model"], key)
    items = chosen.items(settings, Path(job["dataset_folder"]), Path(job["model_folder"]))
    supply = Supply(chosen, items, settings, endpoint)
    level = measure(supply, settings, LoadLevel(**job["level"]), job["repeat"], endpoint.ports["http"])
    columns = list(dict.fromkeys(name for sample in level.samples for name in sample))
    rows = [[sample.get(name) for name in columns] for sample in level.samples]
    facts = {name: value for name, value in vars(level).items() if name != "samples"}
    if supply.made_late:
        print(f"{supply.made_late} requests were made only when they were due", file=sys.stderr)
    return {"level": facts, "samples": {"columns": columns, "rows": rows}}


if __name__ == "__main__":
    run(main)
