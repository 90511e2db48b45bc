"""What the rules share: the studies, and from a path's wildcards back to the run it belongs to."""

import json
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(workflow.basedir) / "scripts"))

from cotejo.code import ast_digest
from cotejo.command import find_tools
from cotejo.datasets.entries import check_source
from cotejo.errors import CotejoError
from cotejo.files import digest, sha256_of
from cotejo.order import drawn
from cotejo.places import client_stack, dataset_folder, export_folder, model_folder, server_stack
from cotejo.record import folder_name, of_runs
from cotejo.schema import load_yaml
from cotejo.study import load_config, load_study

RECORD = "results/{results}/records/{system}/{run}/r{repeat}.json"
SAMPLES = "results/{results}/records/{system}/{run}/r{repeat}.samples.csv"
TELEMETRY = "results/{results}/records/{system}/{run}/r{repeat}.telemetry.csv"
# What a run's server is started with, and what its launch found out.
SERVER = "results/{results}/servers/{system}/{run}"


def wanted_records(study, runs):
    """The records that the study wants of some of its runs."""
    return [
        RECORD.format(results=study.results, system=run["system"], run=folder_name(run), repeat=repeat)
        for run in runs
        for repeat in range(1, run["repeats"] + 1)
    ]


def needs_dataset(study, dataset):
    """Whether a data set that isn't there is needed for a record that isn't there."""
    records = wanted_records(study, [run for run in study.runs if run["dataset"] == dataset])
    return not Path("resources/datasets", dataset).exists() and not all(Path(path).exists() for path in records)


try:
    config = load_config(config)
    STUDIES = {
        study.results: study
        for study in (load_study(name, config["overlay"], config["system"]) for name in config["studies"])
    }
    MODELS = load_yaml(Path("config/models.yaml"), "models")
    DATASETS = load_yaml(Path("config/datasets.yaml"), "datasets")
    for dataset, entry in DATASETS.items():
        # Only what is still to be measured needs its source: records copied from elsewhere are drawn without it, and
        # where two folders are compared nothing is measured.
        if not config["candidate"] and any(needs_dataset(study, dataset) for study in STUDIES.values()):
            check_source(dataset, entry, Path("config/datasets.yaml"))
except CotejoError as error:
    # Not raised on: Snakemake would put a traceback around a message that is meant to be read.
    print(f"error: {error}", file=sys.stderr)
    sys.exit(1)

# Jobs find the interpreter that runs Snakemake without activation.
find_tools()

# Preparing ranks above measuring, so that no measurement shares the machine with an export.
PREPARE = 1_000_000

RUNS = {(study.results, folder_name(run)): run for study in STUDIES.values() for run in study.runs}
# The order of the runs within a round of repeats: drawn once, so that drift of the machine hits all runs alike.
RANKS = {key: rank for rank, key in enumerate(drawn(RUNS))}


# What turns records into rows and judges them, wherever that is done.
JUDGING = [
    *(f"scripts/cotejo/{module}.py" for module in ("changes", "difference", "distribution", "floors", "load")),
    *(f"scripts/cotejo/{module}.py" for module in ("serving_metrics", "stats", "steadiness", "summary")),
    "scripts/cotejo/telemetry/metrics.py",
    *sorted(path.as_posix() for folder in ("tasks", "verdict") for path in Path("scripts/cotejo", folder).glob("*.py")),
]


wildcard_constraints:
    results="[a-z0-9-]+",
    system="[a-z0-9][a-z0-9.-]*",
    run="[^/]+~[0-9a-f]+",
    repeat="[1-9][0-9]*",
    figure="[a-z0-9-]+",
    model="[a-z0-9][a-z0-9.-]*",
    dataset="[a-z0-9][a-z0-9.-]*",
    weights="hub|synthetic",
    scale="full|small",
    precision="fp32|fp16|bf16|int8|int4",
    stack="[a-z0-9][a-z0-9-]*",


def study_of(wildcards):
    """The study a path below results/ belongs to."""
    if wildcards.results not in STUDIES:
        raise ValueError(f"results/{wildcards.results}: no selected study. Add --config studies=[…], overlay=…")
    return STUDIES[wildcards.results]


def run_of(wildcards):
    """The run that a record's path belongs to."""
    return RUNS[wildcards.results, wildcards.run]


