"""What follows from the rows and no document prints: speed-ups with their base, spreads, costs of placements."""

from collections.abc import Iterator
from typing import NamedTuple

from cotejo.difference import difference
from cotejo.labels import TIMES, number
from cotejo.published.check import DERIVED, TOO_FEW, UNTOLD, Check
from cotejo.published.groups import PLACEMENT, Group, Paper, alike
from cotejo.published.rounding import cut, exact, rounded
from cotejo.verdict import Evidence
from cotejo.verdict.steady import THRESHOLDS, cold_first_repeat


class Speed(NamedTuple):
    """A printed figure that tells how fast something is."""

    metric: str
    statistic: str
    lower_is_better: bool
    words: str


SPEEDS = (
    Speed("inference_rate", "mean", False, "inferences/s"),
    Speed("request_throughput", "mean", False, "requests/s"),
    Speed("latency", "mean", True, "mean latency"),
    Speed("train_time", "approx", True, "training time"),
)
# What a comparison of two blocks of a study is about, or what only says how long it takes.
NOT_COMPARED = ("name", "device", *PLACEMENT, "concurrency", "timeout_s")


def speed_ups(paper: Paper) -> Iterator[Check]:
    """Each placement against one GPU, all else alike as far as the rows tell, and what else the study says differs."""
    for family in alike(paper.groups, PLACEMENT):
        for speed in SPEEDS:
            asked = [group for group in family if _asks(group, speed) and not _closed(group, speed)]
            base = next((group for group in asked if group.accelerators == 1), None)
            yield from (_speed_up(paper, group, base, speed) for group in asked if group is not base)


def _asks(group: Group, speed: Speed) -> bool:
    """Whether the document has a row for it, be it without a number."""
    return any((row["metric"], row["statistic"]) == speed[:2] for row in group.rows)


def _closed(group: Group, speed: Speed) -> bool:
    """Whether so many requests are kept in flight that its latency says the same as its throughput."""
    return speed.metric == "latency" and bool(group.what["concurrency"])


def _speed_up(paper: Paper, group: Group, base: Group | None, speed: Speed) -> Check:
    what = f"speed-up, {speed.words}"
    if base is None:
        return Check(what, group.words, "base: 1 GPU", UNTOLD, note="the document has no such row of 1 GPU")
    own, other = (one.figure(speed.metric, speed.statistic) for one in (group, base))
    if own is None or other is None:
        lacks = group if own is None else base
        return Check(what, group.words, f"base: {base.words}", UNTOLD, note=f"no number is printed of {lacks.words}")
    above, below = (other, own) if speed.lower_is_better else (own, other)
    notes = [f"base: {base.words}"]
    if (group.accelerators or 0) > 1:
        notes.append(f"{number(100 * (above / below).value / int(group.what['accelerators']))} % of each GPU")
    unlike = differing(paper, group, base)
    if unlike:
        notes.append(f"not like for like: {', '.join(unlike)} differ too")
    formula = f"{above.value:g} / {below.value:g} {group.unit(speed.metric)}"
    return Check(what, group.words, formula, DERIVED, above / below, TIMES, note="; ".join(notes))


def differing(paper: Paper, one: Group, other: Group) -> list[str]:
    """The settings in which the study's blocks of two groups differ, the placement apart."""
    mine, its = (paper.blocks.get(group.run, {}) for group in (one, other))
    return [key for key in {**mine, **its} if key not in NOT_COMPARED and mine.get(key) != its.get(key)]


def tested(paper: Paper) -> Iterator[Check]:
    """Whether the iterations can tell a placement from one GPU, by the test that a comparison of ours must pass."""
    for family in alike(paper.groups, PLACEMENT):
        base = next((group for group in family if group.accelerators == 1), None)
        for group in family:
            if base is None or group is base:
                continue
            own, other = (_passes_s(one) for one in (group, base))
            if own and other:
                found = difference(other, own)
                told = DERIVED if found.low is not None else TOO_FEW
                note = f"base: {base.words}; exact Mann-Whitney test: p = {found.p:.2g}, and 0.05 is asked for"
                yield Check(
                    "difference by a test on iterations", group.words, f"{len(own)} against {len(other)} iterations",
                    told, exact(found.ratio), f"{TIMES} the time", note=note,
                )  # fmt: skip


def _passes_s(group: Group) -> list[float]:
    """The times of a group's iterations, in their order."""
    return [float(text) for name, text in group.numbers("wall_time").items() if name.startswith("iteration")]


def saturation(paper: Paper) -> Iterator[Check]:
    """What more requests at once bring: the highest throughput against that of the fewest."""
    for family in alike(paper.groups, ("concurrency",)):
        rates = [
            (int(group.what["concurrency"]), group, rate)
            for group in family
            if (rate := group.figure("request_throughput", "mean")) and group.what["concurrency"]
        ]
        if len(rates) < 2:
            continue
        _, fewest, base = min(rates, key=lambda item: item[0])
        _, best, highest = max(rates, key=lambda item: item[2].value)
        yield Check(
            "more requests at once", best.words, f"{highest.value:g} / {base.value:g} requests/s", DERIVED,
            highest / base, TIMES, note=f"the highest of {len(rates)} levels; base: {fewest.words}",
        )  # fmt: skip


