"""Doing checks one after another, each in a process of its own: what it does to that ends no other."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from cotejo.child import child_environment, die_with, last_line, nothing_left
from cotejo.code import SCRIPTS
from cotejo.files import read_json
from cotejo.gpu_check.check import Check, why_untried

PASS, FAIL, UNTRIED = "pass", "FAIL", "not tried"


@dataclass(frozen=True)
class Result:
    name: str
    proves: str
    result: str
    message: str = ""  # why it failed, or wasn't tried
    found: Mapping[str, Any] = field(default_factory=dict)
    wall_s: float | None = None
    log: str | None = None


class Ended(NamedTuple):
    """How a process ended; `exit_code` is minus the signal where one ended it."""

    exit_code: int
    timed_out: bool
    last_line: str
    wall_s: float


def perform(
    checks: Sequence[Check],
    device: str,
    gpus: int,
    logs: Path,
    say: Callable[[Result], None],
    python_path: Path = SCRIPTS,
) -> list[Result]:
    """Do them, and say each one's result as it comes. Their files are deleted at the end; `logs` are kept."""
    logs.mkdir(parents=True, exist_ok=True)
    results = []
    with tempfile.TemporaryDirectory(prefix="cotejo-gpu-check-") as scratch:
        for each in checks:
            untried = why_untried(each, device, gpus)
            if untried:
                result = Result(each.name, each.proves, UNTRIED, untried)
            else:
                result = _performed(each, device, gpus, Path(scratch), logs, python_path)
            say(result)
            results.append(result)
    return results


def in_process(arguments: Sequence[str], limit_s: float, log: Path, python_path: Path = SCRIPTS) -> Ended:
    """How a module of ours ended that ran by itself. It is killed when its time is over, and all that it left behind.

    It has no mark of a measurement (`cotejo.ownership`), since it may measure, and nobody can be marked twice.
    """
    environment, parent, begun_s = child_environment(os.cpu_count() or 1, python_path), os.getpid(), time.monotonic()
    with nothing_left(), log.open("wb") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            env=environment,
            start_new_session=True,
            preexec_fn=lambda: die_with(parent),
        )
        timed_out = False
        try:
            process.wait(limit_s)
        except subprocess.TimeoutExpired:
            timed_out = True
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
    return Ended(process.returncode, timed_out, last_line(log), time.monotonic() - begun_s)


def why_ended(ended: Ended, limit_s: float) -> str:
    """What became of a process that left no word."""
    if ended.timed_out:
        return f"had not ended after {limit_s:g} s. Its last line: {ended.last_line}"
    how = f"signal {-ended.exit_code}" if ended.exit_code < 0 else f"exit code {ended.exit_code}"
    return f"ended by {how}. Its last line: {ended.last_line}"


def _performed(check: Check, device: str, gpus: int, scratch: Path, logs: Path, python_path: Path) -> Result:
    folder, log = scratch / check.name, logs / f"{check.name}.log"
    folder.mkdir()
    told = {
        "module": check.module, "function": check.function, "output": str(folder / "result.json"),
        "box": {"device": device, "gpus": gpus, "folder": str(folder), "shared": str(scratch)},
    }  # fmt: skip
    ended = in_process(["cotejo.gpu_check.one", json.dumps(told)], check.limit_s, log, python_path)
    written = folder / "result.json"
    if written.is_file() and not ended.timed_out and ended.exit_code == 0:
        said = read_json(written)
    else:
        said = {"result": FAIL, "message": why_ended(ended, check.limit_s)}
    return Result(check.name, check.proves, wall_s=ended.wall_s, log=f"{logs.name}/{log.name}", **said)


def exit_status(results: Sequence[Result]) -> int:
    """0 where all that could be tried passed, 1 where something failed, 2 where nothing could be tried."""
    seen = {result.result for result in results}
    return 1 if FAIL in seen else 0 if PASS in seen else 2
