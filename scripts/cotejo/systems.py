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


def selected(names: str | Sequence[str]) -> list[str]:
    """What `system:` of config.yaml names: one system or several."""
    return [names] if isinstance(names, str) else [*names]


def check_place(name: str, system: System, names: Sequence[str], on_slurm: bool) -> None:
    """CotejoError unless runs of a system can be measured where Snakemake starts them; `names` are all that it is told.

    Slurm must know what to ask for. Without it they are measured on this machine, which is no more than one system.
    """
    if on_slurm and "slurm" not in system:
        raise CotejoError(
            f"config/systems/{name}.yaml: slurm: is missing: nothing says what Slurm is to be asked for. Add it, as "
            f"docs/slurm.md says; or measure on the machine itself, without --profile slurm"
        )
    if not on_slurm and len(names) > 1:
        raise CotejoError(
            f"config/config.yaml or --config: system: [{', '.join(names)}]: are measured on their own nodes. Add "
            f"--profile slurm, or name the one that this machine is"
        )


def _mistakes(system: System) -> Iterable[tuple[str, str]]:
    """What the schema can't say, how the keys of one file depend on each other: each key that is wrong, and why."""
    if "usd_per_hour" in system and "purchase_usd" in system:
        yield "usd_per_hour", "but purchase_usd says that the machine is owned. Keep what is paid"
    for key, other in (("gpu", "gpus"), ("gpus", "gpu"), ("gpu_memory_gib", "gpu")):
        if key in system and other not in system:
            yield key, f"needs {other}. Give both, or none"
    asked = system.get("slurm", {})
    if "cpus" in system and asked.get("cpus_per_task", 0) > system["cpus"]:
        yield "cpus", f"slurm.cpus_per_task asks for {asked['cpus_per_task']}. Mend the one that is wrong"
    if "scratch" in asked and not asked.get("stage"):
        yield "slurm", "its scratch needs `stage: true`. Give both, or none"
    for key in system.get("assumed", {}):
        if key not in system:
            yield "assumed", f"the file has no {key} that could be assumed. Give it, or delete its reason"


def cpus_of(system: System) -> int | None:
    """How many CPUs a run can be given on a system: of a node, what its job asks for; None where it is to be probed."""
    return system["slurm"]["cpus_per_task"] if "slurm" in system else system.get("cpus")


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
