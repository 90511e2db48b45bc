"""What differs, in sentences: of all pairs those that matter, each with its interval, and how many more there are."""

from collections import Counter
from collections.abc import Iterable, Sequence

from cotejo.difference import LEAST_REPEATS, LEVEL
from cotejo.labels import HERE, TIMES, level_label, load_label, number
from cotejo.report import answers_pairs
from cotejo.report.answers_pairs import Effect, Pair
from cotejo.report.answers_runs import (
    AXES,
    Run,
    counted,
    listed,
    part,
    quantity,
    task_label,
)

# What a sentence names of its pair where runs of the task differ in it. What the axis is comes with the two names.
_CONTEXT = ("model", "server", "backend", "provider", "precision", "client", "accelerators", "split", "cores", "system")
_KINDS = (
    "settled",
    "settled only by its own test, as chance settles some of so many",
    "not told apart",
    f"with fewer than {LEAST_REPEATS} repeats on a side",
)
_PLURALS = ("cores", "GPUs", "processes", "nodes")
_LEAST_TELLING = (answers_pairs.LEVEL, "model")  # that more at once, or a larger model, takes longer is no news


def held(pairs: Sequence[Pair]) -> list[Pair]:
    """The settled pairs that stay so over all tests made: of these, one in 20 is expected to be false at most.

    The largest of many effects is often the luckiest. Source: Benjamini and Hochberg 1995, "Controlling the false
    discovery rate", Journal of the Royal Statistical Society B 57:289. They hold for tests that share a reference too:
    Benjamini and Yekutieli 2001, Annals of Statistics 29:1165.
    """
    tested = sorted(pair.effects[0].found.p for pair in pairs if pair.effects[0].testable)
    bounds = [p for rank, p in enumerate(tested, 1) if p <= LEVEL * rank / len(tested)]
    most = max(bounds, default=-1.0)
    return [pair for pair in pairs if pair.effects[0].settled and pair.effects[0].found.p <= most]


def chosen(pairs: Sequence[Pair], most: int) -> list[Pair]:
    """The pairs that matter most: of each task and axis the largest effect that holds, or else the first not settled.

    Those that hold come first, the larger first; those that differ in the load or the model last.
    """
    holding = {id(pair) for pair in held(pairs)}

    def rank(pair: Pair) -> tuple[bool, bool, float]:
        holds = id(pair) in holding
        return (not holds, pair.axis in _LEAST_TELLING, -pair.effects[0].size if holds else 0.0)

    buckets: dict[tuple[str, str], list[Pair]] = {}
    for pair in pairs:
        effect = pair.effects[0]
        if id(pair) in holding or (effect.testable and not effect.settled):
            buckets.setdefault((pair.reference.row["task"], pair.axis), []).append(pair)
    return sorted((min(members, key=rank) for members in buckets.values()), key=rank)[:most]


def sentence(pair: Pair, runs: Iterable[Run], worth: str) -> str:
    """One pair: which of the two was faster, how many times, and the interval; `worth` is what must be said of it."""
    told, *companions = pair.effects
    reference, candidate = names(pair)
    ratio = f"{_times(told)} the {quantity(told.candidate['metric'])} ({_against(told)})"
    if pair.axis == answers_pairs.LEVEL:
        claim = f"{candidate} against {reference}: {ratio}{'' if told.settled else ', not told apart'}"
    elif told.settled:
        verb = "were" if candidate.endswith(_PLURALS) else "was"
        claim = f"{candidate} {verb} {told.word} than {reference}: {ratio}"
    else:
        claim = f"{reference} and {candidate} could not be told apart: {ratio}"
    parts = [
        f"{claim}, 95\u00a0% interval {_interval(told)}, {_repeats(told)}",
        *(_clause(effect) for effect in companions),
    ]
    return f"{context(pair, runs)}: {'; '.join(parts)}{worth}.{_also(pair)}"


def _interval(effect: Effect) -> str:
    """The ends of a ratio's interval, or why there is none."""
    low, high = effect.found.low, effect.found.high
    return "too few repeats for an interval" if low is None or high is None else f"{number(low)} to {number(high)}"


def names(pair: Pair) -> tuple[str, str]:
    """What the two are called: by what differs, and by their blocks where those differ."""
    if pair.axis == answers_pairs.LEVEL:
        return level_label(pair.reference_level), level_label(pair.level)
    before, after = _of_axis(pair, 0), _of_axis(pair, 1)
    blocks = [run.row["name"] for run in (pair.reference, pair.candidate)]
    if blocks[0] == blocks[1]:
        return before, after
    return _named(blocks[0], before), _named(blocks[1], after)


def _named(block: str, what: str) -> str:
    return block if what in ("", block) else f"{block} ({what})"


