"""Measures one repeat with the fake server, as a command of its own: python measuring_server.py '<JSON>'."""

import json
import sys
from pathlib import Path

import fake_server

from cotejo import clients, measure_server, ports, servers, session
from cotejo.command import end_with_workflow, run
from cotejo.images import Image
from cotejo.measure_server import measure
from cotejo.repeat import Inputs
from cotejo.serving import Driving, Serving


def main() -> None:
    told = json.loads(sys.argv[1])
    end_with_workflow()
    servers.SERVERS[told["run"]["server"]] = "fake_server"
    clients.CLIENTS["fake-engine"] = "fake_engine"
    chosen = [iter(each) for each in told.get("ports", [])]  # what each attempt is to get
    free = ports.free_ports
    ports.free_ports = lambda names: dict(zip(names, chosen.pop(0), strict=True)) if chosen else free(names)
    if not told.get("calibrate"):  # which takes seconds
        measure_server.calibrate = lambda *arguments: None
    session.STOP_S = told.get("stop_s", session.STOP_S)
    folder = Path(told["folder"])
    inputs = Inputs(told["run"], 1, folder / "model", folder / "dataset", None, None, told.get("stage"))
    python = Path(sys.executable)
    image = Image(told["image"][0], Path(told["image"][1]), told["image"][2]) if "image" in told else None
    given = Serving(folder / "prepared", python, image)
    driving = Driving(folder / "launch.json", Path(told.get("client_python", python)))
    measure(inputs, given, driving, Path(told["output"]), Path(told["output"]).with_suffix(".log"), Path(told["lock"]))


if __name__ == "__main__":
    assert fake_server.STAND_IN
    run(main)
