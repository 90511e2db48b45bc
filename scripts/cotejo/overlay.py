"""Overlays: settings laid over every combination of any study, and what stands in for what a machine lacks."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cotejo import backends, clients, servers
from cotejo.accelerators import ACCELERATORS
from cotejo.errors import CotejoError
from cotejo.schema import did_you_mean, key_text, load_yaml, short, shown
from cotejo.settings import check_settings

# What asks for a GPU: on the CPU of an overlay none of it is left, but for a split that something stands in for.
_OF_GPUS = ("accelerators", "split", "provider")


@dataclass(frozen=True)
class Overlay:
    """A file of config/overlays/, or nothing at all."""

    title: str = ""
    laid: Mapping[str, Any] | None = None
    instead: Sequence[Mapping[str, Mapping[str, Any]]] = ()

    def __bool__(self) -> bool:
        return self.laid is not None

    def over(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """A combination of settings with the overlay's laid over it, as far as there is anything to have them."""
        found = {**settings, **(self.laid or {})}
        if found["device"] == "cpu" != settings["device"]:
            kept = ("split",) if self.divides(settings) else ()
            found |= {key: None for key in _OF_GPUS if key in settings and key not in kept}
        for entry in self.instead:
            if _is_for(entry, found):
                found |= entry["set"]
        return found

    def divides(self, settings: Mapping[str, Any]) -> bool:
        """Whether a combination's split over GPUs is stood in for by the same split on the CPU: where an entry of
        `instead` names it, and says into what it divides there.
        """
        laid = {**settings, **(self.laid or {})}
        return laid["device"] == "cpu" != settings["device"] and any(
            "split" in entry["where"] and _is_for(entry, laid) for entry in self.instead
        )


def load_overlay(path: Path, models: Iterable[str], datasets: Iterable[str]) -> Overlay:
    """Read and check an overlay; CotejoError naming file, key, value and remedy where anything is wrong."""
    data = load_yaml(path, "overlay")
    overlay = Overlay(data["title"], data["set"], data.get("instead", ()))
    known = {
        "model": [*models], "dataset": [*datasets], "server": [*servers.SERVERS], "client": [*clients.CLIENTS],
        "backend": [*backends.BACKENDS, *(name for one in servers.SERVERS for name in servers.server(one).BACKENDS)],
    }  # fmt: skip
    places: list[tuple[tuple[str | int, ...], Mapping[str, Any]]] = [(("set",), overlay.laid or {})]
    for index, entry in enumerate(overlay.instead):
        places += [(("instead", index, key), entry[key]) for key in ("where", "set")]
    for place, settings in places:
        check_settings(settings, path, place, axes=place[-1] == "where")
        # A misspelt name would fit no run, and nothing would stand in for anything.
        for key, names in known.items():
            for value in _listed(settings[key]) if key in settings else []:
                if value is not None and value not in names:
                    raise CotejoError(
                        f"{shown(path)}: {key_text([*place, key])}: {short(value)}: no {key} of that name"
                        f"{did_you_mean(value, names)}"
                    )
    return overlay


def lacking(settings: Mapping[str, Any], overlay: Overlay, system: Mapping[str, Any]) -> str:
    """What a combination of settings can't be measured without where it is to be measured; empty where it can be.

    Several nodes are those of a Slurm job, so that the system must say where Slurm finds them. Under an overlay for the
    CPU, one GPU is stood in for, and two only where the overlay has the same split on the CPU. Elsewhere they count
    where the system's file says how many a node has; one that describes the machine and no GPU says that it has none.
    """
    if overlay.divides(settings):
        settings = overlay.over(settings)
    nodes, asked = settings.get("nodes") or 1, gpus(settings)
    if nodes > 1 and "slurm" not in system:
        return f"{nodes} nodes"
    on_cpu = (overlay.laid or {}).get("device") == "cpu"
    there = 1 if on_cpu else nodes * system.get("gpus", 0 if "cpu" in system else asked)
    return f"{asked} GPU{'s' * (asked > 1)}{f' on {nodes} nodes' * (nodes > 1)}" if asked > there else ""


def gpus(settings: Mapping[str, Any]) -> int:
    """How many GPUs a combination of settings asks for."""
    if settings.get("device") not in ACCELERATORS:
        return 0
    number = settings.get("accelerators")
    return 1 if number is None else number


def _is_for(entry: Mapping[str, Mapping[str, Any]], settings: Mapping[str, Any]) -> bool:
    """Whether an entry of `instead` is for a combination of settings."""
    return all(settings.get(key) in _listed(allowed) for key, allowed in entry["where"].items())


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
