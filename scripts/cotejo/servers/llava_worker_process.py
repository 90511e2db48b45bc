"""LLaVA's controller and worker, as one process with two children that live and die together.

The worker can't do without a controller: it tells it of every request, and waits where there is none. It takes clients
by itself. Runs under the interpreter of the environment that holds LLaVA's source, in a folder that may be written to:
both write their logs into it.
"""

import argparse
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from importlib.util import find_spec
from pathlib import Path
from types import FrameType
from typing import NoReturn

from cotejo.child import die_with
from cotejo.repairs.llava import COMMIT, PACKAGE, source_digest
from cotejo.servers.interface import HOST

POLL_S = 0.2
STOP_S = 10.0
LINK = "clip"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="the model's folder, in the authors' layout")
    parser.add_argument("--name", required=True, help="the model's name; it decides how the worker loads it")
    parser.add_argument("--device", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--controller-port", type=int, required=True)
    parser.add_argument("--limit", type=int, required=True, help="how many requests are computed at once")
    parser.add_argument("--scratch", type=Path, required=True, help="the folder to run in")
    parser.add_argument("--source", required=True, help="the digest of the source that this must be")
    arguments = parser.parse_args()
    refuse_other_source(arguments.source)
    signal.signal(signal.SIGTERM, _exit)
    enter(arguments.scratch, arguments.model)
    controller, worker = (f"http://{HOST}:{port}" for port in (arguments.controller_port, arguments.port))
    children: list[subprocess.Popen[bytes]] = []
    try:
        children.append(module("controller", "--host", HOST, "--port", str(arguments.controller_port)))
        wait_for(controller, children)
        children.append(
            module(
                "model_worker",
                *("--host", HOST, "--port", str(arguments.port), "--worker-address", worker),
                *("--controller-address", controller, "--model-path", str(arguments.model)),
                *("--model-name", arguments.name, "--device", arguments.device),
                *("--limit-model-concurrency", str(arguments.limit)),
            )
        )
        sys.exit(first_end(children))
    finally:
        stop(children)


def refuse_other_source(wanted: str) -> None:
    """SystemExit where this interpreter has another `llava` than the one whose version the record will name."""
    found = find_spec(PACKAGE)
    if found is None or found.origin is None:
        sys.exit(f"error: {sys.executable}: has no module {PACKAGE}. Run `make env-llava`")
    folder = Path(found.origin).parent
    if source_digest(folder) != wanted:
        sys.exit(f"error: {folder}: is not LLaVA at commit {COMMIT}. Run `make env-llava`, or put that commit there")


def enter(scratch: Path, model: Path) -> None:
    """Go where the vision tower is found by the name that the model's configuration gives it."""
    link = scratch / LINK
    link.unlink(missing_ok=True)
    link.symlink_to(model / LINK)
    os.chdir(scratch)


def module(name: str, *options: str) -> "subprocess.Popen[bytes]":
    parent = os.getpid()
    return subprocess.Popen(
        [sys.executable, "-m", f"llava.serve.{name}", *options],
        stdin=subprocess.DEVNULL,
        preexec_fn=lambda: die_with(parent),
    )


def wait_for(url: str, children: "list[subprocess.Popen[bytes]]") -> None:
    """Return once the controller answers; exit as it does where it ends before."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    while True:
        if children[0].poll() is not None:
            code = children[0].returncode
            sys.exit(f"error: llava.serve.controller: ended with exit code {code}. Read what it said above")
        try:
            opener.open(urllib.request.Request(f"{url}/list_models", method="POST"), timeout=5).close()
            return
        except (urllib.error.URLError, OSError):
            time.sleep(POLL_S)


def first_end(children: "list[subprocess.Popen[bytes]]") -> int:
    """Wait until one of them ends: without the other it is worth nothing."""
    while all(child.poll() is None for child in children):
        time.sleep(POLL_S)
    return next(child.returncode for child in children if child.returncode is not None) or 1


def stop(children: "list[subprocess.Popen[bytes]]") -> None:
    """Ask each to end, then end it."""
    for child in children:
        child.terminate()
    for child in children:
        try:
            child.wait(STOP_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def _exit(number: int, frame: FrameType | None) -> NoReturn:
    sys.exit(128 + number)


if __name__ == "__main__":
    main()
