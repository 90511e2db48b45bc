"""What differs, in sentences: of all pairs those that matter, each with its interval, and how many more there are."""

from collections.abc import Iterable, Sequence

from cotejo.difference import LEAST_REPEATS, LEVEL
from cotejo.labels import HERE, TIMES, level_label, number
from cotejo.report import answers_pairs
from cotejo.report.answers_pairs import Effect, Pair
from cotejo.report.answers_runs import (
    AXES,
    WITH_OPTIONS,
    Run,
    counted,
    listed,
    part,
    quantity,
    task_label,
)

# What a sentence names of its pair where runs of the task differ in it. What the axis is comes with the two names.
_CONTEXT = ("model", "server", "backend", "provider", "precision", "client", "accelerators", "split", "cores", "system")
_PLURALS = ("cores", "GPUs", "processes", "nodes")
_LEAST_TELLING = "model"  # that a larger model takes longer is no news


def chosen(pairs: Sequence[Pair], most: int) -> list[Pair]:
    """The pairs that matter most: of each task and axis the largest settled effect, or else one that isn't settled.

    Settled ones first, larger ones first; those that differ in the model last.
    """
    buckets: dict[tuple[str, str], list[Pair]] = {}
    for pair in pairs:
        if pair.effects[0].testable:
            buckets.setdefault((pair.reference.row["task"], pair.axis), []).append(pair)
    heads = [min(members, key=_rank) for members in buckets.values()]
    return sorted(heads, key=_rank)[:most]


def _rank(pair: Pair) -> tuple[bool, bool, float]:
    effect = pair.effects[0]
    return (not effect.settled, pair.axis == _LEAST_TELLING, -effect.size)


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
        shown = [part("accelerators", run.settings)]
    return ", ".join(dict.fromkeys(filter(None, shown)))


def _also(pair: Pair) -> str:
    """What differs beside the axis: the options that came with it."""
    if pair.axis not in (*WITH_OPTIONS, answers_pairs.NAME):
        return ""
    unlike = [
        f"{key} {before or 'not set'} against {after or 'not set'}"
        for key, (before, after) in pair.options.items()
        if pair.axis == answers_pairs.NAME or (before and after)
    ]
    return f" They also differ in {listed(unlike)}." if unlike else ""


def context(pair: Pair, runs: Iterable[Run]) -> str:
    """What the two have alike, as far as runs of their task differ in it: "Text generation, int8, 4 at once"."""
    one, other = pair.reference, pair.candidate
    of_task = [run for run in runs if run.row["task"] == one.row["task"]]
    shown = []
    for column in _CONTEXT:
        text = part(column, one.settings)
        alike = one.settings.get(column, "") == other.settings.get(column, "")
        if alike and len({run.settings.get(column, "") for run in of_task}) > 1:
            shown.append(text)
    if pair.axis == answers_pairs.LEVEL and len({run.row["name"] for run in of_task}) > 1:
        shown.insert(0, one.row["name"])
    if pair.axis != answers_pairs.LEVEL and one.row["load"] in ("closed", "open"):
        shown.append(level_label(pair.level))
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
    """What is said of the pairs that no sentence tells of; empty where there are none."""
    others = [pair for pair in pairs if not any(pair is one for one in shown)]
    if not others:
        return ""
    settled = sum(pair.effects[0].settled for pair in others)
    untestable = sum(not pair.effects[0].testable for pair in others)
    kinds = {
        "settled": settled,
        "not told apart": len(others) - settled - untestable,
        f"with fewer than {LEAST_REPEATS} repeats on a side": untestable,
    }
    shares = {kind: count for kind, count in kinds.items() if count}
    told = listed([counted(count, kind, kind) for kind, count in shares.items()])
    text = counted(len(others), "further comparison" if shown else "comparison")
    text += f", each {next(iter(shares))}" if len(shares) == 1 else f": {told}"
    tested = sum(pair.effects[0].testable for pair in pairs)
    if tested < 2:
        return f"{text}. The values stand under Results."
    return (
        f"{text}. The values stand under Results. Each interval and each test holds by itself: where nothing differs, "
        f"one test in {1 / LEVEL:.0f} still says so, and {tested} were made."
    )
