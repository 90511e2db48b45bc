"""config/models.yaml: which models there are."""

import copy
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from cotejo.datasets.absent import recorded_runs
from cotejo.errors import CotejoError
from cotejo.files import digest
from cotejo.models import own
from cotejo.models.own_check import check_folder
from cotejo.schema import did_you_mean, load_yaml

SCALES = ("full", "small")


def load_models(config: Path, measured: Iterable[Path] = ()) -> dict[str, dict[str, Any]]:
    """The entries of the configuration's models.yaml.

    Those of one's own say where their copies are (own.COPY), and where neither folder nor copy is on this machine what
    the records below the results folders `measured` know their runs by (own.RECORDED): so a copied results folder is
    drawn anywhere.
    """
    entries: dict[str, dict[str, Any]] = load_yaml(config / "models.yaml", "models")
    copies = config.parent / "resources" / "models"
    found = {
        model: entry | ({own.COPY: str(copies / model / f"{own.WEIGHTS}-full")} if own.is_own(entry) else {})
        for model, entry in entries.items()
    }
    absent = [model for model, entry in found.items() if own.is_own(entry) and own.is_absent(model, entry)]
    for run in recorded_runs(measured) if absent else ():
        if run["model"] in absent:
            known = found[run["model"]].setdefault(own.RECORDED, {})
            known[f"{run['weights']}-{run['scale']}"] = run["model_digest"]
    return found


def read_entry(path: Path, model: str) -> dict[str, Any]:
    """A model's entry in a checked models.yaml, of one of one's own with its folder's `full`.

    CotejoError if there is none, or if the folder doesn't hold what the entry says.
    """
    entries = load_yaml(path, "models")
    if model not in entries:
        raise CotejoError(f"{path}: {model}: no such model{did_you_mean(model, entries)}")
    entry: dict[str, Any] = entries[model]
    if own.is_own(entry):
        check_folder(model, entry, weights=False)
        entry = entry | {"full": own.config_of(model, entry)}
    return entry


def model_entry_digest(model: str, entry: dict[str, Any]) -> str:
    """What a rule that prepares a model follows of its entry: all of it, and what shapes a model of one's own."""
    if not own.is_own(entry):
        return digest(entry)
    said = {key: entry[key] for key in ("architecture", "task", "licence", "small") if key in entry}
    return digest(said | {"full": own.config_of(model, entry)})


def config_at(entry: dict[str, Any], scale: str) -> dict[str, Any]:
    """The architecture's configuration at a scale: `full`, with `small` laid over it for "small"."""
    return overlaid(entry["full"], entry["small"]) if scale == "small" else copy.deepcopy(entry["full"])


def overlaid(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """A copy of `base` where the values of `over` win, key by key in nested mappings too."""
    result = copy.deepcopy(base)
    for key, value in over.items():
        nested = isinstance(value, dict) and isinstance(base.get(key), dict)
        result[key] = overlaid(base[key], value) if nested else copy.deepcopy(value)
    return result
