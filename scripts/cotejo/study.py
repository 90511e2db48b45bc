"""Studies: from a YAML file to fully resolved runs.

A run is one flat mapping of plain values: its identity (study, system, name, id, digest), its settings, and what the
registries say of them (task, architecture, format, digests of the model's and the data set's entry).
"""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cotejo.command import ROOT
from cotejo.comparison.folders import check_folders
from cotejo.datasets.absent import with_recorded
from cotejo.errors import CotejoError
from cotejo.figures.entries import check_figures
from cotejo.files import digest
from cotejo.images import check_image
from cotejo.imports import check_imports, import_folders
from cotejo.models.catalogue import load_models
from cotejo.models.own import usual_weights
from cotejo.overlay import Overlay, lacking, load_overlay
from cotejo.published.rows import check_published
from cotejo.resolve import STOPPING, Place, Run, describe, resolve
from cotejo.run_id import run_id
from cotejo.schema import check, did_you_mean, key_text, load_yaml, names_in, schema_of, short, shown
from cotejo.serving_settings import PLACEMENT, serving_keys
from cotejo.settings import check_settings
from cotejo.stand_in import instead_of
from cotejo.systems import System, check_systems, load_system, selected

CONFIG = ROOT / "config"

# Not settings: what identifies a run, how often it is repeated, and how it came to be. Changing one measures nothing
# anew.
IDENTITY = ("id", "digest", "name", "study", "system", "repeats", "instead_of", "needs", "measured_as")


@dataclass(frozen=True)
class Study:
    """A study with its runs expanded: what the workflow and its commands work from.

    A line is one combination of the study's settings on one of the systems, system by system and then in the study's
    order. Most are runs, which are measured. Those that aren't have the settings that the study gives them, without the
    overlay, and say why: `needs` names what they can't be measured without on their system, `measured_as` the run that
    they equal there under the overlay.
    """

    name: str
    results: str  # the folder below results/: the name, and the overlay's after a hyphen
    title: str
    question: str
    overlay: str  # the overlay's title, or empty
    published: Path | None  # the rows that the study's results stand beside
    lines: list[Run]
    figures: list[dict[str, Any]]
    imports: dict[str, Path]  # folders of results from elsewhere, by the import's name

    @property
    def runs(self) -> list[Run]:
        """The lines that are measured."""
        return [line for line in self.lines if not line.keys() & {"needs", "measured_as"}]

    @property
    def needing(self) -> list[Run]:
        """The lines that can't be measured on their system; `needs` says what for."""
        return [line for line in self.lines if "needs" in line]

    @property
    def merged(self) -> list[Run]:
        """The lines that equal a run under the overlay; `measured_as` is its id."""
        return [line for line in self.lines if "measured_as" in line]


def load_study(name: str, overlay: str = "", systems: Sequence[str] = ("local",), config: Path = CONFIG) -> Study:
    """Read, check and expand a study for each system; CotejoError naming file, key, value and remedy where anything is
    wrong.
    """
    path = config / "studies" / f"{name}.yaml"
    data = load_yaml(path, "study")
    results = f"{name}-{overlay}" if overlay else name
    elsewhere = {} if overlay else import_folders(data.get("imports", []), path, config.parent)
    measured = [config.parent / "results" / results, *elsewhere.values()]
    models = load_models(config, measured)
    datasets = with_recorded(load_yaml(config / "datasets.yaml", "datasets"), measured)
    machines = {system: load_system(config / "systems" / f"{system}.yaml") for system in systems}
    laid_over = load_overlay(config / "overlays" / f"{overlay}.yaml", models, datasets) if overlay else Overlay()
    if overlay and f"{name}-{overlay}" in names_in(config / "studies"):
        raise CotejoError(
            f"{shown(config / 'studies')}: {name}-{overlay}.yaml: its results would share a folder with study '{name}' "
            f"under overlay '{overlay}'. Rename one"
        )

    lines: list[Run] = []
    for system, machine in machines.items():
        lines += _lines(data, path, {"study": name, "system": system}, machine, laid_over, (models, datasets))

    check_figures(data["figures"], path)
    check_systems(data["figures"], path, config)
    check_imports(elsewhere, lines, path)
    return Study(
        name, results, data["title"], data.get("question", ""), laid_over.title, _published(data, path, config), lines,
        data["figures"], elsewhere,
    )  # fmt: skip


