"""What the rules share: the studies, and from a path's wildcards back to the run it belongs to."""

import gc
import json
import re
from functools import cache
from pathlib import Path

from cotejo.code import ast_digest
from cotejo.command import find_tools
from cotejo.errors import CotejoError
from cotejo.files import digest, sha256_of
from cotejo.images import image_file, is_reference, slug
from cotejo.models.catalogue import load_models
from cotejo.order import drawn
from cotejo.places import export_folder, export_stack, model_folder
from cotejo.record import folder_name, of_runs
from cotejo.schema import load_yaml
from cotejo.stacks import lock_files
from cotejo.sheet import sheet_text
from cotejo.study import load_config, load_study
from cotejo.systems import load_system, selected

# Planning thousands of jobs makes millions of objects that live on: to look through them for garbage, as often as Python
# does by default, is a sixth of its time.
gc.set_threshold(100_000, 50, 50)

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


try:
    config = load_config(config)
    SELECTED = selected(config["system"])
    STUDIES = {
        study.results: study for study in (load_study(name, config["overlay"], SELECTED) for name in config["studies"])
    }
    MODELS = load_models(Path("config"))
    DATASETS = load_yaml(Path("config/datasets.yaml"), "datasets")
except CotejoError as error:
    stop(error)

# Jobs find the interpreter that runs Snakemake without activation.
find_tools()

# Preparing ranks above measuring, so that no measurement shares the machine with an export.
PREPARE = 1_000_000

RUNS = {(study.results, run["system"], folder_name(run)): run for study in STUDIES.values() for run in study.runs}
# The order of the runs within a round of repeats: drawn once, so that drift of the machine hits all runs alike. It is
# the same on all systems.
RANKS = {key: rank for rank, key in enumerate(drawn({(results, run) for results, _, run in RUNS}))}
# Records of other systems are there or they aren't: nothing here can make one.
OF_SELECTED = "|".join(map(re.escape, SELECTED))


# What turns records into rows and judges them, wherever that is done.
JUDGING = [
    *(f"scripts/cotejo/{module}.py" for module in ("changes", "difference", "distribution", "floors", "load")),
    *(f"scripts/cotejo/{module}.py" for module in ("serving_metrics", "stats", "steadiness")),
    *(f"scripts/cotejo/{module}.py" for module in ("stand_in", "summary", "summary_lines")),
    "scripts/cotejo/telemetry/metrics.py",
    *sorted(
        path.as_posix()
        for folder in ("clients", "tasks", "verdict")
        for path in Path("scripts/cotejo", folder).glob("*.py")
    ),
]


# What every page is made of: templates, styles, scripts.
PAGES = sorted(path.as_posix() for path in Path("scripts/cotejo/report").rglob("*.*") if path.suffix != ".pyc")


# The images that config names in place of environments, by their file names here.
IMAGES = {slug(own["image"]): own["image"] for own in config["environments"].values() if "image" in own}


wildcard_constraints:
    results="[a-z0-9-]+",
    system="[a-z0-9][a-z0-9.-]*",
    run="[^/]+~[0-9a-f]+",
    repeat="[1-9][0-9]*",
    figure="[a-z0-9-]+",
    model="[a-z0-9][a-z0-9.-]*",
    dataset="[a-z0-9][a-z0-9.-]*",
    weights="hub|own|synthetic",
    scale="full|small",
    precision="fp32|fp16|bf16|int8|int4",
    stack="[a-z0-9][a-z0-9-]*",


def study_of(wildcards):
    """The study a path below results/ belongs to."""
    if wildcards.results not in STUDIES:
        refuse_target(f"results/{wildcards.results}/", "of no selected study. Add --config studies=[…], and overlay=…")
    return STUDIES[wildcards.results]


def refuse_target(start, problem):
    """Nothing here makes what begins so. Where it was asked for by name and isn't there, say so in one line, and end."""
    asked = [target for target in workflow.dag_settings.targets if target.startswith(start)]
    missing = next((target for target in asked if not Path(target).exists()), None)
    if missing:
        stop(f"{missing}: {problem}")
    raise ValueError(f"{start}: {problem}")


def run_of(wildcards):
    """The run that a record's path belongs to."""
    return RUNS[wildcards.results, wildcards.system, wildcards.run]


def sheet_sources(study):
    """The files that a study's sheet is made of; none where it says the same already.

    So a changed figure, which stands in the same file as the runs, makes no table and no other figure anew.
    """
    sheet = Path("results", study.results, "runs.csv")
    if sheet.exists() and sheet.read_text(encoding="utf-8") == sheet_text(study):
        return []
    overlay = [f"config/overlays/{config['overlay']}.yaml"] if config["overlay"] else []
    return [f"config/studies/{study.name}.yaml", *overlay, "config/models.yaml", "config/datasets.yaml"]


