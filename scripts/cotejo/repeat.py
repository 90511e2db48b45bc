"""One repeat of a run: from what it is measured from to its record, whatever measures it."""

import shlex
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from cotejo import accelerators, affinity, environment, lock, ownership, slurm_job, stand_in
from cotejo.affinity import Watch
from cotejo.artefact import DATASET, EXPORT, MODEL, Failure, corruption, gate_failure, manifest
from cotejo.backends import processes, stack_of, together
from cotejo.child import Ending
from cotejo.code import RANK, SCRIPTS, ast_digest, run_modules
from cotejo.errors import CotejoError
from cotejo.files import read_json, sha256_of
from cotejo.record import SCHEMA_VERSION, utc_now, write
from cotejo.slurm_job import Job, own_job
from cotejo.staging import Copies, staged
from cotejo.telemetry.levels import level_telemetry
from cotejo.telemetry.table import read_table


@dataclass(frozen=True)
class Inputs:
    """What a repeat is measured from; no export and no parity file where the backend loads the model itself."""

    run: dict[str, Any]
    repeat: int
    model_folder: Path
    dataset_folder: Path
    export_folder: Path | None
    parity_file: Path | None
    stage: str | None = None  # the folder of this machine's own disk that the folders are copied to first
    python: Path = Path(sys.executable)  # the interpreter that the measured processes run under

    @property
    def folders(self) -> dict[str, Path]:
        """The folders by what they hold."""
        found = {"model": self.model_folder, "dataset": self.dataset_folder, "export": self.export_folder}
        return {name: folder for name, folder in found.items() if folder}

    def at(self, copies: Copies) -> "Inputs":
        """The same, read where it was copied to."""
        export = self.export_folder and copies.of(self.export_folder)
        model, dataset = copies.of(self.model_folder), copies.of(self.dataset_folder)
        return replace(self, model_folder=model, dataset_folder=dataset, export_folder=export)


@dataclass(frozen=True)
class Outcome:
    """What became of the measured process, or server; nothing but a failure and the mask where none was started."""

    failure: Failure | None
    watch: Watch
    command: Sequence[str] = ()
    ending: Ending | None = None
    said: dict[str, Any] | None = None  # its own worker.json
    samples: Path | None = None
    telemetry: Path | None = None
    looks: dict[str, Any] | None = None  # at the machine, before and after
    clients_aside: bool = True  # whether they had other CPUs than the server
    server: dict[str, Any] | None = None  # as the record has it
    client: dict[str, Any] | None = None
    nodes: list[dict[str, Any]] = field(default_factory=list)  # what was seen on the allocation's other nodes


Perform = Callable[[Copies, Watch, Path], Outcome]


def write_repeat(
    inputs: Inputs,
    output: Path,
    perform: Perform,
    lock_path: Path = lock.PATH,
    say: Callable[[str], None] = lock.to_stderr,
    refused: Failure | None = None,
    unstarted: Callable[[Failure, Watch], Outcome] = Outcome,
    prepared: Path | None = None,
) -> None:
    """Write the record of what `perform` measures, pinned as it is told and with a folder for its files, on a machine
    that it has for itself; of a failure alone where there is one to begin with, `refused` or the export's gate.

    `unstarted` makes of that what the record has where nothing was started. `prepared`, what a server was prepared
    with, is copied where the inputs are.
    """
    run = inputs.run
    described = describe(inputs)
    gpus = accelerators.shown(run).gpus
    watch = Watch(pinned_cpus(run))
    job = own_job()

    with tempfile.TemporaryDirectory(prefix="cotejo-") as scratch:
        failure = refused
        if inputs.export_folder and inputs.parity_file:
            failure = gate_failure(inputs.export_folder, inputs.parity_file, described["model"]["digest"]) or refused
        if failure:
            outcome = unstarted(failure, watch)
            record = build(inputs, outcome, described, utc_now(), job, Copies(), gpus)
        else:
            with lock.measuring_lock(shlex.join([sys.argv[0], "--output", str(output.absolute())]), say, lock_path):
                started_at = utc_now()
                failure = end_leftovers(say)
                copied = inputs.folders | ({"prepared": prepared} if prepared else {})
                with staged(copied, None if failure else inputs.stage, say) as copies:
                    failure = failure or unfit(inputs, copies)
                    outcome = unstarted(failure, watch) if failure else perform(copies, watch, Path(scratch))
                record = build(inputs, outcome, described, started_at, job, copies, gpus)
        slurm_job.refuse_superseded(job)
        write(output, record, outcome.samples, outcome.telemetry)
    told = f"{record['reason']}: {record['message']}" if outcome.failure else "measured"
    say(f"{run['id']}, repeat {inputs.repeat}: {told}")


def pinned_cpus(run: Mapping[str, Any]) -> frozenset[int]:
    """The CPUs that a run's `cores` means here."""
    try:
        return frozenset(affinity.resolve(run["cores"], affinity.mask(), affinity.topology()))
    except CotejoError as error:
        raise CotejoError(f"--run: cores: {run['cores']!r}: {error}") from error


def end_leftovers(say: Callable[[str], None] = lock.to_stderr) -> Failure | None:
    """End what measurements that were killed have left running, and nothing else; a Failure where it won't end.

    For those who hold the machine's lock: none but them may measure.
    """
    ended, remaining = ownership.end_leftovers()
    if ended:
        say(f"ended what a measurement that was killed had left: {ownership.named(ended)}")
    if remaining:
        return Failure(
            "leftovers",
            f"what a measurement that was killed left running can't be ended: {ownership.named(remaining)}. "
            "End it, then run `make retry`",
        )
    return None


