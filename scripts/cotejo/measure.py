"""Measure one repeat of one run in a fresh, pinned process, and write down what came of it, failures included."""

import shlex
import signal
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cotejo import affinity, environment, lock, quiet
from cotejo.affinity import Watch
from cotejo.artefact import DATASET, EXPORT, MODEL, Failure, corruption, gate_failure, manifest
from cotejo.child import Ending, child_environment, run_child
from cotejo.code import SCRIPTS, ast_digest, run_modules
from cotejo.errors import OUT_OF_MEMORY, CotejoError
from cotejo.files import read_json, sha256_of, write_json
from cotejo.record import SCHEMA_VERSION, count_rows, utc_now, write
from cotejo.telemetry.beside import sampling
from cotejo.telemetry.levels import level_telemetry
from cotejo.telemetry.table import read_table

WORKER = ("-m", "cotejo.worker")


@dataclass(frozen=True)
class Inputs:
    """What a repeat is measured from; no export and no parity file where the backend loads the model itself."""

    run: dict[str, Any]
    repeat: int
    model_folder: Path
    dataset_folder: Path
    export_folder: Path | None
    parity_file: Path | None


@dataclass(frozen=True)
class Outcome:
    """What became of the measured process; nothing but a failure and the mask where none was started."""

    failure: Failure | None
    watch: Watch
    command: Sequence[str] = ()
    ending: Ending | None = None
    said: dict[str, Any] | None = None  # its own worker.json
    samples: Path | None = None
    telemetry: Path | None = None
    looks: dict[str, Any] | None = None  # at the machine, before and after


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
    run = inputs.run
    described = describe(inputs)
    try:
        cpus = affinity.resolve(run["cores"], affinity.mask(), affinity.topology())
    except CotejoError as error:
        raise CotejoError(f"--run: cores: {run['cores']!r}: {error}") from error
    watch = Watch(frozenset(cpus))

    with tempfile.TemporaryDirectory(prefix="cotejo-") as scratch:
        failure = None
        if inputs.export_folder and inputs.parity_file:
            failure = gate_failure(inputs.export_folder, inputs.parity_file, described["model"]["digest"])
        if failure:
            outcome = Outcome(failure, watch)
            record = build(inputs, outcome, described, utc_now())
        else:
            with lock.measuring_lock(shlex.join([sys.argv[0], "--output", str(output.absolute())]), say, lock_path):
                started_at = utc_now()
                outcome = _measured(inputs, watch, Path(scratch), log, worker)
                record = build(inputs, outcome, described, started_at)
        write(output, record, outcome.samples, outcome.telemetry)
    told = f"{record['reason']}: {record['message']}" if outcome.failure else "measured"
    say(f"{run['id']}, repeat {inputs.repeat}: {told}")


def describe(inputs: Inputs) -> dict[str, Any]:
    """The record's `model`, `export` and `dataset`, from the folders' manifests, which must be those of the run."""
    run = inputs.run
    model = manifest(inputs.model_folder, MODEL, {key: run[key] for key in ("model", "weights", "scale")})
    dataset = manifest(inputs.dataset_folder, DATASET, {"dataset": run["dataset"]})
    export = None
    if inputs.export_folder and inputs.parity_file:
        made = manifest(
            inputs.export_folder, EXPORT, {key: run[key] for key in ("format", "precision", "architecture")}
        )
        export = {
            "folder": str(inputs.export_folder),
            "digest": sha256_of(inputs.export_folder / EXPORT),
            "status": made["status"],
            "packages": made["packages"],
            "parity_file": str(inputs.parity_file),
            "parity": read_json(inputs.parity_file),
        }
    return {
        "model": {
            "folder": str(inputs.model_folder),
            "digest": sha256_of(inputs.model_folder / MODEL),
            **{key: model[key] for key in ("licence", "parameters", "source")},
        },
        "export": export,
        "dataset": {
            "digest": sha256_of(inputs.dataset_folder / DATASET),
            "kind": dataset["kind"],
            "items": len(dataset["items"]),
        },
    }


def _measured(inputs: Inputs, watch: Watch, folder: Path, log: Path, worker: Sequence[str]) -> Outcome:
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
    with sampling(watch.expected, telemetry) as finish:
        ending = run_child(pin, command, child_environment(threads, SCRIPTS), watch, timeout_s, log, finish)
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
    mask = affinity.format_cpus(watch.expected)
    if watch.violations:
        seen = "; ".join(f"{thread['thread']} on {thread['cpus']}" for thread in watch.violations)
        return Failure("lost-pin", f"pinned to CPUs {mask}, but these threads were allowed others: {seen}")
    if not watch.checks:
        return Failure("lost-pin", f"pinned to CPUs {mask}, but it ended before any thread was seen")
    return None


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


def build(inputs: Inputs, outcome: Outcome, described: dict[str, Any], started_at: str) -> dict[str, Any]:
    """The record of a repeat, but for the files beside it."""
    run, failure, ending = inputs.run, outcome.failure, outcome.ending
    said = outcome.said or {
        "levels": [],
        "runtime": {},
        "versions": {},
        "modules": [],
        "load_s": None,
        "peak_rss_mib": None,
    }
    modules = run_modules(run)
    unforeseen = set(said["modules"]) - {path.relative_to(SCRIPTS).as_posix() for path in modules}
    if unforeseen:
        raise CotejoError(
            f"scripts/{sorted(unforeseen)[0]}: the measured process imported it, but no import statement leads there "
            f"from scripts/cotejo/worker.py, so the record's code digest would miss it. Import it by a statement"
        )
    mechanism = outcome.command[0] if outcome.command else None
    marks = {
        "synthetic": run["weights"] == "synthetic",
        "small": run["scale"] == "small",
        "taskset": mechanism == "taskset",
    }
    return {
        "schema_version": SCHEMA_VERSION,
        "study": run["study"],
        "system": run["system"],
        "run": run,
        "repeat": inputs.repeat,
        "status": "failed" if failure else "ok",
        "reason": failure.reason if failure else None,
        "message": failure.message if failure else None,
        "started_at": started_at,
        "finished_at": utc_now(),
        "command": list(outcome.command),
        "environment": environment.facts(),
        "affinity": {
            "asked": run["cores"],
            "mechanism": mechanism,
            "expected_cpus": sorted(outcome.watch.expected),
            "observed_cpus": sorted(outcome.watch.observed),
            "violations": outcome.watch.violations,
            "checks": outcome.watch.checks,
        },
        "levels": _levels(outcome, said),
        "process": _process(ending, said, len(outcome.watch.expected)) if ending else None,
        "quiet": outcome.looks,
        "runtime": said["runtime"],
        "versions": said["versions"],
        **described,
        "marks": [mark for mark, applies in marks.items() if applies],
        "code_digest": ast_digest(modules),
        "git_revision": environment.git_revision(),
    }


def _levels(outcome: Outcome, said: dict[str, Any]) -> list[dict[str, Any]]:
    """The levels that the measured process told of, each with the telemetry of its window."""
    table = read_table(outcome.telemetry) if outcome.telemetry else {}
    cpus = outcome.watch.expected
    sampler_aside = bool(affinity.mask() - cpus)
    return [level | {"telemetry": level_telemetry(table, level, len(cpus), sampler_aside)} for level in said["levels"]]


def _process(ending: Ending, said: dict[str, Any], threads: int) -> dict[str, Any]:
    seen = {key: value for key, value in asdict(ending).items() if key not in ("timed_out", "oom_killed", "last_line")}
    return {"load_s": said["load_s"], "peak_rss_mib": said["peak_rss_mib"], "threads": threads, **seen}
