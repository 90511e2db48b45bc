"""Machines as config/systems/<id>.yaml describes them."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from cotejo.errors import CotejoError
from cotejo.schema import did_you_mean, load_yaml, names_in, short, shown

System = Mapping[str, Any]


def load_system(path: Path) -> dict[str, Any]:
    """A file of config/systems; CotejoError where there is none, or it is wrong."""
    system: dict[str, Any] = load_yaml(path, "system")
    for key, wrong in _mistakes(system):
        raise CotejoError(f"{shown(path)}: {key}: {short(system[key])}: {wrong}")
    return system


def _mistakes(system: System) -> Iterable[tuple[str, str]]:
    """What the schema can't say, how the keys of one file depend on each other: each key that is wrong, and why."""
    if "usd_per_hour" in system and "purchase_usd" in system:
        yield "usd_per_hour", "but purchase_usd says that the machine is owned. Keep what is paid"
    for key, other in (("gpu", "gpus"), ("gpus", "gpu"), ("gpu_memory_gib", "gpu")):
        if key in system and other not in system:
            yield key, f"needs {other}. Give both, or none"
    for key in system.get("assumed", {}):
        if key not in system:
            yield "assumed", f"the file has no {key} that could be assumed. Give it, or delete its reason"


def systems_of(figures: Iterable[Mapping[str, Any]]) -> list[str]:
    """The systems that a study's figures name: they have a price there even where nothing was measured on them."""
    return list(dict.fromkeys(entry[key] for entry in figures for key in ("owned", "rented") if key in entry))


def check_systems(figures: Sequence[Mapping[str, Any]], path: Path, config: Path) -> None:
    """The systems that a study's figures name must have a file; CotejoError where one has none."""
    allowed = names_in(config / "systems")
    for index, entry in enumerate(figures):
        for key in ("owned", "rented"):
            if key in entry and entry[key] not in allowed:
                raise CotejoError(
                    f"{shown(path)}: figures[{index}].{key}: {short(entry[key])}: there is no "
                    f"config/systems/{entry[key]}.yaml{did_you_mean(entry[key], allowed)}"
                )
