"""Which results of a study are set beside each other: alike in all but one axis, or blocks of a study."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from cotejo.difference import Difference, difference, standing
from cotejo.report.answers_runs import AXES, WITH_OPTIONS, Row, Run, values

Environments = Mapping[str, Mapping[str, Any]]  # merge keys, by their digest

OPTIONS, NAME, LEVEL = "options", "name", "level"  # axes beside those that have columns of their own
# What of the machine two runs share, or they measured two machines.
_MACHINE = ("cpu", "driver")
# What is said beside the headline, of the first that both have: what a load does to a request, what a training takes.
_LATENCIES = (("latency_p50_ms", "latency_mean_ms"), ("latency_p99_ms", "latency_p95_ms", "latency_p90_ms"))
_MEMORY = (("gpu_memory_peak_mib", "rank0_rss_peak_mib", "rss_peak_mib"),)
_TIMES_AND_RATES = ("samples", "client")


@dataclass(frozen=True)
class Effect:
    """One metric of two results: how many times the reference's the candidate's is, and whether that is settled."""

    reference: Row
    candidate: Row
    found: Difference

    @property
    def testable(self) -> bool:
        """Whether there are repeats enough for the test to say anything."""
        return self.found.low is not None

    @property
    def word(self) -> str:
        """`faster`, `slower` (of memory `more`, `less`) or `indistinguishable`."""
        timed = self.reference["source"] in _TIMES_AND_RATES
        word = standing(self.found, self.reference["better"] if timed else "higher")
        return word if timed else {"faster": "more", "slower": "less"}.get(word, word)

    @property
    def settled(self) -> bool:
        return self.word != "indistinguishable"

    @property
    def size(self) -> float:
        """How far from alike, whichever way."""
        return abs(math.log(self.found.ratio))


@dataclass(frozen=True)
class Pair:
    """Two results of a study, and the axis that they differ in."""

    axis: str
    reference: Run
    candidate: Run
    level: str  # of the candidate, and of the reference but where the axis is the level
    reference_level: str
    options: Mapping[str, tuple[str, str]] = field(default_factory=dict)  # what else differs, by its key

    @cached_property
    def effects(self) -> list[Effect]:
        """The headline's effect first; empty where no time or rate is in both."""
        before, after = self.reference.levels[self.reference_level], self.candidate.levels[self.level]
        both = [name for name in before if name in after and _comparable(before[name], after[name])]
        if not both or before[both[0]]["source"] not in _TIMES_AND_RATES:
            return []
        chosen = [] if self.reference.row["load"] == "open" else both[:1]  # whose rate is the load's, not the server's
        chosen += [name for name in companions(self.reference.row, both) if name not in chosen]
        return [_effect(before[name], after[name]) for name in chosen]


def companions(row: Row, metrics: Sequence[str]) -> list[str]:
    """Those of the metrics that are told of beside the headline of a row's task and load."""
    wanted = _MEMORY if row["task"] == "fine-tuning" else _LATENCIES if row["load"] else ()
    return [name for names in wanted for name in [one for one in names if one in metrics][:1]]


def pairs(runs: Sequence[Run], environments: Environments) -> list[Pair]:
    """Every pair that tells something: for each axis, each value beside the first that the study has.

    Blocks of one work that no axis joins, for they differ in several at once, are set beside the first of them.
    """
    found = [pair for axis in (*AXES, OPTIONS) for pair in _along(axis, runs, environments)]
    found += _blocks(runs, found, environments)
    found += [pair for run in runs for pair in _levels(run)]
    return [pair for pair in found if pair.effects]


def _along(axis: str, runs: Sequence[Run], environments: Environments) -> Iterator[Pair]:
    """Each run with the first one before it that is like it in all other axes."""
    loose = axis in WITH_OPTIONS
    groups: dict[Any, list[Run]] = {}
    for run in runs:
        others = tuple(run.along[other] for other in AXES if other != axis)
        options = () if loose or axis == OPTIONS else tuple(sorted(run.options.items()))
        groups.setdefault((run.work, others, options), []).append(run)
    for members in groups.values():
        for place, candidate in enumerate(members):
            fits = _differs_in(axis, candidate, environments)
            reference = next((other for other in members[:place] if fits(other)), None)
            if reference is not None:
                yield from _at_the_highest_level(axis, reference, candidate, _unlike(reference, candidate))


