"""Whether the machine was quiet: what else it did in the measured window, and right before and right after.

What disturbs is `noisy`; a repeat that cannot tell is `smoke`. What disturbs only where other checks would see it (a
frequency governor, memory swapped out earlier) is only said. Load averages are not judged: the repeat before raises
them. Of GPUs `cotejo.verdict.gpus` tells.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, NamedTuple

from cotejo.accelerators import own, whole
from cotejo.verdict.evidence import Check, Evidence, Finding, Record

# As config/config.yaml has them, with their reasons. What may not happen at all (throttling, a leftover) has no bound
# there.
THRESHOLDS: Mapping[str, float] = {
    "foreign_cpu_percent": 3,
    "steal_percent": 2,
    "busy_percent": 10,
    "swapped_mib": 1,
    "major_faults_per_s": 10,
}

# /proc counts CPU time in this many ticks a second.
TICKS_PER_S = 100

CPUS = {
    "pinned": "% of the pinned CPUs' time",
    "siblings": "% of their SMT siblings' time",
    "others": "% of the other CPUs' time",
}


class Repeat(NamedTuple):
    """One level of a whole record, its telemetry, and the looks `before` and `after`; empty where there are none.

    Of one machine: `gpus` are the facts of those there, `own_gpus` the UUIDs of the run's; None where nobody told them.
    """

    record: Record
    level: Mapping[str, Any]
    telemetry: Mapping[str, Any]
    looks: Mapping[str, Mapping[str, Any]]
    gpus: Sequence[Mapping[str, Any]]
    own_gpus: frozenset[str] | None


class Sight(NamedTuple):
    """What one repeat shows: the best word it leaves; where it is a number, that, its unit, and the bound it passes.

    The bound's unit is the number's up to " of ": "% of the pinned CPUs' time" is "%" there.
    """

    word: str
    what: str
    value: float | None = None
    unit: str = ""
    bound: float = 0


Sights = Callable[[Repeat, Mapping[str, float]], Iterable[Sight]]


def quiet(evidence: Evidence, thresholds: Mapping[str, float]) -> list[Finding]:
    """Everything seen of the machine, once."""
    return found_in(evidence, thresholds, SIGHTS)


def found_in(evidence: Evidence, thresholds: Mapping[str, float], kinds: Sequence[Sights]) -> list[Finding]:
    """Everything seen of these kinds, once, with its greatest number and how many of the whole repeats show it."""
    found = repeats(evidence)
    seen: dict[tuple[str, str, str], list[Sight]] = {}
    for repeat in found:
        for sight in _seen(repeat, thresholds, kinds):
            seen.setdefault((sight.word, sight.what, sight.unit), []).append(sight)
    return [Finding(sights[0].word, _reason(sights, len(found))) for sights in seen.values()]


def _seen(repeat: Repeat, thresholds: Mapping[str, float], kinds: Sequence[Sights]) -> Iterator[Sight]:
    """What a repeat shows, on its other nodes too, of which there are looks alone."""
    yield from chain.from_iterable(sights(repeat, thresholds) for sights in kinds)
    for node in repeat.record.get("nodes", []):
        shown = whole(node.get("gpus_shown"))
        there = repeat._replace(telemetry={}, looks=node.get("quiet") or {}, gpus=node["gpus"], own_gpus=shown)
        of_looks = chain.from_iterable(sights(there, thresholds) for sights in kinds if sights is not _unknown)
        yield from (sight._replace(what=f"node {node['node']}: {sight.what}") for sight in of_looks)


def _reason(sights: list[Sight], repeats: int) -> str:
    worst = max(sights, key=lambda sight: sight.value or 0)
    where = f"in {len(sights)} of {repeats} repeats"
    if worst.value is None:
        return f"{worst.what} {where}"
    number = f"{worst.value:.3g} {worst.unit}".strip()
    bound = f"{worst.bound:g} {worst.unit.partition(' of ')[0]}".strip()
    return f"{worst.what} {number} {where} (bound {bound})"


def repeats(evidence: Evidence) -> list[Repeat]:
    """The whole repeats of the evidence's level."""
    return [
        Repeat(
            record, level, level["telemetry"] or {}, record["quiet"] or {}, record["environment"]["gpus"], own(record)
        )
        for record in evidence.records
        if record["status"] == "ok"
        for level in record["levels"]
        if level["level"] == evidence.level
    ]


