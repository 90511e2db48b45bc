"""What differs between two records: what keeps their numbers apart, and what is only recorded."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from cotejo.environment import merge_key
from cotejo.study import IDENTITY

# The parts of a record that say what was measured, with what, on what; the others are what came of it.
PARTS = (
    "study", "run", "environment", "nodes", "staged", "server", "client", "model", "export", "dataset", "runtime",
    "versions", "marks", "git_revision",
)  # fmt: skip
# Of server and client, what comes of starting them: each start gets ports of its own.
_STARTED = ("command", "ready_s", "launch_sha256", "calibration")
# Of a Slurm job, and of what was copied for it, what is another's each time; of other nodes, what isn't.
_OF_JOB, _OF_COPYING, _OF_NODE = ("id", "restarts"), ("duration_s",), ("machine", "gpus")

# What the merge key says already, where the record has it; and what only names a run or sums its settings up.
_SAID = re.compile(
    r"environment\.machine\.cpu|environment\.gpus\[\d+\]\.(name|driver)|environment\.software\.lock_digest"
    r"|(model|export)\.digest|server\.(version|environment|image)|run\.(id|digest|study|system)"
)

LONGEST = 100


class Difference(NamedTuple):
    """A key, and its value in either record; None where a record lacks it."""

    key: str
    first: Any
    second: Any


class Differences(NamedTuple):
    """What keeps the numbers of two records apart, and what does not."""

    apart: list[Difference]
    recorded: list[Difference]


def differences(first: Mapping[str, Any], second: Mapping[str, Any]) -> Differences:
    """What differs between two records that follow their schema.

    Numbers merge where the settings of the run and the merge key are the same.
    """
    found = list(_differing(_compared(first), _compared(second)))
    settings = [each for each in found if _is_setting(each.key)]
    others = [each for each in found if not _is_setting(each.key) and not _SAID.fullmatch(each.key)]
    return Differences([*_differing(merge_key(first), merge_key(second)), *settings], others)


def _compared(record: Mapping[str, Any]) -> dict[str, Any]:
    """The parts of a record that are compared; None for what an older one doesn't have."""
    found = {part: record.get(part) for part in PARTS}
    found |= {part: _without(found[part], _STARTED) for part in ("server", "client")}
    found["staged"] = _without(found["staged"], _OF_COPYING)
    found["environment"] = {**record["environment"], "slurm": _without(record["environment"].get("slurm"), _OF_JOB)}
    found["nodes"] = [{key: node[key] for key in _OF_NODE} for node in record.get("nodes", [])]
    return found


def _without(part: Mapping[str, Any] | None, keys: Sequence[str]) -> dict[str, Any] | None:
    return {key: value for key, value in part.items() if key not in keys} if part else None


def _is_setting(key: str) -> bool:
    part, _, name = key.partition(".")
    return part == "run" and name.split(".")[0] not in IDENTITY


def _differing(first: Any, second: Any, key: str = "") -> Iterator[Difference]:
    """The innermost differences. Lists of mappings, as of GPUs, are compared item by item where they are as long."""
    if first == second:
        return
    if isinstance(first, Mapping) and isinstance(second, Mapping):
        for name in dict.fromkeys([*first, *second]):
            yield from _differing(first.get(name), second.get(name), f"{key}.{name}" if key else name)
    elif _are_mappings(first) and _are_mappings(second) and len(first) == len(second):
        for position, (one, other) in enumerate(zip(first, second, strict=True)):
            yield from _differing(one, other, f"{key}[{position}]")
    else:
        yield Difference(key, first, second)


def _are_mappings(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, Mapping) for item in value)


def as_text(found: Differences) -> str:
    """The differences for a person to read: a line for each, with both values."""
    if not found.apart and not found.recorded:
        return "nothing differs"
    sections = [
        ("keeps their numbers apart:" if found.apart else "nothing keeps their numbers apart", found.apart),
        ("only recorded:" if found.recorded else "", found.recorded),
    ]
    lines = [
        line
        for title, differing in sections
        if title
        for line in (title, *(f"  {key}: {_shown(one)} → {_shown(other)}" for key, one, other in differing))
    ]
    return "\n".join(lines)


def _shown(value: Any) -> str:
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        text = ", ".join(value) or "none"
    else:
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
