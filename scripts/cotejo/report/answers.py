"""The answers at the top of a report: what a reader wants to know first, in sentences made from the tables alone.

A difference is only claimed where the test on repeats makes it (`cotejo.difference`); what holds of all numbers is said
once, on top; what holds of some, beside them.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from cotejo.environment import merge_key
from cotejo.files import digest
from cotejo.report.answers_beside import costs, published
from cotejo.report.answers_best import best_of_each, further_best
from cotejo.report.answers_best import sentence as best_sentence
from cotejo.report.answers_effects import chosen, remaining
from cotejo.report.answers_effects import sentence as effect_sentence
from cotejo.report.answers_pairs import pairs, rows_of
from cotejo.report.answers_runs import Row, Sheet, in_one_environment, measured_runs
from cotejo.report.answers_worth import cautions, common_of, failures, gaps, results_of

MOST = 8  # sentences on what was measured, and how it differs
MOST_BEST = 4


def answers(
    study: Mapping[str, Any],
    sheet: Sheet,
    summary: pd.DataFrame,
    comparison: pd.DataFrame | None = None,
    cost: pd.DataFrame | None = None,
    environments: Mapping[str, Mapping[str, Any]] | None = None,
) -> list[dict[str, str]]:
    """What can be answered of a study, most telling first: a `topic` and a `text`, which is plain and unescaped.

    `study` has its tolerance_percent; `sheet`, `summary`, `comparison` and `cost` are as `read_sheet`, `read_summary`,
    `read_standings` and `read_cost` give them; `environments` as `environments_of` does.
    """
    rows: list[Row] = [*summary.to_dict("records")]  # type: ignore[list-item]
    runs = measured_runs(rows, sheet)
    results = results_of(runs)
    common = common_of(results)
    all_best = best_of_each(runs)
    best = all_best[:MOST_BEST]
    found = pairs(in_one_environment(runs), environments or {})
    told = chosen(found, MOST - len(best))
    texts = {
        "caution": cautions(results, common),
        "difference": (effect_sentence(pair, runs, common.worth(rows_of(pair))) for pair in told),
        "best": (best_sentence(one, common.worth([one.best.row])) for one in best),
        "published": published(comparison, study["tolerance_percent"]) if comparison is not None else (),
        "cost": costs(cost, common) if cost is not None else (),
        "failures": failures(rows),
        "gaps": gaps(rows),
        "further": filter(None, [further_best(len(all_best) - len(best)), remaining(found, told)]),
    }
    return [{"topic": topic, "text": text} for topic, sentences in texts.items() for text in sentences]


def environments_of(records: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """The merge key of each kind of environment that records were made in, by the digest that a summary has of it."""
    keys = [merge_key(record) for record in records]
    return {digest(key, 6): key for key in keys}
