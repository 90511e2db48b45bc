"""Measure one repeat of one run in a fresh, pinned process, and write down what came of it, failures included."""

import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from cotejo import accelerators, affinity, lock, ports, quiet, ranks
from cotejo.affinity import Watch
from cotejo.allocation import allocated
from cotejo.artefact import Failure
from cotejo.backends import processes, stack_of, together
from cotejo.child import OVER_S, Ending, run_child, supervise
from cotejo.errors import OUT_OF_MEMORY, CotejoError, NodeFailed
from cotejo.files import read_json, write_json
from cotejo.leavings import SAMPLES, rank_folder
from cotejo.leavings import WORKER as REPORT
from cotejo.nodes import Follow, following
from cotejo.processes import shares
from cotejo.record import count_rows
from cotejo.repeat import Inputs, Outcome, lost_pin, write_repeat
from cotejo.servers.interface import HOST
from cotejo.session import remedy, stack_environment
from cotejo.staging import Copies
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
    if not inputs.python.exists():
        raise CotejoError(f"{inputs.python}: there is no such interpreter. {remedy(stack_of(inputs.run))}")
    write_repeat(inputs, output, partial(_measured, inputs, log=log, worker=worker), lock_path, say)


def _measured(
    inputs: Inputs, copies: Copies, watch: Watch, folder: Path, *, log: Path, worker: Sequence[str]
) -> Outcome:
    """Run the worker, or as many as the run has, and judge."""
    inputs, python = inputs.at(copies), str(inputs.python.absolute())
    if together(inputs.run):
        return _together(inputs, watch, folder, log)
    job = write_job(inputs, folder, len(watch.expected))
    command = [python, *worker, "--job", str(job)]
    ran = _ran(inputs, command, len(watch.expected), watch, folder, log)
    report = folder / REPORT
    said = read_json(report) if report.is_file() and not ran.ending.timed_out and ran.ending.exit_code == 0 else None
    return _outcome(judge(ran.ending, said, watch, inputs.run["timeout_s"]), ran, watch, said, folder / SAMPLES)


def _together(inputs: Inputs, watch: Watch, folder: Path, log: Path) -> Outcome:
    """Run several processes, on this node and on the run's others, and judge by what becomes of all."""
    run, of_node, python = inputs.run, processes(inputs.run), inputs.python.absolute()
    threads = len(shares(watch.expected, affinity.topology(), of_node)[0])
    try:
        met = allocated(run) if run.get("nodes", 1) > 1 else None
    except NodeFailed as error:
        return Outcome(Failure(error.reason, str(error)), watch)
    address = met.address if met else HOST
    meeting = ranks.Meeting(address, ports.free_ports(["meeting"], address)["meeting"], run.get("nodes", 1))
    # Where there are other nodes, they must see it too.
    log.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{log.stem}.ranks-", dir=log.parent if met else folder) as shared:
        output = Path(shared).absolute()
        start = partial(ranks.command, str(python), write_job(inputs, output, threads), meeting, of_node)
        follow = Follow(run, start("{rank}", "{address}"), python, log)
        try:
            with following(met, follow) if met else nullcontext() as others:
                over = others.ended if others else lambda: False
                ran = _ran(inputs, start("0", address), threads, watch, folder, log, over)
                if others and ran.ending.exit_code == 0:
                    supervise([], others.ended, time.monotonic() + OVER_S)
        except NodeFailed as error:
            return Outcome(Failure(error.reason, str(error)), watch)
        expected = of_node * meeting.nodes
        found, died = ranks.reports(output, expected), ranks.deaths(output, meeting.nodes)
        samples = rank_folder(output, 0) / SAMPLES
        if samples.is_file():
            shutil.move(samples, folder / SAMPLES)
    said, of_nodes = ranks.said(found), others.failure() if others else None
    failure = None if ran.ending.timed_out else ranks.failure(expected, found, died, ran.ending, of_nodes)
    failure = failure or judge(ran.ending, said, watch, run["timeout_s"])
    outcome = _outcome(failure, ran, watch, said, folder / SAMPLES)
    return replace(outcome, nodes=others.reports) if others else outcome


def write_job(inputs: Inputs, folder: Path, threads: int) -> Path:
    """Write down, in a folder that then is the job's output, what each measured process is to do."""
    artefact = inputs.export_folder or inputs.model_folder
    job = {
        "run": inputs.run,
        "artefact": str(artefact.absolute()),
        "model_folder": str(inputs.model_folder.absolute()),
        "dataset_folder": str(inputs.dataset_folder.absolute()),
        "threads": threads,
        "output": str(folder),
    }
    write_json(folder / "job.json", job)
    return folder / "job.json"


class _Ran(NamedTuple):
    """A command that has run pinned, and what was seen beside it."""

    command: list[str]
    ending: Ending
    telemetry: Path
    looks: dict[str, Any]
    left: list[str]  # what it left behind, as sentences


def _ran(
    inputs: Inputs,
    command: Sequence[str],
    threads: int,
    watch: Watch,
    folder: Path,
    log: Path,
    over: Callable[[], bool] = lambda: False,
) -> _Ran:
    """Run a command pinned, sampled and watched, until it ends, or its time or what it is a part of is over."""
    pin = affinity.pin_command(watch.expected)
    telemetry = folder / "telemetry.csv"
    before = quiet.look(watch.expected)
    run, environment = inputs.run, stack_environment(threads, inputs.python.absolute())
    shown = accelerators.shown(run, environment)
    environment |= shown.variables
    with sampling(watch.expected, telemetry) as finish:
        ending = run_child(pin, command, environment, watch, run["timeout_s"], log, finish, over)
    looks = {"before": before, "after": quiet.look(watch.expected)}
    left = quiet.gpu_memory_kept(looks["before"], looks["after"], shown.gpus)
    return _Ran([*pin, *command], ending, telemetry, looks, left)


def _outcome(failure: Failure | None, ran: _Ran, watch: Watch, said: dict[str, Any] | None, samples: Path) -> Outcome:
    measured = samples.is_file() and count_rows(samples) > 0
    if not failure and not measured:
        failure = Failure("error", "the measured process wrote no samples")
    if not failure and ran.left:
        failure = Failure("leftovers", "after the measured process had ended: " + "; ".join(ran.left))
    return Outcome(
        failure,
        watch,
        ran.command,
        ran.ending,
        said,
        samples if measured else None,
        ran.telemetry if ran.telemetry.is_file() else None,
        ran.looks,
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
