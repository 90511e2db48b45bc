"""Measures one repeat with a fake worker, as a command of its own: python measuring.py '<JSON of the arguments>'."""

import json
import sys
from pathlib import Path

from cotejo.command import run
from cotejo.measure import measure
from cotejo.repeat import Inputs

FAKE = Path(__file__).with_name("fake_worker.py")


def main() -> None:
    told = json.loads(sys.argv[1])
    if "cgroup" in told:
        Path(told["cgroup"], "cgroup.procs").write_text("0")
    folder = Path(told["folder"])
    parts = [folder / name for name in ("model", "dataset", "export", "parity.json")]
    inputs = Inputs(told["run"], told.get("repeat", 1), *parts, stage=told.get("stage"))
    worker = (told.get("worker", str(FAKE)),)
    measure(inputs, Path(told["output"]), Path(told["output"]).with_suffix(".log"), worker, Path(told["lock"]))


if __name__ == "__main__":
    run(main)
