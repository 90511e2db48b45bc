"""What the report says of where records were made: in which Slurm jobs, on which nodes, from which disk."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Record = Mapping[str, Any]


def of_slurm(records: Sequence[Record]) -> str:
    """What Slurm gave; empty outside Slurm."""
    jobs = [job for record in records if (job := record["environment"].get("slurm"))]
    if not jobs:
        return ""
    number, restarts = len({job["id"] for job in jobs}), sum(job["restarts"] or 0 for job in jobs)
    parts = [_counted(number, "job")]
    if partitions := _each(job["partition"] for job in jobs):
        parts.append(f"partition {partitions}")
    if restarts:
        parts.append(f"put back into the queue {_counted(restarts, 'time')}")
    return "; ".join(parts)


def further_nodes(records: Sequence[Record]) -> str:
    """The other machines of runs on several, by their names; empty where there are none."""
    return _each(node["node"] for record in records for node in record.get("nodes", []))


def of_staging(records: Sequence[Record]) -> str:
    """On which kind of disk lay what was copied before it was measured; empty where nothing was."""
    staged = [copies for record in records if (copies := record.get("staged"))]
    if not staged:
        return ""
    some = "" if len(staged) == len(records) else f", in {len(staged)} of {len(records)} repeats"
    return f"copies on the machine's own disk ({_each(copies['file_system'] for copies in staged)}){some}"


def _each(names: Iterable[str | None]) -> str:
    """The names, each once, in the order of their first appearance."""
    return ", ".join(dict.fromkeys(filter(None, names)))


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
