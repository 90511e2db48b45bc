"""Studies: from a YAML file to fully resolved runs.

A run is one flat mapping of plain values: its identity (study, system, name, id, digest), its settings, and what the
registries say of them (task, architecture, format, digests of the model's and the data set's entry).
"""

import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cotejo import affinity, backends, exports, tasks
from cotejo.command import ROOT
from cotejo.comparison.folders import check_folders
from cotejo.datasets.entries import entry_digest
from cotejo.errors import CotejoError
from cotejo.figures.entries import check_figures
from cotejo.files import digest
from cotejo.imports import load_imports
from cotejo.schema import check, did_you_mean, key_text, load_yaml, names_in, schema_of, short, shown

Run = dict[str, Any]

CONFIG = ROOT / "config"

# Not settings: what identifies a run, and how often it is repeated. Changing one measures nothing anew.
IDENTITY = ("id", "digest", "name", "study", "system", "repeats")

# The settings that every run id shows, in this order, after the block's name.
ID_PARTS = ("model", "dataset", "backend", "precision", "cores")
# Those that only say how long and on what stand-in a run is measured; its digest tells such runs apart.
STOPPING = ("stop_width", "stop_percentile", "stop_least_s")
NOT_IN_ID = ("weights", "scale", "duration_s", "warmup_s", "timeout_s", "repeats", "seed", *STOPPING)

_REQUIRED = ("model", "dataset", "backend")


@dataclass(frozen=True)
class Study:
    """A study with its runs expanded: what the workflow and its commands work from."""

    name: str
    results: str  # the folder below results/: the name, and the overlay's after a hyphen
    title: str
    question: str
    overlay: str  # the overlay's title, or empty
    runs: list[Run]
    figures: list[dict[str, Any]]
    imports: dict[str, Path]  # folders of results from elsewhere, by the import's name
    merged: list[str]  # runs that became equal to another under the overlay, as "<id> = <id>"


def load_study(name: str, overlay: str = "", system: str = "local", config: Path = CONFIG) -> Study:
    """Read, check and expand a study; CotejoError naming file, key, value and remedy where anything is wrong."""
    path = config / "studies" / f"{name}.yaml"
    data = load_yaml(path, "study")
    models = load_yaml(config / "models.yaml", "models")
    datasets = load_yaml(config / "datasets.yaml", "datasets")
    machine = load_yaml(config / "systems" / f"{system}.yaml", "system")
    no_overlay: dict[str, Any] = {"title": "", "set": {}}
    laid_over = load_yaml(config / "overlays" / f"{overlay}.yaml", "overlay") if overlay else no_overlay
    if overlay and f"{name}-{overlay}" in names_in(config / "studies"):
        raise CotejoError(
            f"{shown(config / 'studies')}: {name}-{overlay}.yaml: its results would share a folder with study '{name}' "
            f"under overlay '{overlay}'. Rename one"
        )

    defaults = data.get("defaults", {})
    _check_settings(defaults, path, ("defaults",))
    _check_settings(laid_over["set"], config / "overlays" / f"{overlay}.yaml", ("set",), axes=False)

    runs: list[Run] = []
    merged: list[str] = []
    names: dict[str, int] = {}
    seen: dict[str, tuple[Run, str]] = {}
    for index, block in enumerate(data["runs"]):
        place = ("runs", index)
        if block["name"] in names:
            raise CotejoError(
                f"{shown(path)}: {key_text([*place, 'name'])}: {short(block['name'])}: also the name of "
                f"runs[{names[block['name']]}]. Give each block its own name"
            )
        names[block["name"]] = index
        settings = {key: value for key, value in block.items() if key != "name"}
        _check_settings(settings, path, place)
        given = {**defaults, **settings}
        alone = [key for key in STOPPING if key in given and "stop_width" not in given]
        if alone:
            raise CotejoError(f"{shown(path)}: {key_text([*place, alone[0]])}: needs stop_width. Give both, or none")
        for values in _multiply({**_default_settings(), **given}):
            values.update(laid_over["set"])
            run = _resolve(values, models, datasets, path, place)
            run |= {"name": block["name"], "study": name, "system": system}
            run["digest"] = digest({key: value for key, value in run.items() if key not in IDENTITY})
            run["id"] = _run_id(run)
            _check_cores(run["cores"], machine, path, place)
            if run["digest"] in seen:
                other, where = seen[run["digest"]]
                if not overlay:
                    raise CotejoError(
                        f"{shown(path)}: {key_text(place)}: {run['id']}: the same run as in {where}. "
                        f"Delete one, or change a setting"
                    )
                merged.append(f"{run['id']} = {other['id']}")
                continue
            seen[run["digest"]] = (run, key_text(place))
            runs.append(run)

    check_figures(data["figures"], path)
    results = f"{name}-{overlay}" if overlay else name
    imports = {} if overlay else load_imports(data.get("imports", []), runs, path, config.parent)
    return Study(
        name, results, data["title"], data.get("question", ""), laid_over["title"], runs, data["figures"], imports,
        merged,
    )  # fmt: skip