def records_of(results):
    """A study's records: all that it wants of this system, and what lies there of others."""
    study = STUDIES[results]
    there = Path(f"results/{study.results}/records").glob("*/*/r*.json")
    others = [path.as_posix() for path in there if path.parts[-3] != config["system"]]
    return wanted_records(study, study.runs) + sorted(path for path in others if not path.endswith(".samples.csv"))


def imported_records(results):
    """The records that a study imports, by absolute paths, which no rule makes; nothing is ever measured for them."""
    study = STUDIES[results]
    return [path.as_posix() for folder in study.imports.values() for path in of_runs(folder, study.runs)]


def imports_of(study):
    """A study's imported folders by name, as commands are told them."""
    return json.dumps({name: folder.as_posix() for name, folder in study.imports.items()})


def figure_of(wildcards):
    """The study's entry for a figure."""
    return next(entry for entry in study_of(wildcards).figures if entry["name"] == wildcards.figure)


def figures_of(*results):
    """The files of all figures of the given studies."""
    return [
        f"results/{name}/figures/{entry['name']}.{ending}"
        for name in results
        for entry in STUDIES[name].figures
        for ending in ("svg", "png")
    ]


def exporting_code(form):
    """A function of wildcards: the digest of the code that makes a model's export of this format."""
    return lambda wildcards: code_digest(form, MODELS[wildcards.model]["architecture"])


def runs_that(served):
    """A pattern of the runs that have a server, or of those that have none; it fits nothing where there are none."""
    digests = sorted({run["digest"] for run in RUNS.values() if ("server" in run) == served})
    return f"[^/]+~(?:{'|'.join(digests)})" if digests else "(?!)"


def artefacts(run):
    """What a run is measured from: model, data set, and an export with its gate's findings where there is one."""
    inputs = [model_folder(run), dataset_folder(run)]
    return inputs if run["format"] is None else [*inputs, export_folder(run), f"{export_folder(run)}.parity.json"]


def stacks_of(run, *of):
    """The stamps of the environments that a run's server, or client, or both, are to be made."""
    made = [stack_of(run, config["environments"]).made for stack_of in of]
    return [f"resources/environments/{stack}/made" for stack in made if stack]


def served_inputs(*of):
    """A function of wildcards: what a run's server is rendered or launched from, with the environments of `of`."""
    return lambda wildcards: [*artefacts(run_of(wildcards)), *stacks_of(run_of(wildcards), *of)]


def measured_inputs(wildcards):
    """What a run is measured from; nothing where its record is whole, because nothing makes a fact stale."""
    if all(Path(path.format(**dict(wildcards.items()))).exists() for path in (RECORD, SAMPLES, TELEMETRY)):
        return []
    run = run_of(wildcards)
    if "server" not in run:
        return artefacts(run)
    folder = SERVER.format(**dict(wildcards.items()))
    launched = [f"{folder}/prepared", f"{folder}/launch.json"]
    return [*artefacts(run), *launched, *stacks_of(run, server_stack, client_stack)]


def export_flags(wildcards):
    """The flags that name a run's export and its gate's findings; none for a backend that needs no export."""
    folder, run = export_folder(run_of(wildcards)), run_of(wildcards)
    return [] if run["format"] is None else ["--artefact", folder, "--parity", f"{folder}.parity.json"]


def settings_of(wildcards):
    """A run as its measurement is told it. How often it is repeated is left out: a change of it re-measures nothing."""
    return json.dumps({key: value for key, value in run_of(wildcards).items() if key != "repeats"})


def measuring_priority(wildcards):
    """Round by round, so that the repeats of all runs interleave; within a round by the rank drawn for the run."""
    return PREPARE - int(wildcards.repeat) * len(RUNS) - RANKS[wildcards.results, wildcards.run] - 1


def reported(wildcards):
    """What the report says of the study itself."""
    study = study_of(wildcards)
    return {key: getattr(study, key) for key in ("title", "question", "overlay", "figures")}


def command_of(wildcards):
    """The command that makes these results again."""
    words = [f"studies=[{study_of(wildcards).name}]"]
    words += [f"{key}={config[key]}" for key in ("overlay", "system") if config[key]]
    return f"snakemake --cores all --config {' '.join(words)}"


def compared_folder(key):
    """The folder given for one side of a comparison; load_config has checked it, unless none is given."""
    if not config[key]:
        # Not raised, for the reason above: the message is meant to be read.
        print(
            f"error: config/config.yaml or --config: {key}: '': a comparison needs two folders. "
            "Add --config baseline=results/<study> candidate=<folder>",
            file=sys.stderr,
        )
        sys.exit(1)
    return Path(config[key])
