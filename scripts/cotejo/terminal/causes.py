"""Why a step failed, in the few lines of its log that say so."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

TAIL_BYTES = 64_000
LINES = 3

_ERROR = re.compile(r"^(slurmstepd: )?error: .+")
_WHERE = re.compile(r'^  File "(?P<file>[^"]+)", line (?P<line>\d+), in (?P<function>.+)')
# What bash, and Snakemake's own process on a node, say of every failure.
_NOISE = re.compile(r"^(\[|Traceback|\s*$|WorkflowError|Exiting because|srun: )")


def cause(log: str) -> list[str]:
    """At most LINES lines of a log that say why it ended: the command's own "error: …", or the end of a traceback."""
    lines = log.replace("\r", "\n").splitlines()
    told = [line for line in lines if _ERROR.match(line)]
    if told:
        return [told[-1]]
    places = [(number, found) for number, line in enumerate(lines) if (found := _WHERE.match(line))]
    if places:
        number, where = places[-1]
        said = [line for line in lines[number + 1 :] if line[:1].strip()][:1]
        place = f"{_shortened(where['file'])}, line {where['line']}, in {where['function']}"
        return [*said, place] if said else [place]
    return [line.strip() for line in lines if not _NOISE.match(line)][-LINES:]


def cause_in(logs: Iterable[str]) -> tuple[list[str], list[str]]:
    """Why a step failed, by the first of its logs that says so, which comes first then; and its other logs.

    Those that aren't there, or are empty, are left out.
    """
    there = [log for log in logs if Path(log).is_file() and Path(log).stat().st_size]
    for log in there:
        if lines := cause(_tail(Path(log))):
            return lines, [log, *(other for other in there if other != log)]
    return [], there


def died(commands: Sequence[str]) -> str:
    """What is said where no log says anything."""
    return f"{commands[0] if commands else 'the command'} ended without a word (was it killed?)"


def _tail(path: Path) -> str:
    with path.open("rb") as stream:
        stream.seek(max(0, path.stat().st_size - TAIL_BYTES))
        return stream.read().decode(errors="replace")


def _shortened(file: str) -> str:
    """A file of a traceback from what tells it: scripts/…, or the package's own folder on."""
    for part in ("/site-packages/", "/scripts/"):
        _, found, after = file.partition(part)
        if found:
            return after if "site" in part else f"scripts/{after}"
    return file