def measuring():
    """Whether what isn't measured yet is measured first: for `all`. Any other target is made of what is there."""
    asked = workflow.dag_settings
    return "all" in asked.targets or not (asked.targets or asked.target_jobs)


def records_of(results):
    """The records that a study's tables are made of, those of the selected systems first.

    They are those that it wants of these, and what lies there of others. Where nothing is to be measured they are those
    that lie there, by absolute paths, which no rule makes; not even a record that is damaged is measured again.
    """
    study = STUDIES[results]
    there = of_runs(Path("results", study.results), study.lines)
    if not measuring():
        return [path.absolute().as_posix() for path in there]
    others = [path.as_posix() for path in there if path.parts[-3] not in SELECTED]
    return wanted_records(study, study.runs) + others


def names_of_records(results):
    """The records by name: Snakemake alone wouldn't see that one was added which is older than the tables."""
    there = of_runs(Path("results", results), STUDIES[results].lines)
    return digest(sorted({Path(path).parts[-3:] for path in (*records_of(results), *there)}))


def imported_records(results):
    """The records that a study imports, by absolute paths, which no rule makes; nothing is ever measured for them."""
    study = STUDIES[results]
    return [path.as_posix() for folder in study.imports.values() for path in of_runs(folder, study.lines)]


def imports_of(study):
    """A study's imported folders by name, as commands are told them."""
    return json.dumps({name: folder.as_posix() for name, folder in study.imports.items()})


def published_of(study):
    """The file of published rows that a study names, from the checkout on; empty where it names none."""
    return f"config/published/{study.published.name}" if study.published else ""


def comparisons_of(*results):
    """The tables that set what was measured beside what was published, of those given studies that name it."""
    return [f"results/{name}/comparison.csv" for name in results if STUDIES[name].published]


def trains(study):
    """Whether anything of a study is a training, of which TensorBoard can show the steps."""
    return any(line["task"] == "fine-tuning" for line in study.lines)


def event_files_of(*results):
    """The folders of TensorBoard's event files, of those given studies that train something."""
    return [f"results/{name}/tensorboard" for name in results if trains(STUDIES[name])]


def exporting_code(form):
    """A function of wildcards: the digest of the code that makes a model's export of this format."""
    return lambda wildcards: code_digest(form, MODELS[wildcards.model]["architecture"])


def runs_that(served):
    """A pattern of the runs that have a server, or of those that have none; it fits nothing where there are none."""
    digests = sorted({run["digest"] for run in RUNS.values() if ("server" in run) == served})
    return f"[^/]+~(?:{'|'.join(digests)})" if digests else "(?!)"


def stack_of_export(form):
    """The stamp of what a format is exported and computed under; none where that is Cotejo's own environment."""
    stamp = export_stack(form, config["environments"]).stamp
    return [stamp] if stamp else []


def reported(wildcards):
    """What the report says of the study itself."""
    study = study_of(wildcards)
    told = {key: getattr(study, key) for key in ("title", "question", "overlay", "figures")}
    return told | {"tolerance_percent": config["published"]["tolerance_percent"]}


def config_files(study):
    """The files that say what a study is: its own, its overlay's, its systems'."""
    overlay = [f"config/overlays/{config['overlay']}.yaml"] if config["overlay"] else []
    return [f"config/studies/{study.name}.yaml", *overlay, *(f"config/systems/{name}.yaml" for name in SELECTED)]


def command_of(wildcards):
    """The command that makes these results again."""
    words = [f"studies=[{study_of(wildcards).name}]"]
    words += [f"overlay={config['overlay']}"] if config["overlay"] else []
    words += [f"system={SELECTED[0] if len(SELECTED) == 1 else '[' + ','.join(SELECTED) + ']'}"]
    # Each system is measured on nodes of its own.
    profile = " --profile slurm" if len(SELECTED) > 1 else ""
    return f"snakemake --cores all{profile} --config {' '.join(words)}"


def reports_there(*without):
    """The reports that lie in results/, but for those of these studies, by absolute paths, which no rule makes."""
    found = sorted(Path("results").glob("*/report.html"))
    return [path.absolute().as_posix() for path in found if path.parent.name not in without]


def published_page():
    """The page of `snakemake published`, where there is one, by its absolute path: the index doesn't ask for it."""
    return [path.absolute().as_posix() for path in [Path("results/published/index.html")] if path.exists()]


def compared_folder(key):
    """The folder given for one side of a comparison; load_config has checked it, unless none is given."""
    if not config[key]:
        stop(
            f"config/config.yaml or --config: {key}: '': a comparison needs two folders. "
            "Add --config baseline=results/<study> candidate=<folder>"
        )
    return Path(config[key])


@cache
def published_sources():
    """What the page is made from, checked: a wrong file stops here, with one line, before any job."""
    # Only here, for it imports what no other target needs.
    from cotejo.published.analysis import sources

    try:
        return sources(Path("config"))
    except CotejoError as error:
        stop(error)
