"""How what was measured stands to what was published, and what it costs, in sentences."""

import math
from collections import Counter
from collections.abc import Iterator, Sequence

import pandas as pd

from cotejo.cost_pairs import Pair, pairs
from cotejo.cost_rows import MEASURED
from cotejo.cost_words import share, shares
from cotejo.difference import difference
from cotejo.equivalence import NOT_COMPARABLE, REPRODUCED
from cotejo.figures.select import row_labels
from cotejo.labels import TIMES, number
from cotejo.report.answers_runs import Row, counted, listed, quantity, task_label
from cotejo.report.answers_worth import Common
from cotejo.report.results import interval, parts
from cotejo.standing import NOT_MEASURED, OF_PUBLISHED, WORDS

_OVERLAY = "under an overlay"
_BEYOND = ("faster", "slower", "less", "more")


def published(comparison: pd.DataFrame, tolerance_percent: float) -> Iterator[str]:
    """How many published values are reproduced, how many aren't and which way, and why the others can't be told."""
    rows: list[Row] = [*comparison.to_dict("records")]  # type: ignore[list-item]
    if not rows:
        return
    found = Counter(row["standing"] for row in rows)
    parts = []
    for word in WORDS:
        if found[word]:
            within = f" within {tolerance_percent:g}\u00a0%" if word == REPRODUCED else ""
            verb = "is" if found[word] == 1 else "are"
            why = (
                _why([row for row in rows if row["standing"] == word]) if word in (NOT_COMPARABLE, NOT_MEASURED) else ""
            )
            parts.append(f"{found[word]} {verb} {word}{within}{why}")
    distinct = len({tuple(row[key] for key in OF_PUBLISHED) for row in rows})
    what = counted(len(rows), "published value")
    if distinct < len(rows):
        what = f"{counted(len(rows), 'comparison')} with {counted(distinct, 'published value')}"
    yield f"Of {what} {listed(parts, len(WORDS))}."
    for word in _BEYOND:
        beyond = [row for row in rows if row["standing"] == word]
        if beyond:
            farthest = max(beyond, key=lambda row: abs(math.log(row["ratio"])))
            yield f"{word.capitalize()} than published{' by most' if len(beyond) > 1 else ''}: {_beside(farthest)}."


def _why(rows: Sequence[Row]) -> str:
    """The reasons of rows, in brackets: those that all have, or else the commonest."""
    found = Counter(reason.split(":")[0] if reason.startswith(_OVERLAY) else reason for reason in _reasons(rows))
    shared = [reason for reason, count in found.items() if count == len(rows)]
    told = shared or [f"{reason}: {count}" for reason, count in found.most_common(3)]
    return f" ({'; '.join(told)})" if told else ""


def _reasons(rows: Sequence[Row]) -> list[str]:
    return [reason for row in rows for reason in parts(row["reasons"])]


def _beside(row: Row) -> str:
    between = interval(row["ratio_low"], row["ratio_high"])
    ratio = f"{number(row['ratio'])}\u00a0{TIMES}, 95\u00a0% interval {between}"
    what = f"{row['name']}, {quantity(row['metric'])}, on {row['system']}"
    return f"{what}: {number(row['median'])} against {number(row['published'])}\u00a0{row['unit']}, {ratio}"


def costs(cost: pd.DataFrame, common: Common) -> Iterator[str]:
    """The cheapest of each work that has a price, and from how busy on the owned machine of a pair pays."""
    rows: list[Row] = [*cost.to_dict("records")]  # type: ignore[list-item]
    priced = [row for row in rows if not math.isnan(row["usd"])]
    groups: dict[tuple[str, ...], list[Row]] = {}
    for row in priced:
        groups.setdefault(tuple(row[key] for key in ("basis", "task", "model", "weights", "scale", "per")), []).append(
            row
        )
    measured = {key[1:3] for key in groups if key[0] == MEASURED}
    told = [
        _cheapest(members, basis == MEASURED, common)
        for (basis, task, model, *_), members in groups.items()
        if len(members) > 1 and (basis == MEASURED or (task, model) not in measured)
    ]
    told += _break_even(pairs(priced))
    if told:
        told[-1] += " What costs are counted with stands under Costs."
    yield from told


def _cheapest(members: Sequence[Row], measured: bool, common: Common) -> str:
    """The cheapest of one work; of measured ones those too that the test can't tell from it."""
    best = min(members, key=lambda row: row["usd"])
    labels = dict(zip(map(id, members), _labels(members), strict=True))
    what = f"{task_label(best['task'])}, {best['model']}: by {'these' if measured else 'the published'} rates"
    between = interval(best["usd_low"], best["usd_high"])
    usd = f"{number(best['usd'])}\u00a0USD{f' ({between})' if between else ''}"
    alike = [labels[id(row)] for row in members if row is not best and measured and not _dearer(row, best)]
    also = f"; not told apart from it, or too few repeats to tell: {listed(alike, 3)}" if alike else ""
    label = labels[id(best)]
    claim = (
        f"the lowest median cost per {best['per']} is that of {label}"
        if alike
        else f"{label} costs least per {best['per']}"
    )
    worth = common.worth([best]) if measured else ""
    return f"{what} {claim}: {usd}{worth}{also}."


def _dearer(row: Row, best: Row) -> bool:
    """Whether the test says that a unit of work costs more by this row than by the best: price times time."""
    usd = [[one["usd"] * _time(one, float(text)) for text in one["values"].split()] for one in (best, row)]
    found = difference(*usd) if all(usd) else None
    return found is not None and found.low is not None and found.low > 1


def _time(row: Row, value: float) -> float:
    """How long a unit of work took in one repeat, over how long it took at the median."""
    return float(row["median"] / value if row["better"] == "higher" else value / row["median"])


def _labels(members: Sequence[Row]) -> list[str]:
    told = row_labels(members, ("machine",), ("system", "load", "inputs", "compute_precision", "device"))
    return [label.replace(" · ", ", ") for label in told]


def _break_even(of_same_work: Sequence[Pair]) -> list[str]:
    """From how busy on owning pays, by the first pair of the same work; empty where there is none."""
    if not of_same_work:
        return []
    pair = of_same_work[0]
    owned, rented = pair.owned["machine"], pair.rented["machine"]
    settings = ", ".join(filter(None, (pair.owned[column] for column in ("backend", "precision"))))
    what = f"{pair.owned['name']}{f' ({settings})' if settings else ''}"
    if len(of_same_work) > 1:
        what += f", the first of {len(of_same_work)} pairs of the same work"
    point = pair.break_even()
    if point > 1:
        return [f"For {what}: owning {owned} never costs less than renting {rented}."]
    between = shares(*pair.interval)
    told = f" ({between} by the intervals of both rates)" if between else ""
    return [
        f"For {what}: owning {owned} costs less than renting {rented} once it works {share(point)} of the time{told}."
    ]
