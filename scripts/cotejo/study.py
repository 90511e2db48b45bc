"""Studies: from a YAML file to fully resolved runs.

A run is one flat mapping of plain values: its identity (study, system, name, id, digest), its settings, and what the
registries say of them (task, architecture, format, digests of the model's and the data set's entry).
"""

import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cotejo import affinity
from cotejo.command import ROOT
from cotejo.comparison.folders import check_folders
from cotejo.errors import CotejoError
from cotejo.figures.entries import check_figures
from cotejo.files import digest
from cotejo.imports import load_imports
from cotejo.resolve import STOPPING, Place, Run, resolve
from cotejo.run_id import run_id
from cotejo.schema import check, did_you_mean, key_text, load_yaml, names_in, schema_of, short, shown
from cotejo.serving_settings import serving_keys

CONFIG = ROOT / "config"

# Not settings: what identifies a run, and how often it is repeated. Changing one measures nothing anew.
IDENTITY = ("id", "digest", "name", "study", "system", "repeats")


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
        for needed, keys in (("stop_width", set(STOPPING)), ("server", serving_keys())):
            for key in sorted(keys & set(given)) if needed not in given else ():
                raise CotejoError(f"{shown(path)}: {key_text([*place, key])}: needs {needed}. Give both, or none")
        for values in _multiply({**_default_settings(), **given}):
            values.update(laid_over["set"])
            run = resolve(values, models, datasets, path, place, set(laid_over["set"]) - set(given))
            run |= {"name": block["name"], "study": name, "system": system}
            run["digest"] = digest({key: value for key, value in run.items() if key not in IDENTITY})
            run["id"] = run_id(run)
            _check_cores("cores", run["cores"], machine, path, place)
            if run.get("client_cores", "rest") != "rest":
                _check_cores("client_cores", run["client_cores"], machine, path, place)
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


def _check_settings(settings: dict[str, Any], path: Path, place: Place, axes: bool = True) -> None:
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


def _check_cores(key: str, cores: int | str, machine: dict[str, Any], path: Path, place: Place) -> None:
    """The cores must exist on the system: probed where it is this machine, counted where its file says how many."""
    try:
        if "cpus" in machine:
            affinity.resolve(cores, *affinity.uniform(machine["cpus"]))
        else:
            affinity.resolve(cores, affinity.mask(), affinity.topology())
    except CotejoError as error:
        raise CotejoError(f"{shown(path)}: {key_text([*place, key])}: {short(cores)}: {error}") from error
