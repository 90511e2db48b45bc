"""config/models.yaml: which models there are."""

import copy
from pathlib import Path
from typing import Any

from cotejo.errors import CotejoError
from cotejo.schema import did_you_mean, load_yaml

SCALES = ("full", "small")


def read_entry(path: Path, model: str) -> dict[str, Any]:
    """A model's entry in a checked models.yaml; CotejoError if there is none."""
    entries = load_yaml(path, "models")
    if model not in entries:
        raise CotejoError(f"{path}: {model}: no such model{did_you_mean(model, entries)}")
    entry: dict[str, Any] = entries[model]
    return entry


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
