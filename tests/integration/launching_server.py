"""Launches the fake server, as a command of its own: python launching_server.py '<JSON>', which prints launch.json."""

import json
import sys
import tempfile
from pathlib import Path

from cotejo import servers
from cotejo.command import run
from cotejo.images import Image
from cotejo.launch import launch, prepare
from cotejo.repeat import Inputs
from cotejo.serving import Serving


def main() -> None:
    told = json.loads(sys.argv[1])
    servers.SERVERS[told["run"]["server"]] = "fake_server"
    folder = Path(told["folder"])
    inputs = Inputs(told["run"], 1, folder / "model", folder / "dataset", None, None)
    image = Image(told["image"][0], Path(told["image"][1]), told["image"][2]) if "image" in told else None
    given = Serving(folder / "prepared", Path(sys.executable), image)
    line = prepare(inputs, given)
    with tempfile.TemporaryDirectory() as scratch:
        said = launch(inputs, given, 0.01, folder / "launch.log", Path(scratch, "golden"))
    print(json.dumps({"line": line, **said}))


if __name__ == "__main__":
    run(main)