def _differs_in(axis: str, candidate: Run, environments: Environments) -> Callable[[Run], bool]:
    """Whether another run of the same group differs from this one in the axis, and in nothing else."""

    def fits(other: Run) -> bool:
        if axis != OPTIONS and other.along[axis] == candidate.along[axis]:
            return False
        if axis == "machine":
            return all(other.row[key] == candidate.row[key] for key in ("run", "digest"))
        if not _on_one_machine(other, candidate, environments):
            return False
        return bool(_unlike(other, candidate)) == (axis == OPTIONS)

    return fits


def _blocks(runs: Sequence[Run], joined: Sequence[Pair], environments: Environments) -> Iterator[Pair]:
    """One run of each block, or of several that axes join, beside the first of the same work, model and machine."""
    groups: dict[Any, list[Run]] = {}
    for run in runs:
        groups.setdefault(_group(run), []).append(run)
    links: dict[Any, list[tuple[str, str]]] = {}
    for pair in joined:
        if pair.axis not in ("machine", "model"):
            link = (pair.reference.row["name"], pair.candidate.row["name"])
            links.setdefault(_group(pair.candidate), []).append(link)
    for group, (first, *others) in groups.items():
        names = _joined({first.row["name"]}, links.get(group, []))
        for candidate in others:
            if candidate.row["name"] not in names:
                names |= _joined({candidate.row["name"]}, links.get(group, []))
                if _on_one_machine(first, candidate, environments):
                    yield from _at_the_highest_level(NAME, first, candidate, _unlike(first, candidate))


def _group(run: Run) -> tuple[tuple[str, ...], ...]:
    return (run.work, run.along["model"], run.along["machine"])


def _joined(names: set[str], links: Sequence[tuple[str, str]]) -> set[str]:
    """These blocks, and all that links lead to from them."""
    while more := {name for link in links if names & {*link} for name in link} - names:
        names = names | more
    return names


def _levels(run: Run) -> Iterator[Pair]:
    """Each level of a closed or open load beside the lowest one."""
    first, *others = [level for level, rows in run.levels.items() if next(iter(rows.values()))["load"]] or [""]
    for level in others:
        yield Pair(LEVEL, run, run, level, first)


def _at_the_highest_level(
    axis: str, reference: Run, candidate: Run, options: Mapping[str, tuple[str, str]]
) -> Iterator[Pair]:
    """Two runs at the highest load that both were measured at; in process, in the first of their levels."""
    common = [level for level in reference.levels if level in candidate.levels]
    if common:
        level = common[-1 if reference.row["load"] else 0]
        yield Pair(axis, reference, candidate, level, level, options)


def _on_one_machine(one: Run, other: Run, environments: Environments) -> bool:
    keys = [environments.get(run.row["environment"], {}) for run in (one, other)]
    return one.along["machine"] == other.along["machine"] and all(
        keys[0].get(part) == keys[1].get(part) for part in _MACHINE
    )


def _unlike(one: Run, other: Run) -> dict[str, tuple[str, str]]:
    """The options in which two runs differ, with what each has.

    Of two servers, clients or placements, what only one knows comes with it, and is no difference of its own.
    """
    mine, theirs = one.options, other.options
    both = {name: (mine.get(name, ""), theirs.get(name, "")) for name in [*mine, *theirs]}
    loose = any(one.along[axis] != other.along[axis] for axis in WITH_OPTIONS)
    return {name: pair for name, pair in both.items() if pair[0] != pair[1] and (all(pair) or not loose)}


def _comparable(before: Row, after: Row) -> bool:
    return all(value > 0 for row in (before, after) for value in values(row))


def _effect(before: Row, after: Row) -> Effect:
    return Effect(before, after, difference(values(before), values(after)))


def rows_of(pair: Pair) -> tuple[Row, Row]:
    """The two rows that the headline's effect is of."""
    told = pair.effects[0]
    return told.reference, told.candidate
