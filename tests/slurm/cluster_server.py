"""A server whose parts on other nodes behave as they are told, served in a job of several nodes.

As a command, on the job's first node: python cluster_server.py '<JSON>', which prints what became of it.
"""

import json
import os
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cotejo import affinity
from cotejo.affinity import Watch
from cotejo.child import nothing_left
from cotejo.command import run
from cotejo.servers.ask import ask
from cotejo.servers.interface import Endpoint, Identity, Job, Launch
from cotejo.session import ServingError, Setting, serving

STACK = None
PORTS = ("http",)
KEY = None
NODES = True

SERVER = """
import http.server, os, socket, sys
where, port = sys.argv[1:]
if where == "everywhere":
    other = socket.create_server(("", 0))
http.server.ThreadingHTTPServer(("127.0.0.1", int(port)), http.server.SimpleHTTPRequestHandler).serve_forever()
"""
PART = """
import os, signal, socket, subprocess, sys, time
behave, address, first, token = *sys.argv[1:], os.environ["TOKEN"]
print(behave, address, first, "token:", token, flush=True)
open(os.environ["FOLDER"] + "/mine", "w").close()
listening = socket.create_server(("" if behave == "everywhere" else address, 0))
if behave == "stays":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    subprocess.Popen(["setsid", "sh", "-c", "trap '' TERM; sleep 1000; sleep 1000"])
if behave == "dies":
    sys.exit("error: the part has had enough")
if behave == "strays":
    os.sched_setaffinity(0, set(range(os.cpu_count())))
time.sleep(float(os.environ["DIES_AFTER_S"]))
sys.exit("error: the part was there for a while")
"""


def clustered(run: Mapping[str, Any]) -> bool:
    return True


def launch(job: Job, endpoint: Endpoint) -> Launch:
    assert job.cluster
    where = "everywhere" if job.run["first"] == "everywhere" else "here"
    return Launch(
        [sys.executable, "-c", SERVER, where, str(endpoint.ports["http"])], {"TOKEN": job.cluster.token or ""}
    )


def join(job: Job) -> Launch:
    assert job.cluster
    told = {
        "TOKEN": job.cluster.token or "",
        "FOLDER": str(job.cluster.folder),
        "DIES_AFTER_S": str(job.run["dies_after_s"]),
    }
    return Launch([sys.executable, "-c", PART, job.run["behave"], "{address}", "{first}"], told)


def identify(endpoint: Endpoint) -> Identity | None:
    answer = ask(endpoint, "/")
    return Identity("1") if answer and answer[0] == 200 else None


def main() -> None:
    told = json.loads(sys.argv[1])
    folder = Path(told["folder"])
    cpus = frozenset(affinity.resolve(told["run"]["cores"], affinity.mask(), affinity.topology()))
    setting = Setting(affinity.pin_command(cpus), Watch(cpus), folder / "r1.log")
    result: dict[str, Any] = {}
    with nothing_left(), tempfile.TemporaryDirectory(prefix="cotejo-") as scratch:
        job = Job(told["run"], folder, folder, folder, Path(sys.executable), len(cpus), Path(scratch, "server"))
        job.scratch.mkdir()
        try:
            with serving(sys.modules[__name__], job, setting) as session:
                (folder / "ready").touch()
                deadline_s = time.monotonic() + told["serve_s"]
                while time.monotonic() < deadline_s and not session.has_died():
                    time.sleep(0.02)
                session.others.refuse_ended()
            failure = session.others.failure()
            result = {"left": session.left, "nodes": session.others.reports}
        except ServingError as error:
            failure, result = error.failure, {"nodes": error.nodes}
    result["failure"] = [failure.reason, failure.message] if failure else None
    (folder / "result.json").write_text(json.dumps(result))


if __name__ == "__main__":
    # As the executor plugin's jobs see it.
    for name in [name for name in os.environ if name.startswith("SLURM_") and name != "SLURM_JOB_ID"]:
        del os.environ[name]
    run(main)
