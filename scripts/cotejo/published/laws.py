"""What must hold of any measurement: Little's law, percentiles that rise, and samples enough for what is printed."""

import itertools
import re
from collections.abc import Iterator

from cotejo.floors import floor_of
from cotejo.labels import TIMES, number
from cotejo.published.check import AGREES, DISAGREES, TOO_FEW, UNTOLD, Check
from cotejo.published.groups import Group, Paper
from cotejo.published.rounding import Rounded, rounded
from cotejo.stats import littles_law, median_interval
from cotejo.verdict import THRESHOLDS

UNSAID = "the document doesn't say how many there were"
EDGES = ("min", "max")
SECONDS = {"s": 1.0, "ms": 1e-3, "us": 1e-6}


def in_flight(paper: Paper) -> Iterator[Check]:
    """Little's law: throughput times mean latency is the number of requests kept in flight."""
    bound = THRESHOLDS["littles_law_percent"]
    for group in paper.groups:
        concurrency, mean_s = group.what["concurrency"], mean_of(group)
        rate = group.figure("request_throughput", "mean")
        if not concurrency or rate is None or mean_s is None:
            continue
        asked = int(concurrency)
        found = Rounded(*(littles_law(*pair, asked) * asked for pair in zip(rate, mean_s, strict=True)))
        shares = [100 * value / asked for value in found]
        held = shares[2] >= 100 - bound and shares[1] <= 100 + bound
        between_ms = 1000 * (asked / rate.value - mean_s.value)
        yield Check(
            "Little's law", group.words, f"{rate.value:g}/s {TIMES} {mean_s.value:g} s", AGREES if held else DISAGREES,
            found, "requests in flight", concurrency,
            f"{shares[0]:.1f} % of them (bound {bound:g} %): {number(between_ms)} ms of each turn are in no latency",
        )  # fmt: skip


def mean_of(group: Group) -> Rounded | None:
    """A group's mean latency in seconds."""
    mean = group.figure("latency", "mean")
    if mean is None:
        return None
    return Rounded(*(SECONDS[group.unit("latency")] * value for value in mean))


def order(paper: Paper) -> Iterator[Check]:
    """Of one thing's statistics: the least is no more than any percentile, those rise, none passes the greatest."""
    for group in paper.groups:
        for metric in dict.fromkeys(row["metric"] for row in group.rows):
            printed = group.numbers(metric)
            ranked = {name: text for name, text in printed.items() if re.fullmatch(r"p\d+|min|max", name)}
            names = sorted(ranked, key=_rank)
            if len(names) > 1 and names != list(EDGES):
                yield from _rising(group, metric, {name: ranked[name] for name in names})
            if "mean" in printed and set(EDGES) <= printed.keys():
                yield from _within(group, metric, printed)


def _rank(name: str) -> float:
    return {"min": -1.0, "max": 101.0}.get(name) or float(name[1:])


def _rising(group: Group, metric: str, ranked: dict[str, str]) -> Iterator[Check]:
    names, words = list(ranked), f"{group.words}, {metric}"
    falls = [
        (before, after) for before, after in itertools.pairwise(names) if float(ranked[after]) < float(ranked[before])
    ]
    for before, after in falls:
        note = "; ".join(filter(None, (f"{after} is less than {before}", group.note(metric, after))))
        yield Check(
            "rising percentiles", words, f"{before} ≤ {after}", DISAGREES, rounded(ranked[before]), group.unit(metric),
            ranked[after], note,
        )  # fmt: skip
    if not falls:
        yield Check("rising percentiles", words, " ≤ ".join(ranked.values()), AGREES, None, group.unit(metric))


def _within(group: Group, metric: str, printed: dict[str, str]) -> Iterator[Check]:
    least, mean, most = (float(printed[name]) for name in ("min", "mean", "max"))
    inside = least <= mean <= most
    whole = group.numbers("latency")
    others = "; both are those of whole requests" if all(printed[name] == whole.get(name) for name in EDGES) else ""
    formula = f"{printed['min']} ≤ {printed['mean']} ≤ {printed['max']}"
    note = "" if inside else f"no mean is less than the least or more than the greatest{others}"
    yield Check(
        "mean within its range", f"{group.words}, {metric}", formula, AGREES if inside else DISAGREES,
        Rounded(least, least, most), group.unit(metric), printed["mean"], note,
    )  # fmt: skip


def floors(paper: Paper) -> Iterator[Check]:
    """Whether there were samples enough for each printed percentile, at 99 % confidence."""
    for group in paper.groups:
        count = group.text("responses", "count")
        for metric in ("latency", "char_throughput"):
            for name in group.numbers(metric):
                match = re.fullmatch(r"p([1-9]\d?)", name)
                if match:
                    floor = floor_of(int(match[1]))
                    least = int(count) if count else 1
                    short = TOO_FEW if count else UNTOLD
                    yield Check(
                        "samples for a percentile", f"{group.words}, {metric} {name}",
                        f"{name} needs {floor} sample{'s' if floor > 1 else ''}", AGREES if least >= floor else short,
                        None, "samples", count or "", "" if least >= floor or count else UNSAID,
                    )  # fmt: skip


def repeats(paper: Paper) -> Iterator[Check]:
    """Whether there were repeats enough for an interval at 95 %: six."""
    for group in paper.groups:
        times = [float(text) for name, text in group.numbers("wall_time").items() if name.startswith("iteration")]
        if times and median_interval(times).low is None:
            yield Check(
                "repeats for an interval", group.words, "a 95 % interval needs 6 repeats", TOO_FEW, None, "repeats",
                str(len(times)),
            )  # fmt: skip


CHECKS = (in_flight, order, floors, repeats)
