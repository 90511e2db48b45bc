"""Whether the machine was quiet: what else it did in the measured window, and right before and right after.

What disturbs is `noisy`; a repeat that cannot tell is `smoke`. What disturbs only where other checks would see it (a
frequency governor, a GPU at its power cap, memory swapped out earlier) is only said. Load averages are not judged: the
repeat before raises them.
"""

from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any, NamedTuple

from cotejo.verdict.evidence import Check, Evidence, Finding, Record

# As config/config.yaml has them, with their reasons. What may not happen at all (throttling, a foreign process on the
# GPU, a leftover) has no bound there.
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

# NVIDIA's driver may report `hw_slowdown` while an idle GPU changes its clocks: it counts in the measured window only.
HOT = frozenset({"sw_thermal_slowdown", "hw_thermal_slowdown", "hw_power_brake_slowdown"})
SLOWED = HOT | {"hw_slowdown"}


class Repeat(NamedTuple):
    """One level of a whole record, its telemetry, and the looks `before` and `after`; empty where there are none."""

    record: Record
    level: Mapping[str, Any]
    telemetry: Mapping[str, Any]
    looks: Mapping[str, Mapping[str, Any]]


class Sight(NamedTuple):
    """What one repeat shows: the best word it leaves; where it is a number, that, its unit, and the bound it passes.

    The bound's unit is the number's up to " of ": "% of the pinned CPUs' time" is "%" there.
    """

    word: str
    what: str
    value: float | None = None
    unit: str = ""
    bound: float = 0


def quiet(evidence: Evidence, thresholds: Mapping[str, float]) -> list[Finding]:
    """Everything seen, once, with its greatest number and how many of the whole repeats show it."""
    found = repeats(evidence)
    seen: dict[tuple[str, str, str], list[Sight]] = {}
    for repeat in found:
        for sight in _seen(repeat, thresholds):
            seen.setdefault((sight.word, sight.what, sight.unit), []).append(sight)
    return [Finding(sights[0].word, _reason(sights, len(found))) for sights in seen.values()]


def _seen(repeat: Repeat, thresholds: Mapping[str, float]) -> Iterator[Sight]:
    """What a repeat shows, on its other nodes too, of which there are looks alone."""
    yield from chain.from_iterable(sights(repeat, thresholds) for sights in SIGHTS)
    for node in repeat.record.get("nodes", []):
        there = repeat._replace(telemetry={}, looks=node.get("quiet") or {})
        of_looks = chain.from_iterable(sights(there, thresholds) for sights in SIGHTS if sights is not _unknown)
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
        Repeat(record, level, level["telemetry"] or {}, record["quiet"] or {})
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


def _beyond(what: str, value: float | None, unit: str, bound: float, error: float = 0) -> Iterator[Sight]:
    """A disturbance, where the value is known and beyond its bound by more than its error."""
    if value is not None and value > bound + error:
        yield Sight("noisy", what, value, unit, bound)


def _unknown(repeat: Repeat, thresholds: Mapping[str, float]) -> Iterator[Sight]:
    """What must be known of a quiet machine, and is not."""
    counts = [gpu["foreign_processes"] for gpu in _gpus(repeat, "meanwhile")]
    unknown = {
        "no telemetry": not repeat.telemetry,
        "foreign CPU unknown": repeat.telemetry.get("foreign_cpu_percent", 0) is None,
        "no look at the machine": not repeat.looks,
        "GPU processes unknown": repeat.telemetry and _on_gpu(repeat) and (not counts or None in counts),
    }
    yield from (Sight("smoke", f"quiet machine not proven: {what}") for what, applies in unknown.items() if applies)


def _cpu(repeat: Repeat, thresholds: Mapping[str, float]) -> Iterator[Sight]:
    """What others computed, on the measured CPUs meanwhile, and anywhere right before and right after."""
    bound, error = thresholds["busy_percent"], tick_error_percent(repeat)
    sights = [
        *(
            sight
            for key, what in (("foreign_cpu_percent", "foreign CPU"), ("steal_percent", "steal"))
            for sight in _beyond(what, repeat.telemetry.get(key), CPUS["pinned"], thresholds[key], error)
        ),
        *(
            sight
            for when, look in repeat.looks.items()
            for whose, share in look["busy_percent"].items()
            for sight in _beyond(f"busy {when}", share, CPUS[whose], bound)
        ),
    ]
    yield from sights
    if sights:
        processes = [process for look in repeat.looks.values() for process in look["busiest"]]
        busiest = {
            each["name"]: each["cpu_percent"] for each in sorted(processes, key=lambda each: each["cpu_percent"])
        }
        for name, share in busiest.items():
            yield from _beyond(f"busy process {name}", share, "% of a CPU's time", bound)


def _gpu(repeat: Repeat, thresholds: Mapping[str, float]) -> Iterator[Sight]:
    """What others computed on the GPUs, and what held their clocks down."""
    looked = [*_gpus(repeat, "before"), *_gpus(repeat, "after")]
    measured = _gpus(repeat, "meanwhile")
    processes = [gpu["foreign_processes"] or 0 for gpu in [*looked, *measured]]
    yield from _beyond("foreign GPU processes", max(processes, default=0), "", 0)
    used = [gpu["utilisation_percent"] or 0 for gpu in _gpus(repeat, "before")]
    yield from _beyond("busy before", max(used, default=0), "% of a GPU's time", thresholds["busy_percent"])
    meanwhile = {reason for gpu in measured for reason in gpu["throttle_reasons"] or []}
    around = {reason for gpu in looked for reason in gpu["throttle_reasons"] or []}
    yield from (Sight("noisy", f"GPU throttled: {reason}") for reason in sorted(meanwhile & SLOWED | around & HOT))
    if "sw_power_cap" in meanwhile:
        yield Sight("publishable", "GPU at its power cap")


def _gpus(repeat: Repeat, when: str) -> list[Mapping[str, Any]]:
    """The GPUs as told `before`, `meanwhile` or `after`; none where the run uses none."""
    told = repeat.telemetry if when == "meanwhile" else repeat.looks.get(when, {})
    return list(told.get("gpus", [])) if _on_gpu(repeat) else []


def _on_gpu(repeat: Repeat) -> bool:
    return bool(repeat.record["run"]["device"] != "cpu")


def _heat(repeat: Repeat, thresholds: Mapping[str, float]) -> Iterator[Sight]:
    """How often heat slowed the measured CPUs, from the look before to the look after."""
    before, after = (repeat.looks.get(when, {}).get("cpu_throttled") for when in ("before", "after"))
    grown = 0 if before is None or after is None else after - before
    yield from _beyond("CPU throttled", max(grown, repeat.telemetry.get("cpu_throttled") or 0), "times", 0)


def _memory(repeat: Repeat, thresholds: Mapping[str, float]) -> Iterator[Sight]:
    """Memory that came from disk meanwhile, or was sent there before."""
    yield from _beyond("swapped", repeat.telemetry.get("swapped_mib"), "MiB", thresholds["swapped_mib"])
    faults, duration_s = repeat.telemetry.get("major_faults"), repeat.level["duration_s"]
    if faults is not None and duration_s > 0:
        yield from _beyond("major faults", faults / duration_s, "per s", thresholds["major_faults_per_s"])
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


SIGHTS = (_cpu, _gpu, _heat, _memory, _leftovers, _unknown, _governor)
CHECKS: tuple[Check, ...] = (quiet,)