def load_config(values: dict[str, Any], path: Path = CONFIG / "config.yaml") -> dict[str, Any]:
    """Check the values of config/config.yaml together with those of the command line, and return them."""
    check(values, schema_of("config"), path)
    for key, folder in (("studies", "studies"), ("overlay", "overlays"), ("system", "systems")):
        allowed = names_in(path.parent / folder)
        for name in values[key] if key == "studies" else [values[key]]:
            if name and name not in allowed:
                raise CotejoError(
                    f"{shown(path)} or --config: {key}: {short(name)}: there is no config/{folder}/{name}.yaml"
                    f"{did_you_mean(name, allowed)}"
                )
    if values["baseline"] or values["candidate"]:
        check_folders(values["baseline"], values["candidate"], f"{shown(path)} or --config: ")
    return values


def _default_settings() -> dict[str, Any]:
    """The default of each setting that has one, as config/schemas/run.schema.json documents it."""
    properties = schema_of("run")["properties"]
    return {key: rule["default"] for key, rule in properties.items() if "default" in rule}


def _check_settings(settings: dict[str, Any], path: Path, place: tuple[str | int, ...], axes: bool = True) -> None:
    """Each setting must be known, and each of its values allowed; a list of values is an axis where axes may stand."""
    properties = schema_of("run")["properties"]
    for key, given in settings.items():
        if key not in properties:
            raise CotejoError(
                f"{shown(path)}: {key_text([*place, key])}: {short(given)}: unknown key{did_you_mean(key, properties)}"
            )
        if isinstance(given, list) and not axes:
            raise CotejoError(f"{shown(path)}: {key_text([*place, key])}: {short(given)}: takes one value. Give one")
        values = given if isinstance(given, list) else [given]
        if not values:
            raise CotejoError(
                f"{shown(path)}: {key_text([*place, key])}: []: an empty axis makes no run. "
                f"Give it a value, or delete the key"
            )
        for number, value in enumerate(values):
            check(value, properties[key], path, (*place, key, *([number] if isinstance(given, list) else [])))
            if value in values[:number]:
                raise CotejoError(
                    f"{shown(path)}: {key_text([*place, key, number])}: {short(value)}: twice on one axis. Delete one"
                )


def _multiply(settings: dict[str, Any]) -> Iterable[dict[str, Any]]:
    """All combinations of the values of the list-valued settings, the last key varying fastest."""
    axes = [value if isinstance(value, list) else [value] for value in settings.values()]
    for values in itertools.product(*axes):
        yield dict(zip(settings, values, strict=True))


