"""Whether a machine is the system that it was measured as: a name is quickly given, and nothing else looks at it."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from cotejo.environment import merge_key
from cotejo.files import digest, read_json
from cotejo.schema import names_in
from cotejo.systems import System, load_system

Machine = tuple[str, str, str]  # origin, system, environment: what the rows of a summary tell apart

# Words of a processor's name that stand for it; the rest is makers, brands and clock rates.
_WORD = re.compile(r"\S*\d\S*")


def unlike_claims(paths: Mapping[str, Iterable[Path]], systems: Path) -> dict[Machine, str]:
    """Of the records at these paths, by origin: each machine that isn't what `systems` (config/systems) says of it.

    With the reason in a few words. Records are read as they are: summarise has checked them.
    """
    known = {name: load_system(systems / f"{name}.yaml") for name in names_in(systems)}
    found: dict[Machine, str] = {}
    for origin, members in paths.items():
        for path in members:
            record = read_json(path)
            system, device = known.get(record["system"], {}), record["run"]["device"]
            machines = (record["environment"], *(node for node in record.get("nodes", []) if node["machine"]))
            reason = next(filter(None, (unlike(machine, system, device) for machine in machines)), "")
            if reason:
                found[origin, record["system"], digest(merge_key(record), 6)] = reason
    return found


def unlike(environment: Mapping[str, Any], system: System, device: str) -> str:
    """In what a record's machine isn't the system's, as far as its file says; empty where it may be that one."""
    probed = environment["machine"]["cpu"]
    if "cpu" in system and not names(system["cpu"], probed):
        return f"another CPU: {probed}, not {system['cpu']}"
    gpus = ", ".join(dict.fromkeys(gpu["name"] for gpu in environment["gpus"])) or "none"
    if device != "cpu" and "gpu" in system and not names(system["gpu"], gpus):
        return f"another GPU: {gpus}, not {system['gpu']}"
    return ""


def names(short: str, full: str) -> bool:
    """Whether a processor's name as people write it, "AMD EPYC 7453", names "AMD EPYC 7453 28-Core Processor".

    Its words with a digit must be there, and no digit may follow: A10 names A10G, but not A100.
    """
    words = _WORD.findall(short.lower())
    return all(re.search(rf"(?<![a-z0-9]){re.escape(word)}(?!\d)", full.lower()) for word in words)
