"""What a run is measured from, once it is known that it can be: for the rules that measure and launch."""

from cotejo.datasets.entries import check_source
from cotejo.images import refuse_missing_image
from cotejo.models.own_check import check_own
from cotejo.output_cache import check_linked
from cotejo.places import client_stack, dataset_folder, server_stack, worker_stack
from cotejo.preflight import check_machine
from cotejo.systems import check_place


def artefacts(run):
    """What a run is measured from: model, data set, and an export with its gate's findings where there is one."""
    inputs = [model_folder(run), dataset_folder(run)]
    return inputs if run["format"] is None else [*inputs, export_folder(run), f"{export_folder(run)}.parity.json"]


def stacks_of(run, *of):
    """The stamps of what a run's server, or client, or own processes run under: an environment made, or an image."""
    stamps = [stack_of(run, config["environments"]).stamp for stack_of in of]
    return [stamp for stamp in stamps if stamp]


def served_inputs(*of):
    """A function of wildcards: what a run's server is rendered or launched from, with the environments of `of`."""
    return lambda wildcards: [*artefacts(run_of(wildcards)), *stacks_of(run_of(wildcards), *of)]


@cache
def check_measurable(results, system, run):
    """Stop unless a run can be measured: what only measuring needs, and drawing records from elsewhere doesn't."""
    study, run = STUDIES[results], RUNS[results, system, run]
    # A dry-run doesn't know where it would run, and a job on a node is there already.
    known = workflow.is_main_process and not workflow.dryrun
    on_nodes = "slurm" in machine(system) and (workflow.non_local_exec or not known)
    try:
        if known:
            check_place(system, machine(system), SELECTED, workflow.non_local_exec)
        check_machine(study, run, machine(system), on_nodes, None if on_nodes and not known else config["environments"])
        image = "server" in run and server_stack(run, config["environments"]).image
        if image:
            refuse_missing_image(image, config["environments"])
        worker_stack(run, config["environments"])
        for folder in (model_folder(run), *([export_folder(run)] if run["format"] else [])):
            check_linked(Path(folder))
        check_own(run, MODELS[run["model"]], Path(model_folder(run)))
        if not Path(dataset_folder(run)).exists():
            check_source(run["dataset"], DATASETS[run["dataset"]], Path("config/datasets.yaml"))
    except CotejoError as error:
        stop(error)


def measured_inputs(wildcards):
    """What a run is measured from; nothing where its record is whole, because nothing makes a fact stale."""
    if all(Path(path.format(**dict(wildcards.items()))).exists() for path in (RECORD, SAMPLES, TELEMETRY)):
        return []
    check_measurable(wildcards.results, wildcards.system, wildcards.run)
    run = run_of(wildcards)
    if "server" not in run:
        return [*artefacts(run), *stacks_of(run, worker_stack)]
    folder = SERVER.format(**dict(wildcards.items()))
    launched = [f"{folder}/prepared", f"{folder}/launch.json"]
    return [*artefacts(run), *launched, *stacks_of(run, server_stack, client_stack)]


def export_flags(wildcards):
    """The flags that name a run's export and its gate's findings; none for a backend that needs no export."""
    folder, run = export_folder(run_of(wildcards)), run_of(wildcards)
    return [] if run["format"] is None else ["--artefact", folder, "--parity", f"{folder}.parity.json"]


def stage_flags(wildcards, output):
    """The flag that has a run's files copied to its node's own disk first; a run on several nodes reads them in place.

    What depends on the output is no setting to Snakemake, so that a change of it re-measures nothing.
    """
    asked = machine(wildcards.system).get("slurm", {})
    if not asked.get("stage") or run_of(wildcards).get("nodes", 1) > 1:
        return []
    return [f"--stage={asked['scratch']}"] if "scratch" in asked else ["--stage"]


def settings_of(wildcards):
    """A run as its measurement is told it. How often it is repeated is left out: a change of it re-measures nothing."""
    return json.dumps({key: value for key, value in run_of(wildcards).items() if key != "repeats"})


@cache
def machine(system):
    """A system's file."""
    return load_system(Path("config/systems", f"{system}.yaml"))


def measuring_priority(wildcards):
    """Round by round, so that the repeats of all runs interleave; within a round by the rank drawn for the run."""
    return PREPARE - int(wildcards.repeat) * len(RUNS) - RANKS[wildcards.results, wildcards.run] - 1
