"""Whether a level measured one steady thing: drift, stalls, Little's law, a cold first repeat."""

import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from cotejo.changes import Change
from cotejo.steadiness import LEAST_REQUESTS_FOR_STALLS, Steadiness
from cotejo.verdict.evidence import Check, Evidence, Finding

# As config/config.yaml has them, with their reasons.
THRESHOLDS: Mapping[str, float] = {
    "drift_percent": 5,
    "stalled_percent": 2,
    "littles_law_percent": 5,
    "cold_first_percent": 5,
}

# How often a level without any drift may be called drifting, by all tests of all its repeats together; and how often a
# first repeat like the others may be called cold. Small, for every level of every run is asked.
DRIFT_ALARMS, COLD_ALARMS = 0.005, 0.0025
FAMILIES = 4  # of tests for drift: of the halves and of the trend, each shared by the repeats and in one of them alone
LEAST_SHARING = 4  # repeats that can show a shared drift: three would have to agree to a sixteenth of its size
LEAST_AFTER_FIRST = 2  # repeats whose spread a first one can lie beyond


def drift(evidence: Evidence, thresholds: Mapping[str, float]) -> list[Finding]:
    """Requests that took longer, or shorter, later in the window: beyond the bound, and beyond chance.

    The four families of tests share DRIFT_ALARMS evenly, and the repeats their family's part (Bonferroni).
    """
    bound, repeats = thresholds["drift_percent"], evidence.steadiness
    halves = [(one.halves, own) for one, own in zip(repeats, alone(repeats), strict=True) if one.halves]
    trends = [(one.trend, own) for one, own in zip(repeats, alone(repeats), strict=True) if one.trend]
    said = [
        *(f"second half {change}" for change in _beyond_chance(halves, bound)),
        *(f"from start to end {change}" for change in _beyond_chance(trends, bound)),
    ]
    return [Finding("unsteady", f"drift: {said[0]} (bound {bound:g} %)")] if said else []


def alone(repeats: Sequence[Steadiness]) -> list[bool]:
    """Whether what each repeat shares with the others can be a drift, and nothing else.

    Requests in the same order change alike in all repeats by their work, unless each is compared to its item; the same
    arrivals make the same queues.
    """
    orders, arrivals = ({getattr(one, name) for one in repeats} for name in ("order", "arrivals"))
    unlike_orders, unlike_arrivals = (len(drawn) == len(repeats) for drawn in (orders, arrivals))
    return [(one.recurring or unlike_orders) and (unlike_arrivals or not one.arrivals) for one in repeats]


def _beyond_chance(changes: Sequence[tuple[Change, bool]], bound_percent: float) -> Iterator[str]:
    """What to say of one statistic: the change that the repeats share, and the largest that one of them has alone.

    Each change with whether its repeat is one of `alone`.
    """
    bound, alarms = math.log1p(bound_percent / 100), DRIFT_ALARMS / FAMILIES
    shared = [math.log(change.ratio) for change, own in changes if own]
    if len(shared) >= LEAST_SHARING and abs(np.mean(shared)) > bound and zero_mean_p(shared) <= alarms:
        yield _slower(float(np.mean(shared)))
    proven = [
        math.log(change.ratio) for change, _ in changes if change.p is not None and change.p * len(changes) <= alarms
    ]
    beyond = [size for size in proven if abs(size) > bound]
    if beyond:
        yield f"{_slower(max(beyond, key=abs))} in {len(beyond)} of {len(changes)} repeats"


def zero_mean_p(sizes: Sequence[float]) -> float:
    """The p-value of Student's two-sided test that the sizes' mean is zero; at least two sizes.

    The sizes are logarithms of ratios of medians, one of each repeat. Without a drift they are symmetric about zero,
    whatever the noise, and independent, however much the requests of one process resemble each other: that is why the
    repeats are tested, and not their requests. No rank test of six can be more certain than 2/2^6 = 3 %.
    Source: Student 1908, "The probable error of a mean", Biometrika 6:1.
    """
    from scipy.stats import t

    error = float(np.std(sizes, ddof=1)) / math.sqrt(len(sizes))
    mean = abs(float(np.mean(sizes)))
    return float(2 * t.sf(mean / error, len(sizes) - 1)) if error else float(mean == 0)


def _slower(log_ratio: float) -> str:
    ratio = math.exp(abs(log_ratio))
    return f"{(ratio - 1) * 100:.1f} % slower" if log_ratio > 0 else f"{(1 - 1 / ratio) * 100:.1f} % faster"


