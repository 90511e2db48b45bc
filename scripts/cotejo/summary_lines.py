"""What a summary says of a sheet's lines by themselves: their settings, and why one was not measured."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from cotejo.stand_in import why_not
from cotejo.verdict import NOT_MEASURED

# Not every run has them: blank in process, on the CPU, or where nothing stands in for anything.
OF_SOME = (
    "server", "client", "provider", "accelerators", "nodes", "split", "processes", "instead_of", "needs", "measured_as",
)  # fmt: skip
# What a row says of its run, as the sheet has it.
SETTINGS = (
    "study", "run", "digest", "name", "model", "architecture", "task", "weights", "scale", "dataset", "backend",
    "precision", "compute_precision", "device", "cores", *OF_SOME,
)  # fmt: skip


def settings_of(line: Mapping[str, Any]) -> dict[str, Any]:
    """A line's settings, as far as a summary shows them."""
    settings = {key: line["id" if key == "run" else key] for key in SETTINGS if key not in OF_SOME}
    return settings | {key: "" if line.get(key) is None else line[key] for key in OF_SOME}


def unmeasured_rows(
    by_system: Mapping[str, Mapping[str, Any]], machines: Collection[tuple[str, str]]
) -> Iterator[dict[str, Any]]:
    """The rows of those systems that a run is to be measured on and is not, with the reason.

    `by_system` has the run's settings on each system; `machines` measured it, each an origin and a system. Where none
    of the systems is among them, nothing is said if others are. A row that speaks for all systems names none.
    """
    missing = {system: settings for system, settings in by_system.items() if ("", system) not in machines}
    everywhere = len(missing) == len(by_system)
    if machines and everywhere:
        return
    for_all = everywhere and len({why_not(settings) for settings in missing.values()}) == 1
    for system, settings in [*missing.items()][: 1 if for_all else None]:
        # Nothing is known of weights that nothing was measured with: those of a stand-in would be others.
        unused = {"weights": "", "scale": ""} if why_not(settings) else {}
        reasons = {"verdict": NOT_MEASURED, "reasons": why_not(settings), "attempts": 0, "failures": 0}
        yield {**settings, **unused, **reasons, "system": "" if for_all else system}
