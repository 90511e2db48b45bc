"""How long measuring will take, from how long it took before: ranges, what they are based on, and what nobody knows.

A record's time runs from before its process was started to after it had ended. Where a run was never measured here,
runs alike tell what comes on top of warm-up and measuring: loading, and looks at the machine. Where nothing alike was
measured either there are only the run's settings, which say the least that it takes.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from cotejo.load import levels_of
from cotejo.record import find, folder_name
from cotejo.tasks import task
from cotejo.terminal.words import plural, span

Run = Mapping[str, Any]
SAME, ALIKE, SETTINGS, UNKNOWN = "same", "alike", "settings", "unknown"
# What makes runs alike, the closest likeness first.
_LIKENESS = (
    ("task", "model", "scale", "backend", "server", "split", "device"),
    ("task", "scale", "backend", "server", "device"),
    ("scale", "server", "device"),
)
# Settings by which a run ends when its work is done, however long that takes.
OPEN_ENDED = ("passes", "epochs")
# What comes at least on top of warm-up and measuring: the shortest of 150 repeats at small scale took 1.8 s more.
START_S = 2.0


class Estimate(NamedTuple):
    """How long one repeat takes; no `high_s` where only its least is known."""

    low_s: float
    high_s: float | None
    basis: str


@dataclass(frozen=True)
class Past:
    """A repeat that was measured."""

    run: Run
    ok: bool
    took_s: float
    on_top_s: float  # of what its levels' warm-ups and windows took


class Earlier:
    """What was measured earlier on one system, in any study of a folder of results. Records are read when asked for."""

    def __init__(self, results: Path, system: str) -> None:
        self._results, self._system = results, system

    @cached_property
    def _paths(self) -> dict[str, list[Path]]:
        found: dict[str, list[Path]] = {}
        for folder in self._results.glob(f"*/records/{self._system}/*"):
            found.setdefault(folder.name, []).extend(folder.glob("r*.json"))
        return found

    @cached_property
    def _by_likeness(self) -> list[dict[tuple[str, ...], list[Past]]]:
        # The newest of each run tell enough: thousands of records need not be read for this.
        newest = (sorted(paths, key=lambda path: path.stat().st_mtime)[-3:] for paths in self._paths.values())
        measured = [past for paths in newest for past in _read(paths) if past.ok]
        found: list[dict[tuple[str, ...], list[Past]]] = [{} for _ in _LIKENESS]
        for past in measured:
            for keys, groups in zip(_LIKENESS, found, strict=True):
                groups.setdefault(_values(past.run, keys), []).append(past)
        return found

    def same(self, run: Run) -> list[Past]:
        """Repeats of the same run, which may have failed."""
        return list(_read(self._paths.get(folder_name(run), ())))

    def alike(self, run: Run) -> list[Past]:
        """Repeats of the runs that are most like it."""
        alike = (groups.get(_values(run, keys)) for keys, groups in zip(_LIKENESS, self._by_likeness, strict=True))
        return next(filter(None, alike), [])


def estimate(run: Run, earlier: Earlier) -> Estimate:
    """How long one repeat of a run takes, of a study or as a sheet's row."""
    took_s = [past.took_s for past in earlier.same(run)]
    if took_s:
        return Estimate(min(took_s), max(took_s), SAME)
    least_s, most_s = measured_s(run)
    if any(_text(run, key) for key in OPEN_ENDED):
        return Estimate(least_s + START_S, None, UNKNOWN)
    on_top_s = [past.on_top_s for past in earlier.alike(run)]
    if on_top_s:
        return Estimate(least_s + min(on_top_s), most_s + max(on_top_s), ALIKE)
    return Estimate(least_s + START_S, None, SETTINGS)


def measured_s(run: Run) -> tuple[float, float]:
    """The least and the most time that one repeat warms up and measures, by its settings; 0 of what is open-ended."""
    levels = len(levels_of(run)) if run.get("server") else len(task(run["task"]).LEVELS)
    warmup_s, most_s = (float(run.get(key) or 0) for key in ("warmup_s", "duration_s"))
    least_s = float(run.get("stop_least_s") or 0) if _text(run, "stop_width") else most_s
    limit_s = float(run["timeout_s"])
    return min(limit_s, levels * (warmup_s + least_s)), min(limit_s, levels * (warmup_s + most_s))


class Total(NamedTuple):
    """How long many repeats take, one after another, and on what how many of them are based."""

    low_s: float
    high_s: float | None
    bases: Mapping[str, int]

    def words(self) -> str:
        """ "about 4 min of measuring (from earlier repeats)"."""
        known = [_BASES[basis] for basis in (SAME, ALIKE, SETTINGS) if self.bases.get(basis)]
        unknown = self.bases.get(UNKNOWN, 0)
        nobody = f"nobody knows how long {plural(unknown, 'repeat')} of whole passes or epochs will take"
        if not known:
            return nobody
        told = f"{span(self.low_s, self.high_s)} of measuring (from {' and '.join(known)})"
        return f"{told}, and {nobody}" if unknown else told


_BASES = {
    SAME: "earlier repeats",
    ALIKE: "runs alike",
    SETTINGS: "warm-up and duration alone",
}


def total(estimates: Iterable[Estimate]) -> Total:
    """The sum of repeats' estimates."""
    given = list(estimates)
    bases = {basis: sum(each.basis == basis for each in given) for basis in (SAME, ALIKE, SETTINGS, UNKNOWN)}
    highs = [each.high_s for each in given]
    high_s = None if None in highs else sum(high for high in highs if high is not None)
    return Total(sum(each.low_s for each in given), high_s, bases)


def missing(run: Run, results: Path) -> list[int]:
    """The repeats of a run that its study's folder of results has no record of."""
    folder = results / "records" / run["system"] / folder_name(run)
    return [number for number in range(1, int(run["repeats"]) + 1) if not (folder / f"r{number}.json").is_file()]


def bytes_per_repeat(results: Path) -> float | None:
    """What a repeat's files take on disk, by the median of those below a folder of results; None without any."""
    sizes = [
        sum(beside.stat().st_size for beside in record.parent.glob(f"{record.stem}.*"))
        for study in sorted(results.glob("*/records"))
        for record in find(study.parent)[:50]
    ]
    return median(sizes) if sizes else None


def _read(paths: Sequence[Path]) -> Iterator[Past]:
    for path in paths:
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
            started, finished = (datetime.fromisoformat(record[key]) for key in ("started_at", "finished_at"))
            took_s = (finished - started).total_seconds()
            spent_s = sum(level["warmup_s"] + level["duration_s"] for level in record["levels"])
            yield Past(record["run"], record["status"] == "ok", took_s, max(0.0, took_s - spent_s))
        except (ValueError, KeyError, TypeError, OSError):
            continue  # a record that can't be read is told of where it is used, not where it might help


def _values(run: Run, keys: Sequence[str]) -> tuple[str, ...]:
    return tuple(_text(run, key) for key in keys)


def _text(run: Run, key: str) -> str:
    return "" if run.get(key) is None else str(run[key])