def _of_axis(pair: Pair, side: int) -> str:
    run, other = (pair.reference, pair.candidate) if side == 0 else (pair.candidate, pair.reference)
    if pair.axis == answers_pairs.OPTIONS:
        return ", ".join(f"{key} {both[side] or 'not set'}" for key, both in pair.options.items())
    axes = AXES if pair.axis == answers_pairs.NAME else [pair.axis]
    shown = [
        part(column, run.settings)
        for axis in axes
        for column in AXES[axis]
        if run.settings.get(column, "") != other.settings.get(column, "") and column not in ("device", "api")
    ]
    if pair.axis == "machine" and not run.row["origin"] and other.row["origin"]:
        shown.append(HERE)
    if pair.axis == "placement" and not any(shown):
        accelerators = [part("accelerators", one.settings) for one in (run, other)]
        shown = ["not divided"] if accelerators[0] == accelerators[1] else accelerators[:1]
    return ", ".join(dict.fromkeys(filter(None, shown)))


def _also(pair: Pair) -> str:
    """What differs beside the axis that the names tell of."""
    if pair.axis == answers_pairs.OPTIONS or not pair.options:
        return ""
    unlike = [f"{key} {one or 'not set'} against {other or 'not set'}" for key, (one, other) in pair.options.items()]
    return f" They also differ in {listed(unlike)}."


def context(pair: Pair, runs: Iterable[Run]) -> str:
    """What the two have alike, as far as runs of their task differ in it: "Text generation, int8, 4 at once"."""
    one, other = pair.reference, pair.candidate
    alike = [run for run in runs if run.row["task"] == one.row["task"]]
    shown = []
    # A block's load levels are told by its name alone; else each setting is told that those before leave open.
    for column in ("model", "name") if pair.axis == answers_pairs.LEVEL else _CONTEXT:
        mine, theirs = (str(run.settings.get(column) or run.row.get(column, "")) for run in (one, other))
        if mine == theirs and len({run.row[column] for run in alike}) > 1:
            shown.append(mine if column == "name" else part(column, one.settings))
            alike = [run for run in alike if run.row[column] == one.row[column]]
    if pair.axis != answers_pairs.LEVEL and one.row["load"] in ("closed", "open"):
        shown += [load_label(one.row["load"]), level_label(pair.level)]
    elif pair.axis == answers_pairs.LEVEL:
        shown.append(load_label(one.row["load"]))
    return ", ".join(dict.fromkeys(filter(None, [task_label(one.row["task"]), *shown])))


def _times(effect: Effect) -> str:
    return f"{number(effect.found.ratio)}\u00a0{TIMES}"


def _against(effect: Effect) -> str:
    candidate, reference = effect.candidate, effect.reference
    return f"{number(candidate['median'])} against {number(reference['median'])}\u00a0{candidate['unit']}"


def _repeats(effect: Effect) -> str:
    counts = [f"{row['repeats']:.0f}" for row in (effect.reference, effect.candidate)]
    return f"n\u00a0=\u00a0{' and '.join(dict.fromkeys(counts))}"


def _clause(effect: Effect) -> str:
    """A further metric of the same pair."""
    what = quantity(effect.candidate["metric"])
    told = f"{_times(effect)} the {what} ({_interval(effect)})"
    return told if effect.settled or not effect.testable else f"{told}, not told apart"


def remaining(pairs: Sequence[Pair], shown: Sequence[Pair]) -> str:
    """What is said of the pairs that no sentence tells of, and of all tests together; empty where there are none."""
    holding = {id(pair) for pair in held(pairs)}
    others = Counter(_kind(pair, id(pair) in holding) for pair in pairs if not any(pair is one for one in shown))
    parts = []
    if others:
        parts.append(counted(others.total(), "further comparison" if shown else "comparison"))
        told = [counted(others[kind], kind, kind) for kind in _KINDS if others[kind]]
        each = "each " if others.total() > 1 else ""
        parts[0] += f", {each}{next(iter(others))}" if len(others) == 1 else f": {listed(told)}"
        parts[0] += ". The values stand under Results."
    tested = sum(pair.effects[0].testable for pair in pairs)
    if tested > 1:
        parts.append(
            f"{tested} differences were tested; of those claimed at most one in {1 / LEVEL:.0f} is expected to be "
            "false (Benjamini and Hochberg 1995), while each interval holds by itself."
        )
    return " ".join(parts)


def _kind(pair: Pair, holds: bool) -> str:
    effect = pair.effects[0]
    if not effect.testable:
        return _KINDS[3]
    return _KINDS[0] if holds else _KINDS[1] if effect.settled else _KINDS[2]