def stalls(evidence: Evidence, thresholds: Mapping[str, float]) -> list[Finding]:
    """Time lost in requests far longer than others of the same item."""
    bound, found = thresholds["stalled_percent"], [one.stalls for one in evidence.steadiness if one.stalls]
    count, busy_s = sum(one.requests for one in found), sum(one.busy_s for one in found)
    lost_percent = 100 * sum(one.lost_s for one in found) / busy_s if busy_s else 0.0
    if lost_percent <= bound:
        return []
    ratio = float(np.median([one.ratio for one in found if one.ratio is not None]))
    together = found[0].together
    what, others = ("requests", "of their item") if together == 1 else (f"times {together} requests", "did")
    return [
        Finding(
            "unsteady",
            f"stalls: {count} {what} took {ratio:.3g} times as long as others {others}, "
            f"{lost_percent:.1f} % of all time (bound {bound:g} %)",
        )
    ]


def untested(evidence: Evidence, thresholds: Mapping[str, float]) -> list[Finding]:
    """What could not be tested for drift or stalls: it shows, and costs nothing but where repeats had one schedule.

    Such a level is short of requests, of repeats, or of items that recur. The first two have verdicts of their own, and
    the third is what a data set read once is: nothing is wrong with it. An open load has no test for stalls to miss.
    """
    repeats = [one for one in evidence.steadiness if one.requests]
    if not repeats:
        return []
    if repeats[0].arrivals and len({one.arrivals for one in repeats}) < len(repeats):
        return [Finding("smoke", "untested for drift: repeats had the same arrivals")]
    shared = sum(own for one, own in zip(repeats, alone(repeats), strict=True) if one.halves) >= LEAST_SHARING
    tests = {
        "drift": shared or any(one.halves and one.halves.p is not None for one in repeats),
        "stalls": any(one.stalls or one.arrivals for one in repeats),
    }
    missing = [name for name, tested in tests.items() if not tested]
    least = min(one.requests for one in repeats)
    once = " of items that seldom recur" if least >= LEAST_REQUESTS_FOR_STALLS else ""
    return [Finding("publishable", f"untested for {' and '.join(missing)}: {least} requests{once}")] if missing else []


def littles_law(evidence: Evidence, thresholds: Mapping[str, float]) -> list[Finding]:
    """Throughput times mean latency against the number of requests in flight, where that is fixed."""
    bound = thresholds["littles_law_percent"]
    laws = [one.littles_law for one in evidence.steadiness if one.littles_law is not None]
    broken = [law for law in laws if abs(law - 1) * 100 > bound]
    if not broken:
        return []
    worst = max(broken, key=lambda law: abs(law - 1))
    return [
        Finding(
            "unsteady",
            f"Little's law: {worst * 100:.1f} % of the requests in flight accounted for, "
            f"in {len(broken)} of {len(laws)} repeats (bound {bound:g} %)",
        )
    ]


def cold_first_repeat(evidence: Evidence, thresholds: Mapping[str, float]) -> list[Finding]:
    """A first repeat worse than the worst other by more than the bound, and far beyond the others' own spread.

    Beyond: outside the one-sided prediction interval of Student's t for one more of the others, on logarithms (Hahn
    and Meeker 1991, "Statistical Intervals", 4.7), at COLD_ALARMS.
    """
    if len(evidence.values) <= LEAST_AFTER_FIRST or min(evidence.values) <= 0:
        return []
    from scipy.stats import t

    bound, sign = thresholds["cold_first_percent"], 1 if evidence.better == "lower" else -1
    first, *others = (sign * math.log(value) for value in evidence.values)
    excess = first - max(others)
    reach = float(t.isf(COLD_ALARMS, len(others) - 1)) * float(np.std(others, ddof=1)) * math.sqrt(1 + 1 / len(others))
    if excess <= math.log1p(bound / 100) or first - float(np.mean(others)) <= reach:
        return []
    worse_percent = (math.exp(excess) - 1) * 100
    return [
        Finding(
            "unsteady",
            f"cold-first-repeat: {worse_percent:.1f} % worse than the worst of the {len(others)} others "
            f"(bound {bound:g} %)",
        )
    ]


CHECKS: tuple[Check, ...] = (drift, stalls, littles_law, cold_first_repeat, untested)