def tick_error_percent(repeat: Repeat) -> float:
    """Three standard errors of a share of CPU time that was counted in ticks, in percent.

    A tick is put down to whoever it meets, so a share p of n ticks has the binomial error √(p (1 - p) / n), at most
    that of p = ½: three of them are 15 % of one CPU's time in a second, and 1.5 % in a hundred.
    """
    ticks = TICKS_PER_S * repeat.level["duration_s"] * len(repeat.record["affinity"]["expected_cpus"])
    return float(100 * 3 * 0.5 / max(1.0, ticks) ** 0.5)


def beyond(what: str, value: float | None, unit: str, bound: float, error: float = 0) -> Iterator[Sight]:
    """A disturbance, where the value is known and beyond its bound by more than its error."""
    if value is not None and value > bound + error:
        yield Sight("noisy", what, value, unit, bound)


def _unknown(repeat: Repeat, thresholds: Mapping[str, float]) -> Iterator[Sight]:
    """What must be known of a quiet machine, and is not."""
    unknown = {
        "no telemetry": not repeat.telemetry,
        "foreign CPU unknown": repeat.telemetry.get("foreign_cpu_percent", 0) is None,
        "no look at the machine": not repeat.looks,
    }
    yield from (Sight("smoke", f"quiet machine not proven: {what}") for what, applies in unknown.items() if applies)


def _cpu(repeat: Repeat, thresholds: Mapping[str, float]) -> Iterator[Sight]:
    """What others computed, on the measured CPUs meanwhile, and anywhere right before and right after."""
    bound, error = thresholds["busy_percent"], tick_error_percent(repeat)
    sights = [
        *(
            sight
            for key, what in (("foreign_cpu_percent", "foreign CPU"), ("steal_percent", "steal"))
            for sight in beyond(what, repeat.telemetry.get(key), CPUS["pinned"], thresholds[key], error)
        ),
        *(
            sight
            for when, look in repeat.looks.items()
            for whose, share in look["busy_percent"].items()
            for sight in beyond(f"busy {when}", share, CPUS[whose], bound)
        ),
    ]
    yield from sights
    if sights:
        processes = [process for look in repeat.looks.values() for process in look["busiest"]]
        busiest = {
            each["name"]: each["cpu_percent"] for each in sorted(processes, key=lambda each: each["cpu_percent"])
        }
        for name, share in busiest.items():
            yield from beyond(f"busy process {name}", share, "% of a CPU's time", bound)


def _heat(repeat: Repeat, thresholds: Mapping[str, float]) -> Iterator[Sight]:
    """How often heat slowed the measured CPUs, from the look before to the look after."""
    before, after = (repeat.looks.get(when, {}).get("cpu_throttled") for when in ("before", "after"))
    grown = 0 if before is None or after is None else after - before
    yield from beyond("CPU throttled", max(grown, repeat.telemetry.get("cpu_throttled") or 0), "times", 0)


def _memory(repeat: Repeat, thresholds: Mapping[str, float]) -> Iterator[Sight]:
    """Memory that came from disk meanwhile, or was sent there before."""
    yield from beyond("swapped", repeat.telemetry.get("swapped_mib"), "MiB", thresholds["swapped_mib"])
    faults, duration_s = repeat.telemetry.get("major_faults"), repeat.level["duration_s"]
    if faults is not None and duration_s > 0:
        yield from beyond("major faults", faults / duration_s, "per s", thresholds["major_faults_per_s"])
    if repeat.looks and repeat.looks["before"]["swap_used_mib"]:
        yield Sight("publishable", "swap in use")


def _leftovers(repeat: Repeat, thresholds: Mapping[str, float]) -> Iterator[Sight]:
    """Processes of an earlier measurement."""
    names = {name for look in repeat.looks.values() for name in look["leftovers"]}
    yield from (Sight("noisy", f"leftover process {name}") for name in sorted(names))


def _governor(repeat: Repeat, thresholds: Mapping[str, float]) -> Iterator[Sight]:
    """Frequency governors that may change the clocks at any time."""
    names = {name for look in repeat.looks.values() for name in look["governors"] or []} - {"performance"}
    yield from (Sight("publishable", f"governor {name}") for name in sorted(names))


SIGHTS: tuple[Sights, ...] = (_cpu, _heat, _memory, _leftovers, _unknown, _governor)
CHECKS: tuple[Check, ...] = (quiet,)