def _lines(
    data: dict[str, Any],
    path: Path,
    identity: dict[str, str],
    machine: System,
    overlay: Overlay,
    registries: tuple[dict[str, Any], dict[str, Any]],
) -> Iterator[Run]:
    """The lines of a study on one system, in the study's order.

    `identity` has the names of both; `registries` are models and data sets.
    """
    seen: dict[str, tuple[Run, str]] = {}
    for place, block, given in _combinations(data, path):
        values = {**given, "weights": given["weights"] or usual_weights(registries[0].get(given.get("model", ""), {}))}
        of_study = {"name": block["name"], **identity}
        known = (*registries, path, place)
        asked = _named((describe if "needs" in block else resolve)(values, *known) | of_study)
        needs = block.get("needs") or lacking(values, overlay, machine)
        if needs:
            yield asked | {"needs": needs}
            continue
        run = asked
        if overlay:
            laid = overlay.over(values)
            # What of it this run has no use for is another run's, or was that of what something stands in for.
            run = resolve(laid, *known, laid) | of_study
            stood_in = instead_of(asked, run)
            run = _named(run | ({"instead_of": stood_in} if stood_in else {}))
        if run["digest"] not in seen:
            seen[run["digest"]] = (run, key_text(place))
            yield run
            continue
        other, where = seen[run["digest"]]
        if not overlay:
            raise CotejoError(
                f"{shown(path)}: {key_text(place)}: {run['id']}: the same run as in {where}. "
                f"Delete one, or change a setting"
            )
        yield asked | {"measured_as": other["id"]}


def _combinations(data: dict[str, Any], path: Path) -> Iterator[tuple[Place, dict[str, Any], dict[str, Any]]]:
    """The combinations of a study's settings, each after its place in the file and its block of `runs`.

    CotejoError where a block's name or one of its settings is wrong by itself.
    """
    defaults = data.get("defaults", {})
    check_settings(defaults, path, ("defaults",))
    names: dict[str, int] = {}
    for index, block in enumerate(data["runs"]):
        place = ("runs", index)
        if block["name"] in names:
            raise CotejoError(
                f"{shown(path)}: {key_text([*place, 'name'])}: {short(block['name'])}: also the name of "
                f"runs[{names[block['name']]}]. Give each block its own name"
            )
        names[block["name"]] = index
        settings = {key: value for key, value in block.items() if key not in ("name", "needs")}
        check_settings(settings, path, place)
        given = {**defaults, **settings}
        for needed, keys in (("stop_width", set(STOPPING)), ("server", serving_keys() - {*PLACEMENT})):
            for key in sorted(keys & set(given)) if needed not in given else ():
                raise CotejoError(f"{shown(path)}: {key_text([*place, key])}: needs {needed}. Give both, or none")
        # Those of the model, where nothing is said: it may be an axis.
        for values in _multiply({**_default_settings(), "weights": None, **given}):
            yield place, block, values


def _named(run: Run) -> Run:
    """A run with its digest and its id, which follow from all else."""
    run = {**run, "digest": digest({key: value for key, value in run.items() if key not in IDENTITY})}
    return {**run, "id": run_id(run)}


def _published(data: dict[str, Any], path: Path, config: Path) -> Path | None:
    """The file of published rows that a study names, which must be there and whole."""
    if "published" not in data:
        return None
    file = config / data["published"]
    if not file.is_file():
        names = [f"published/{there.name}" for there in sorted((config / "published").glob("*.csv"))]
        raise CotejoError(
            f"{shown(path)}: published: {short(data['published'])}: there is no config/{data['published']}"
            f"{did_you_mean(data['published'], names)}"
        )
    check_published(file)
    return file


def load_config(values: dict[str, Any], path: Path = CONFIG / "config.yaml") -> dict[str, Any]:
    """Check the values of config/config.yaml together with those of the command line, and return them."""
    given = Path(f"{shown(path)} or --config")
    check(values, schema_of("config"), given)
    for key, folder in (("studies", "studies"), ("overlay", "overlays"), ("system", "systems")):
        allowed = names_in(path.parent / folder)
        for name in selected(values[key]):
            if name and name not in allowed:
                raise CotejoError(
                    f"{given}: {key}: {short(name)}: there is no config/{folder}/{name}.yaml"
                    f"{did_you_mean(name, allowed)}"
                )
    written = load_yaml(path, "config")["environments"]
    if values["environments"] != written:
        raise CotejoError(
            f"--config: environments: {short(values['environments'])}: is read in {shown(path)} by the commands that "
            "start servers and clients, so that it can't be given here. Write it there"
        )
    for stack, own in written.items():
        if "image" in own:
            check_image(own["image"], f"{shown(path)}: environments.{stack}.image")
    if values["baseline"] or values["candidate"]:
        check_folders(values["baseline"], values["candidate"], f"{given}: ")
    return values


def _default_settings() -> dict[str, Any]:
    """The default of each setting that has one, as config/schemas/run.schema.json documents it."""
    properties = schema_of("run")["properties"]
    return {key: rule["default"] for key, rule in properties.items() if "default" in rule}


def _multiply(settings: dict[str, Any]) -> Iterable[dict[str, Any]]:
    """All combinations of the values of the list-valued settings, the last key varying fastest."""
    axes = [value if isinstance(value, list) else [value] for value in settings.values()]
    for values in itertools.product(*axes):
        yield dict(zip(settings, values, strict=True))