def unfit(inputs: Inputs, copies: Copies) -> Failure | None:
    """Why the files that a run is measured from may not be, by their manifests; None where they may.

    Where they were copied it is the copies that are read, once; CotejoError where only those are wrong.
    """
    if corrupt_folder(inputs.at(copies), both=bool(copies.folders)):
        copies.require_alike(copies.folders)
        return corrupt_folder(inputs, both=bool(copies.folders))
    # The others have no manifest of all their files.
    copies.require_alike(copies.folders.keys() - {inputs.model_folder, inputs.export_folder})
    return None


def corrupt_folder(inputs: Inputs, both: bool) -> Failure | None:
    """Why a run's export may not be measured, or its model where it has none or a server has it beside; `both`: the
    model in any case.
    """
    if inputs.export_folder and (failure := corruption(inputs.export_folder, EXPORT)):
        return failure
    if inputs.export_folder and not both and "server" not in inputs.run:
        return None
    return corruption(inputs.model_folder, MODEL)


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
            "items": sum(item.get("pairs", 1) for item in dataset["items"]),
        },
    }


def lost_pin(watch: Watch) -> Failure | None:
    """Why it can't be said that processes stayed on their CPUs; None where they did."""
    mask = affinity.format_cpus(watch.expected)
    if watch.violations:
        seen = "; ".join(f"{thread['thread']} on {thread['cpus']}" for thread in watch.violations)
        return Failure("lost-pin", f"pinned to CPUs {mask}, but these threads were allowed others: {seen}")
    if not watch.checks:
        return Failure("lost-pin", f"pinned to CPUs {mask}, but it ended before any thread was seen")
    return None


def build(
    inputs: Inputs,
    outcome: Outcome,
    described: dict[str, Any],
    started_at: str,
    job: Job | None,
    copies: Copies,
    gpus: Sequence[accelerators.Accelerator] | None,
) -> dict[str, Any]:
    """The record of a repeat, whose processes were shown these GPUs, but for the files beside it."""
    run, failure, ending = inputs.run, outcome.failure, outcome.ending
    said = outcome.said or {
        "levels": [],
        "runtime": {},
        "versions": {},
        "modules": [],
        "load_s": None,
        "peak_rss_mib": None,
    }
    modules = run_modules(run, RANK if together(run) else None)
    unforeseen = set(said["modules"]) - {path.relative_to(SCRIPTS).as_posix() for path in modules}
    if unforeseen:
        raise CotejoError(
            f"scripts/{sorted(unforeseen)[0]}: the measured process imported it, but no import statement leads there "
            f"from scripts/cotejo/worker.py, so the record's code digest would miss it. Import it by a statement"
        )
    mechanism, stack = outcome.command[0] if outcome.command else None, stack_of(run)
    marks = {
        "synthetic": run["weights"] == "synthetic",
        "own-weights": run["weights"] == "own",
        "small": run["scale"] == "small",
        "taskset": mechanism == "taskset",
        "stand-in": bool(outcome.server and outcome.server["stand_in"]),
        "identical-inputs": any(level["inputs"] == "identical" for level in said["levels"]),
        "synthetic-data": read_json(inputs.dataset_folder / DATASET).get("synthetic", False),
        "cut-short": any(level["ended_by"] == "max-steps" for level in said["levels"]),
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
        "environment": {**environment.facts(), "slurm": slurm_job.facts(job)},
        "staged": copies.facts,
        "affinity": {
            "asked": run["cores"],
            "mechanism": mechanism,
            "expected_cpus": sorted(outcome.watch.expected),
            "observed_cpus": sorted(outcome.watch.observed),
            "violations": outcome.watch.violations,
            "checks": outcome.watch.checks,
            **({"gpus": gpus and [gpu._asdict() for gpu in gpus]} if run["device"] != "cpu" else {}),
        },
        "levels": _levels(outcome, said, None if gpus is None else frozenset(gpu.gpu for gpu in gpus)),
        "process": _process(ending, said, len(outcome.watch.expected) // processes(run)) if ending else None,
        **({"nodes": outcome.nodes} if outcome.nodes else {}),
        **({"ranks": said["ranks"]} if "ranks" in said else {}),
        **({"stack": environment.stack_facts(stack, inputs.python)} if stack else {}),
        "quiet": outcome.looks,
        "server": outcome.server,
        "client": outcome.client,
        "runtime": said["runtime"],
        "versions": said["versions"],
        **described,
        "marks": [*(mark for mark, applies in marks.items() if applies), *stand_in.phrases(run)],
        "code_digest": ast_digest(modules),
        "git_revision": environment.git_revision(),
    }


def _levels(outcome: Outcome, said: dict[str, Any], gpus: frozenset[str] | None) -> list[dict[str, Any]]:
    """The levels that the measured process told of, each with the telemetry of its window; `gpus`: its own ones."""
    table = read_table(outcome.telemetry) if outcome.telemetry else {}
    cpus, sampler_aside = outcome.watch.expected, bool(affinity.mask() - outcome.watch.expected)
    return [
        {"server": None, **level}
        | {"telemetry": level_telemetry(table, level, len(cpus), sampler_aside, outcome.clients_aside, gpus)}
        for level in said["levels"]
    ]


def _process(ending: Ending, said: dict[str, Any], threads: int) -> dict[str, Any]:
    seen = {key: value for key, value in asdict(ending).items() if key not in ("timed_out", "oom_killed", "last_line")}
    return {"load_s": said["load_s"], "peak_rss_mib": said["peak_rss_mib"], "threads": threads, **seen}