def _resolve(
    settings: dict[str, Any], models: dict[str, Any], datasets: dict[str, Any], path: Path, place: tuple[str | int, ...]
) -> Run:
    """A combination of settings with what the registries add, once they all go together."""

    def wrong(key: str, problem: str) -> CotejoError:
        return CotejoError(f"{shown(path)}: {key_text([*place, key])}: {short(settings.get(key))}: {problem}")

    for key in _REQUIRED:
        if key not in settings:
            raise CotejoError(
                f"{shown(path)}: {key_text(place)}: lacks the key '{key}'. Give it here or in `defaults`: "
                f"{schema_of('run')['properties'][key]['description']}"
            )
    if settings["model"] not in models:
        raise wrong("model", f"no entry of config/models.yaml{did_you_mean(settings['model'], models)}")
    if settings["dataset"] not in datasets:
        raise wrong("dataset", f"no entry of config/datasets.yaml{did_you_mean(settings['dataset'], datasets)}")
    if settings["backend"] not in backends.BACKENDS:
        raise wrong("backend", f"no backend of that name{did_you_mean(settings['backend'], backends.BACKENDS)}")

    model, dataset = models[settings["model"]], datasets[settings["dataset"]]
    backend = backends.backend(settings["backend"])
    architecture = model["architecture"]
    if model["task"] not in tasks.TASKS:
        raise wrong("model", f"its task, {model['task']}, can't be measured yet. Measurable: {', '.join(tasks.TASKS)}")
    task = tasks.task(model["task"])
    if architecture not in backend.ARCHITECTURES:
        able = [name for name in backends.BACKENDS if architecture in backends.backend(name).ARCHITECTURES]
        raise wrong("backend", f"can't run {settings['model']} ({architecture}). Backends that can: {', '.join(able)}")
    format = backend.FORMATS[architecture]
    storable = backend.PRECISIONS if format is None else exports.exporter(format).PRECISIONS[architecture]
    precisions = [precision for precision in backend.PRECISIONS if precision in storable]
    if settings["precision"] not in precisions:
        raise wrong(
            "precision", f"{settings['model']} on backend {settings['backend']} has {', '.join(precisions)}. Take one"
        )
    if dataset["kind"] not in task.DATASET_KINDS:
        fit = [name for name, entry in datasets.items() if entry["kind"] in task.DATASET_KINDS]
        raise wrong(
            "dataset",
            f"holds {dataset['kind']}; {model['task']} needs {' or '.join(task.DATASET_KINDS)}: {', '.join(fit)}",
        )
    if settings["weights"] == "hub" and settings["scale"] == "small":
        raise wrong("scale", "published weights come at full scale only. Add `weights: synthetic`, or drop `scale`")

    if settings["stop_width"] is None:  # what the rest says of it then counts for nothing
        settings = {key: value for key, value in settings.items() if key not in STOPPING[1:]}
    elif settings["stop_least_s"] > settings["duration_s"]:
        raise wrong("stop_least_s", f"more than duration_s, {settings['duration_s']:g}, so it never stops. Lower it")

    options = {option for name in tasks.TASKS for option in tasks.task(name).OPTIONS}
    for key in sorted(options & set(settings) - set(task.OPTIONS)):
        raise wrong(key, f"is no option of {model['task']} ({', '.join(task.OPTIONS)}). Delete it")

    run = {
        **settings,
        **{option: settings.get(option, default) for option, default in task.OPTIONS.items()},
        "task": model["task"],
        "architecture": architecture,
        "format": format,
        "model_digest": digest(_model_identity(model, settings)),
        "dataset_digest": entry_digest(dataset),
    }
    if hasattr(backend, "check"):
        try:
            backend.check(run)
        except CotejoError as error:
            raise CotejoError(f"{shown(path)}: {key_text(place)}: {error}") from error
    return run


def _model_identity(model: dict[str, Any], settings: dict[str, Any]) -> dict[str, Any]:
    """The part of a model's entry that decides which weights are measured."""
    if settings["weights"] == "hub":
        return {"repository": model["repository"], "revision": model["revision"]}
    return {"full": model["full"], "small": model["small"] if settings["scale"] == "small" else {}}


def _run_id(run: Run) -> str:
    """A readable id that depends on the run alone: its block, its main settings, and others where not the default."""
    usual = {**_default_settings(), **tasks.task(run["task"]).OPTIONS}
    unusual = [
        key
        for key in schema_of("run")["properties"]
        if key in run and key not in (*ID_PARTS, *NOT_IN_ID) and run[key] != usual.get(key)
    ]
    labels = [run["name"], *(_label(key, run[key]) for key in ID_PARTS), *(_label(key, run[key]) for key in unusual)]
    return "_".join(labels)


def _label(key: str, value: Any) -> str:
    if key == "cores":
        return f"{value}c" if isinstance(value, int) else {"all": "allc"}.get(value, value.replace(",", "."))
    if key in ID_PARTS or isinstance(value, str):
        return str(value)
    return f"{key.replace('_', '')}{value}"


def _check_cores(cores: int | str, machine: dict[str, Any], path: Path, place: tuple[str | int, ...]) -> None:
    """The cores must exist on the system: probed where it is this machine, counted where its file says how many."""
    try:
        if "cpus" in machine:
            affinity.resolve(cores, *affinity.uniform(machine["cpus"]))
        else:
            affinity.resolve(cores, affinity.mask(), affinity.topology())
    except CotejoError as error:
        raise CotejoError(f"{shown(path)}: {key_text([*place, 'cores'])}: {short(cores)}: {error}") from error
