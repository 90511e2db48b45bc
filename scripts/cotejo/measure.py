"""Measure one repeat of one run in a fresh, pinned process, and write down what came of it, failures included."""

import signal
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from cotejo import affinity, lock, quiet
from cotejo.affinity import Watch
from cotejo.artefact import EXPORT, MODEL, Failure, corruption
from cotejo.child import Ending, child_environment, run_child
from cotejo.code import SCRIPTS
from cotejo.errors import OUT_OF_MEMORY
from cotejo.files import read_json, write_json
from cotejo.record import count_rows
from cotejo.repeat import Inputs, Outcome, lost_pin, write_repeat
from cotejo.session import devices
from cotejo.telemetry.beside import sampling

WORKER = ("-m", "cotejo.worker")


def measure(
    inputs: Inputs,
    output: Path,
    log: Path,
    worker: Sequence[str] = WORKER,
    lock_path: Path = lock.PATH,
    say: Callable[[str], None] = lock.to_stderr,
) -> None:
    """Write the record of one repeat to `output`, and its samples and its telemetry beside it.

    Whatever befalls the measured process becomes a record. CotejoError where the inputs are not the run's.
    """
    write_repeat(inputs, output, partial(_measured, inputs, log=log, worker=worker), lock_path, say)


def _measured(inputs: Inputs, watch: Watch, folder: Path, *, log: Path, worker: Sequence[str]) -> Outcome:
    """Check the files, run the worker, and judge: under the lock, for reading gigabytes would disturb others."""
    artefact = inputs.export_folder or inputs.model_folder
    failure = corruption(artefact, EXPORT if inputs.export_folder else MODEL)
    if failure:
        return Outcome(failure, watch)
    threads = len(watch.expected)
    job = {
        "run": inputs.run,
        "artefact": str(artefact.absolute()),
        "model_folder": str(inputs.model_folder.absolute()),
        "dataset_folder": str(inputs.dataset_folder.absolute()),
        "threads": threads,
        "output": str(folder),
    }
    write_json(folder / "job.json", job)
    pin = affinity.pin_command(watch.expected)
    command = [sys.executable, *worker, "--job", str(folder / "job.json")]
    telemetry = folder / "telemetry.csv"
    before = quiet.look(watch.expected)
    timeout_s = inputs.run["timeout_s"]
    environment = child_environment(threads, SCRIPTS)
    environment |= devices(inputs.run, environment)
    with sampling(watch.expected, telemetry) as finish:
        ending = run_child(pin, command, environment, watch, timeout_s, log, finish)
    looks = {"before": before, "after": quiet.look(watch.expected)}
    report = folder / "worker.json"
    said = read_json(report) if report.is_file() and not ending.timed_out and ending.exit_code == 0 else None
    failure = judge(ending, said, watch, timeout_s)
    samples = folder / "samples.csv"
    measured = samples.is_file() and count_rows(samples) > 0
    if not failure and not measured:
        failure = Failure("error", "the measured process wrote no samples")
    return Outcome(
        failure,
        watch,
        [*pin, *command],
        ending,
        said,
        samples if measured else None,
        telemetry if telemetry.is_file() else None,
        looks,
    )


def judge(ending: Ending, said: dict[str, Any] | None, watch: Watch, timeout_s: float) -> Failure | None:
    """Why a measured process that has ended measured nothing; None where it did, on its own CPUs."""
    if ending.timed_out:
        return Failure("timeout", f"had not ended after {timeout_s:g} s (timeout_s) and was killed")
    if ending.exit_code != 0:
        return _death(ending)
    if said is None:
        return Failure("error", f"ended without a report. Its last line: {ending.last_line}")
    if said["status"] != "ok":
        return Failure(said["reason"], said["message"])
    return lost_pin(watch)


def _death(ending: Ending) -> Failure:
    last = ending.last_line or "it wrote nothing"
    if ending.exit_code == -9 and ending.oom_killed:
        return Failure("out-of-memory", f"killed by the kernel, which was out of memory. Its last line: {last}")
    if any(sign in last.lower() for sign in (*OUT_OF_MEMORY, "memoryerror")):
        return Failure("out-of-memory", last)
    if ending.exit_code < 0:
        return Failure("killed", f"ended by {_signal_name(-ending.exit_code)}. Its last line: {last}")
    return Failure("error", last)


def _signal_name(number: int) -> str:
    return signal.Signals(number).name if number in {*signal.Signals} else f"signal {number}"
