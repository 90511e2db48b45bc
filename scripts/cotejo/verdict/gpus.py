"""Whether a run had its GPUs for itself, at clocks that stood still; said of what they were set to.

Another process on one of the run's GPUs, or heat, makes a repeat `noisy`. One on another GPU of the machine shares no
clock, memory or cache with it, but the way to the host, the power and the air: what that does shows as a brake, as heat
or as work of the CPUs, which are looked at anyway, and as traffic over PCIe, which has a bound. So it is only said.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from cotejo.verdict.evidence import Check, Evidence, Finding
from cotejo.verdict.quiet import Repeat, Sight, Sights, beyond, found_in

# As config/config.yaml has them, with their reasons.
THRESHOLDS: Mapping[str, float] = {"clock_change_percent": 5, "neighbour_pcie_mb_per_s": 800}

# NVIDIA's driver may report `hw_slowdown` while an idle GPU changes its clocks: it counts in the measured window only.
HOT = frozenset({"sw_thermal_slowdown", "hw_thermal_slowdown", "hw_power_brake_slowdown"})
SLOWED = HOT | {"hw_slowdown"}


def gpus(evidence: Evidence, thresholds: Mapping[str, float]) -> list[Finding]:
    """Each disturbance once, with the worst number among the repeats; nothing of a run on a CPU."""
    return found_in(evidence, thresholds, SIGHTS)


def _told(repeat: Repeat, when: str, own: bool = True) -> list[Mapping[str, Any]]:
    """The GPUs as told `before`, `meanwhile` or `after`: the run's, which are all where nobody told, or the others."""
    if repeat.record["run"]["device"] == "cpu":
        return []
    told = repeat.telemetry if when == "meanwhile" else repeat.looks.get(when, {})
    mine = repeat.own_gpus
    return [gpu for gpu in told.get("gpus", []) if (mine is None or gpu["uuid"] in mine) == own]


def _around(repeat: Repeat, own: bool = True) -> list[Mapping[str, Any]]:
    return [*_told(repeat, "before", own), *_told(repeat, "after", own)]


def _foreign(repeat: Repeat, thresholds: Mapping[str, float]) -> Iterator[Sight]:
    """What others computed on the run's GPUs."""
    processes = [gpu["foreign_processes"] or 0 for gpu in [*_around(repeat), *_told(repeat, "meanwhile")]]
    yield from beyond("foreign GPU processes", max(processes, default=0), "", 0)
    used = [gpu["utilisation_percent"] or 0 for gpu in _told(repeat, "before")]
    yield from beyond("busy before", max(used, default=0), "% of a GPU's time", thresholds["busy_percent"])


def _neighbours(repeat: Repeat, thresholds: Mapping[str, float]) -> Iterator[Sight]:
    """What others computed on the machine's other GPUs, and what that moved over PCIe."""
    others = _told(repeat, "meanwhile", own=False)
    if any(gpu["foreign_processes"] for gpu in [*_around(repeat, own=False), *others]):
        yield Sight("publishable", "other GPUs of the machine at work")
        traffic = [sum(gpu[column] or 0 for gpu in others) for column in ("rx_mb_per_s", "tx_mb_per_s")]
        yield from beyond("PCIe traffic of other GPUs", max(traffic), "MB/s", thresholds["neighbour_pcie_mb_per_s"])


def _unknown(repeat: Repeat, thresholds: Mapping[str, float]) -> Iterator[Sight]:
    """Who computed on them must be known."""
    counts = [gpu["foreign_processes"] for gpu in _told(repeat, "meanwhile")]
    on_gpus = repeat.record["run"]["device"] != "cpu"
    if on_gpus and repeat.telemetry and (not counts or None in counts):
        yield Sight("smoke", "quiet machine not proven: GPU processes unknown")


def _throttled(repeat: Repeat, thresholds: Mapping[str, float]) -> Iterator[Sight]:
    """What held their clocks down. A power cap does so by design, and steadily: `_clocks` sees where it doesn't."""
    meanwhile = {reason for gpu in _told(repeat, "meanwhile") for reason in gpu["throttle_reasons"] or []}
    around = {reason for gpu in _around(repeat) for reason in gpu["throttle_reasons"] or []}
    yield from (Sight("noisy", f"GPU throttled: {reason}") for reason in sorted(meanwhile & SLOWED | around & HOT))
    if "sw_power_cap" in meanwhile:
        yield Sight("publishable", "GPU at its power cap")


def _clocks(repeat: Repeat, thresholds: Mapping[str, float]) -> Iterator[Sight]:
    """Whether their clocks had settled when the window began, and stood still in it."""
    changes = [abs(gpu.get("sm_clock_change_percent") or 0) for gpu in _told(repeat, "meanwhile")]
    for sight in beyond(
        "GPU clock: from half to half", max(changes, default=0), "%", thresholds["clock_change_percent"]
    ):
        yield sight._replace(word="unsteady")
    if repeat.telemetry and repeat.level.get("clocks", {}).get("settled") is False:
        yield Sight("publishable", "GPU clocks not settled in the warm-up")


def _settings(repeat: Repeat, thresholds: Mapping[str, float]) -> Iterator[Sight]:
    """What the run's GPUs were set to that others of their kind needn't be."""
    for gpu in repeat.gpus if repeat.record["run"]["device"] != "cpu" else ():
        if repeat.own_gpus is not None and gpu["uuid"] not in repeat.own_gpus:
            continue
        if gpu["persistence"] is False:
            yield Sight("publishable", "GPU persistence off")
        if gpu["mig"]:
            yield Sight("publishable", "GPU divided (MIG): clocks, power and energy are of the whole of it")
        limit, usual = gpu["power_limit_w"], gpu["power_limit_default_w"]
        if limit is not None and usual is not None and limit < usual:
            yield Sight("publishable", f"GPU power capped at {limit:g} W, by default {usual:g} W")


SIGHTS: tuple[Sights, ...] = (_foreign, _neighbours, _unknown, _throttled, _clocks, _settings)
CHECKS: tuple[Check, ...] = (gpus,)
