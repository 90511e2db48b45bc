"""What was fastest, in sentences: the best median of each task, and what the test can't tell from it."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from cotejo.difference import difference, standing
from cotejo.figures.select import row_labels
from cotejo.labels import level_label, load_label
from cotejo.report.answers_pairs import companions
from cotejo.report.answers_runs import Row, Run, amount, counted, listed, quantity, task_label, values

# Labels say these by other means, or not at all: what all that is compared has alike.
_NOT_IN_LABELS = ("load", "inputs", "level", "weights", "scale", "compute_precision", "device")


class Result(NamedTuple):
    """One headline value: of a run, and of one load level where it has several."""

    run: Run
    level: str
    row: Row


class Best(NamedTuple):
    """The best of what does one work."""

    best: Result
    beside: Sequence[Row]  # what else there is to know of it: latencies under its load, the memory of a training
    others: Sequence[Result]
    open: Sequence[Result]  # those of the others that it is not proven to be better than


def best_of_each(runs: Sequence[Run]) -> list[Best]:
    """The best headline of each task, model and data set. Of open loads none: their rate is what was asked for."""
    groups: dict[tuple[str, ...], list[Result]] = {}
    for run in runs:
        for level, row in _results(run):
            groups.setdefault((*run.work, run.row["model"], row["metric"]), []).append(Result(run, level, row))
    return [_best(members) for members in groups.values()]


def _results(run: Run) -> Iterator[tuple[str, Row]]:
    """The headline of each closed level, or of the first level in process."""
    if run.row["load"] == "open":
        return
    levels = [*run.levels.items()]
    for level, rows in levels if run.row["load"] else levels[:1]:
        row = next(iter(rows.values()))
        if row["source"] in ("samples", "client"):
            yield level, row


def _best(members: Sequence[Result]) -> Best:
    sign = 1 if members[0].row["better"] == "higher" else -1
    best = max(members, key=lambda one: sign * one.row["median"])
    others = [one for one in members if one is not best]
    rows = best.run.levels[best.level]
    beside = [rows[name] for name in companions(best.run.row, [*rows]) if name != best.row["metric"]]
    return Best(best, beside, others, [one for one in others if _test(best.row, one.row) != "faster"])


def _test(best: Row, other: Row) -> str | None:
    """The best one's standing to another; None where there are too few repeats to tell, or values without a ratio."""
    if not all(value > 0 for row in (best, other) for value in values(row)):
        return None
    found = difference(values(other), values(best))
    return None if found.low is None else standing(found, best["better"])


def sentence(found: Best, worth: str) -> str:
    """The best of one work: its value with its interval, and what the test can't tell from it."""
    row, members = found.best.row, [found.best, *found.others]
    labels = dict(zip(map(id, members), _labels(members), strict=True))
    label = labels[id(found.best)]
    named = "" if label == row["model"] else label
    load = load_label(row["load"]) if row["load"] == "closed" else ""
    what = ", ".join(filter(None, [task_label(row["task"]), row["model"], load]))
    value = amount(row) if row["better"] == "higher" else f"{quantity(row['metric'])} {amount(row)}"
    value += "".join(f", {quantity(one['metric'])} {amount(one)}" for one in found.beside) + worth
    if not found.others:
        reached = f"{label} reached {value}" if row["better"] == "higher" else ": ".join(filter(None, [named, value]))
        return f"{what}: {reached}."
    if not found.open:
        return f"{what}: {label} was the fastest of {counted(len(members), 'result')}: {value}."
    tested = [one for one in found.open if _test(found.best.row, one.row) is not None]
    parts = [f"{what}: {label} had the best median of {counted(len(members), 'result')}: {value}"]
    if tested:
        parts.append(f"not told apart from it: {listed([labels[id(one)] for one in tested], 3)}")
    if len(tested) < len(found.open):
        rest = [labels[id(one)] for one in found.open if not any(one is other for other in tested)]
        parts.append(f"too few repeats to tell it from {listed(rest, 3) if tested else 'the others'}")
    return f"{'; '.join(parts)}."


def further_best(count: int) -> str:
    """What is said of works that no sentence is of; empty where there are none."""
    return f"The best of {counted(count, 'further kind')} of work stands under Results." if count else ""


def _labels(members: Sequence[Result]) -> list[str]:
    """Each one's block, what tells it from others of the work, and the load level where it has several."""
    rows = [one.row for one in members]
    told = [label.replace(" · ", ", ") for label in row_labels(rows, (), _NOT_IN_LABELS)]
    names = {row["name"] for row in rows}
    levels = {one.level for one in members if one.row["load"]}
    labels = []
    for one, what in zip(members, told, strict=True):
        block = one.row["name"]
        label = block if what in ("", block) else what if len(names) == 1 else f"{block} ({what})"
        labels.append(f"{label} at {level_label(one.level)}" if len(levels) > 1 else label)
    return labels