def spreads(paper: Paper) -> Iterator[Check]:
    """How far the iterations lie apart, whether the first was cold, and the rate without it."""
    for group in paper.groups:
        times = {name: text for name, text in group.numbers("wall_time").items() if name.startswith("iteration")}
        if len(times) < 2:
            continue
        values = [float(text) for text in times.values()]
        cold = cold_first_repeat(Evidence([], "", [], values, "lower"), THRESHOLDS)
        slowest, fastest = max(times.values(), key=float), min(times.values(), key=float)
        yield Check(
            "slowest over fastest iteration", group.words, f"{slowest} / {fastest} s", DERIVED,
            cut(slowest) / cut(fastest), TIMES, note="; ".join(finding.reason for finding in cold),
        )  # fmt: skip
        pairs = group.text("pairs", "count")
        if cold and pairs:
            others = list(times.values())[1:]
            found = exact(float(pairs) * len(others)) / exact(sum(map(float, others)))
            yield Check(
                "rate without the cold iteration", group.words, f"{pairs} / mean of {', '.join(others)} s", DERIVED,
                found, group.unit("inference_rate"),
                note=f"the document's mean has it in: {group.text('inference_rate', 'mean')}",
            )  # fmt: skip


def training(paper: Paper) -> Iterator[Check]:
    """What dividing a training costs and saves: GPU-time, and the memory of each GPU against one alone."""
    for family in alike(paper.groups, PLACEMENT):
        base = next((group for group in family if group.accelerators == 1), None)
        for group in family:
            time_s, gpus = group.figure("train_time", "approx"), group.accelerators
            if time_s is not None and gpus:
                formula = f"{gpus} {TIMES} {time_s.value:g} s / 3600"
                found = time_s.times(exact(gpus)) / exact(3600)
                yield Check("GPU-hours of a training", group.words, formula, DERIVED, found, "GPU-h")
            if base is None or group is base:
                continue
            own, alone = (one.figure("gpu_memory_per_node", "peak") for one in (group, base))
            if own is not None and alone is not None:
                formula = f"{own.value:g} / {alone.value:g} {group.unit('gpu_memory_per_node')}"
                note = f"base: {base.words}"
                yield Check("memory of each GPU", group.words, formula, DERIVED, own / alone, TIMES, note=note)
            elif own is not None:
                text = next(row["value"] for row in base.rows if row["metric"] == "gpu_memory_per_node")
                note = f"base: {base.words}, printed as {text}"
                yield Check("memory of each GPU", group.words, "without a base", UNTOLD, own, "GB", note=note)


def connections(paper: Paper) -> Iterator[Check]:
    """How much of a mean request is the opening of connections, if each was opened once, and who waited for it."""
    for group in paper.groups:
        opening, mean = group.figure("connecting", "mean"), group.figure("latency", "mean")
        count, concurrency = group.text("responses", "count"), group.what["concurrency"]
        if opening is None or mean is None or count is None or not concurrency:
            continue
        once = opening.times(exact(float(count))) / exact(float(concurrency))
        yield Check(
            "connecting, of a mean request", group.words, f"{opening.value:g} / {mean.value:g} s", DERIVED,
            (opening / mean).times(exact(100)), "%",
            note=f"{number(once.value)} s for each of {concurrency} connections, if each was opened once",
        )  # fmt: skip
        median = group.figure("latency", "p50")
        if median is not None:
            bins = {name: text for name, text in group.numbers("responses").items() if name.startswith("up to")}
            edges = [float(name.split()[2]) for name in bins]
            slow = sum(
                int(text) for edge, text in zip([0.0, *edges], bins.values(), strict=False) if edge > 2 * median.value
            )
            note = f"there were {concurrency} connections"
            yield Check(
                "over twice the median", group.words, "of the histogram", DERIVED, exact(slow), "requests", note=note
            )


def logged_tokens(paper: Paper) -> Iterator[Check]:
    """Which load a server's log was written under: its tokens/s against what each load generated."""
    logs = [
        (group.words, row["value"])
        for group in paper.groups
        for row in group.rows
        if row["metric"] == "generation_throughput"
    ]
    for group in paper.groups:
        rate, tokens = group.figure("request_throughput", "mean"), group.text("answer_tokens", "max")
        if rate is None or tokens is None or not logs:
            continue
        found = rate.times(exact(float(tokens)))
        ratios = ", ".join(f"{float(text) / found.value:.2f}" for _, text in logs)
        formula = f"{rate.value:g} requests/s {TIMES} {tokens} tokens"
        note = f"the server's log says {' and '.join(text for _, text in logs)}: {ratios} times as many"
        yield Check("tokens/s under the load", group.words, formula, DERIVED, found, "tokens/s", note=note)


def snapshots(paper: Paper) -> Iterator[Check]:
    """What a single look at a GPU tells: how full its memory was, how near its power cap."""
    shares = {"gpu_memory_used": "gpu_memory_of", "gpu_power": "gpu_power_cap"}
    for group in paper.groups:
        for part, whole in shares.items():
            own, most = group.text(part, "snapshot"), group.text(whole, "snapshot")
            if own is not None and most is not None:
                found = (rounded(own) / rounded(most)).times(exact(100))
                formula = f"{own} / {most} {group.unit(part)}"
                yield Check(part, group.words, formula, DERIVED, found, "%", note="one look, at an arbitrary moment")


CHECKS = (speed_ups, tested, saturation, spreads, training, connections, logged_tokens, snapshots)
