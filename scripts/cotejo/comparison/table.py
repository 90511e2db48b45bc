"""The comparison: one row per run, load level and metric of two results folders, from their records.

Records are facts: both folders are read and judged alike, by this Cotejo. A summary.csv may be stale, may have been
judged by other thresholds, and need not be there.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from cotejo import record
from cotejo.difference import LEAST_REPEATS, difference, standing
from cotejo.environment import merge_key
from cotejo.errors import CotejoError
from cotejo.summary import read_attempt, summarise
from cotejo.summary_lines import SETTINGS as SUMMARY_SETTINGS
from cotejo.verdict import SEPARATOR

Row = Mapping[str, Any]

# What both sides of a row share; runs of two studies may be the same run.
SETTINGS = tuple(name for name in SUMMARY_SETTINGS if name != "study")
# What a row says of each side: of the run, and of its metric.
OF_RUN = ("system", "cpus", "environment", "failures", "verdict", "reasons")
OF_METRIC = ("repeats", "median", "low", "high")
METRIC = ("metric", "unit", "better")
COLUMNS = (
    "baseline", "candidate", *SETTINGS, "level", "source", *METRIC, "headline",
    *(f"{side}_{name}" for side in ("baseline", "candidate") for name in (*OF_RUN, *OF_METRIC)),
    "differs", "ratio", "ratio_low", "ratio_high", "p", "standing", "note", "marks",
)  # fmt: skip
COUNTS = tuple(f"{side}_{name}" for side in ("baseline", "candidate") for name in ("cpus", "failures", "repeats"))
NUMBERS = (
    *COUNTS, *(f"{side}_{name}" for side in ("baseline", "candidate") for name in ("median", "low", "high")),
    "ratio", "ratio_low", "ratio_high", "p",
)  # fmt: skip

NEWLY_FAILED = "newly failed"
NO_LONGER_FAILED = "no longer failed"
INDISTINGUISHABLE = "indistinguishable"


class Key(NamedTuple):
    """What a run of one folder and a run of the other have in common where they are compared."""

    run: str
    digest: str
    system: str  # empty where each folder has one system, whatever its name


@dataclass(frozen=True)
class Results:
    """A results folder's records, as the summary merges and judges them."""

    folder: str
    rows: Sequence[Row]  # those of cotejo.summary, None where blank
    settings: Mapping[tuple[str, str], Mapping[str, Any]]  # of each run, by id and digest
    merge_keys: Mapping[str, Mapping[str, Any]]  # of each environment

    @property
    def systems(self) -> list[str]:
        return sorted({row["system"] for row in self.rows})


def read_results(folder: Path, thresholds: Mapping[str, float]) -> Results:
    """A folder's records, all of them; CotejoError where one is damaged."""
    attempts = [read_attempt(path) for path in record.find(folder)]
    settings = {(run["id"], run["digest"]): run for run in (attempt.record["run"] for attempt in attempts)}
    rows = summarise(list(settings.values()), attempts, thresholds).astype(object)
    return Results(
        folder.as_posix(),
        rows.where(rows.notna(), None).to_dict("records"),  # type: ignore[arg-type]
        settings,
        {attempt.environment: merge_key(attempt.record) for attempt in attempts},
    )


def compare(baseline: Results, candidate: Results) -> pd.DataFrame:
    """The comparison's rows (columns COLUMNS), in the order of the baseline's runs.

    A run is matched by its id, the digest of its settings and, unless each folder has but one system, its system.
    CotejoError where the folders have several systems and none in common.
    """
    across = len(baseline.systems) == len(candidate.systems) == 1
    if not across and not set(baseline.systems) & set(candidate.systems):
        raise CotejoError(
            f"{candidate.folder}: systems {', '.join(candidate.systems)}: {baseline.folder} has none of them, but "
            f"{', '.join(baseline.systems)}. Copy the records of the one to be compared into a folder of their own"
        )
    before, after = _groups(baseline, across), _groups(candidate, across)
    rows: list[dict[str, Any]] = []
    for key in dict.fromkeys([*before, *after]):
        if key in before and key in after:
            rows += _run_rows(before[key], after[key], baseline, candidate)
        elif key in before:
            twin = _twin(key, before, after)
            rows.append(
                _run_row(_any(before[key]), None, "only in baseline")
                if twin is None
                else _run_row(_any(before[key]), _any(after[twin]), _unlike_settings(key, twin, baseline, candidate))
            )
        elif _twin(key, after, before) is None:
            rows.append(_run_row(None, _any(after[key]), "only in candidate"))
    facts = {"baseline": baseline.folder, "candidate": candidate.folder}
    table = pd.DataFrame([facts | row for row in rows], columns=list(COLUMNS))
    return table.astype(dict.fromkeys(COUNTS, "Int64"))


Groups = Mapping[Key, Mapping[str, Sequence[Row]]]  # a run's rows by environment


def _groups(results: Results, across: bool) -> Groups:
    groups: dict[Key, dict[str, list[Row]]] = {}
    for row in results.rows:
        key = Key(row["run"], row["digest"], "" if across else row["system"])
        groups.setdefault(key, {}).setdefault(row["environment"], []).append(row)
    return groups


def _any(environments: Mapping[str, Sequence[Row]]) -> Row:
    """A row that tells which run it is."""
    return next(iter(environments.values()))[0]


def _twin(key: Key, these: Groups, those: Groups) -> Key | None:
    """The other folder's run of the same id with other settings, where it can be no other."""

    def alone(groups: Groups, others: Groups) -> list[Key]:
        return [one for one in groups if one not in others and (one.run, one.system) == (key.run, key.system)]

    twins = alone(those, these)
    return twins[0] if len(alone(these, those)) == len(twins) == 1 else None


def _unlike_settings(key: Key, twin: Key, baseline: Results, candidate: Results) -> str:
    """In which settings two runs of one id differ: "unlike settings: duration_s 2 | 100"."""
    mine, other = baseline.settings[key.run, key.digest], candidate.settings[twin.run, twin.digest]
    names = [name for name in dict.fromkeys([*mine, *other]) if name not in ("digest", "study", "system")]
    unlike = [f"{name} {mine.get(name)} | {other.get(name)}" for name in names if mine.get(name) != other.get(name)]
    return f"unlike settings: {', '.join(unlike)}"


def _run_rows(
    before: Mapping[str, Sequence[Row]], after: Mapping[str, Sequence[Row]], baseline: Results, candidate: Results
) -> Iterator[dict[str, Any]]:
    """The rows of a run that both folders have.

    Several environments are paired like with like where both folders have the same ones. Otherwise which of them is
    meant can't be told, and a guess could compare the records that the reader had forgotten there.
    """
    if set(before) == set(after):
        pairs = [(environment, environment) for environment in before]
    elif len(before) == len(after) == 1:
        pairs = [(next(iter(before)), next(iter(after)))]
    else:
        counts = f"{' and '.join(before)} in baseline, {' and '.join(after)} in candidate"
        note = f"environments {counts}: leave in each folder the records of the one that is meant"
        yield _run_row(_any(before), _any(after), note)
        return
    for one, other in pairs:
        mine, theirs = baseline.merge_keys[one], candidate.merge_keys[other]
        differs = [name for name in mine if mine[name] != theirs.get(name)]
        for row in _pair_rows(before[one], after[other]):
            yield row | {"differs": ", ".join(differs)}


def _pair_rows(before: Sequence[Row], after: Sequence[Row]) -> Iterator[dict[str, Any]]:
    """The rows of two sets of records that each merge: one for a run or a level that failed, else one per metric."""
    if before[0]["level"] is None or after[0]["level"] is None:
        yield _failure_row(before[0], after[0], None)
        return
    for level in dict.fromkeys(row["level"] for row in chain(before, after)):
        mine = {row["metric"]: row for row in before if row["level"] == level}
        others = {row["metric"]: row for row in after if row["level"] == level}
        if mine and others and "failed" in (_first(mine)["verdict"], _first(others)["verdict"]):
            yield _failure_row(_first(mine), _first(others), level)
            continue
        for place, metric in enumerate(dict.fromkeys([*mine, *others])):
            row = _metric_row(mine.get(metric), others.get(metric))
            yield row | {"headline": "yes" if place == 0 else None}


def _first(rows: Mapping[str, Row]) -> Row:
    return next(iter(rows.values()))


def _metric_row(before: Row | None, after: Row | None) -> dict[str, Any]:
    """One metric of one level: compared, or with the note why it isn't."""
    if before is None or after is None:
        cells = _run_row(before, after, f"only in {'candidate' if before is None else 'baseline'}")
        return cells | _metric_cells(before, after)
    return _run_row(before, after, None) | _metric_cells(before, after) | _difference_cells(before, after)


def _difference_cells(before: Row, after: Row) -> dict[str, Any]:
    """Ratio, interval, p and standing of one metric that both sides have, as far as their values carry them."""
    blank = [side for side, row in (("baseline", before), ("candidate", after)) if row["values"] is None]
    if blank:
        return {"note": f"no value in {' and '.join(blank)}"}
    values = [[float(text) for text in row["values"].split()] for row in (before, after)]
    if not all(value > 0 for value in chain(*values)):
        return {"note": "no ratio: some values are zero"}
    found = difference(*values)
    cells = {"ratio": found.ratio, "ratio_low": found.low, "ratio_high": found.high, "p": found.p}
    if found.low is None:
        counts = f"{len(values[0])} in baseline, {len(values[1])} in candidate, least {LEAST_REPEATS}"
        return {"ratio": found.ratio, "standing": INDISTINGUISHABLE, "note": f"too few repeats: {counts}"}
    if before["source"] == "samples":  # a time or a rate
        return cells | {"standing": standing(found, before["better"])}
    word = standing(found, "higher")
    return cells | {"standing": {"faster": "more", "slower": "less"}.get(word, word)}


def _failure_row(before: Row, after: Row, level: str | None) -> dict[str, Any]:
    """A run or a level without a speed on one side, or on both."""
    failed = {side: row for side, row in (("baseline", before), ("candidate", after)) if row["verdict"] == "failed"}
    reasons = "; ".join(f"failed in {side}: {row['reasons']}" for side, row in failed.items())
    word = None if len(failed) == 2 else NEWLY_FAILED if "candidate" in failed else NO_LONGER_FAILED
    return _run_row(before, after, reasons) | {"level": level, "headline": "yes", "standing": word}


def _run_row(before: Row | None, after: Row | None, note: str | None) -> dict[str, Any]:
    """What any row says: which run it is, what each side made of it, and what a figure must say of it."""
    sides = {side: row for side, row in (("baseline", before), ("candidate", after)) if row is not None}
    cells = {name: next(iter(sides.values()))[name] for name in SETTINGS}
    for side, row in sides.items():
        cells |= {f"{side}_{name}": row[name] for name in OF_RUN}
    marks = chain.from_iterable((row["marks"] or "").split(SEPARATOR) for row in sides.values())
    return cells | {"note": note, "marks": SEPARATOR.join(filter(None, dict.fromkeys(marks)))}


def _metric_cells(before: Row | None, after: Row | None) -> dict[str, Any]:
    """What a row of a metric says besides."""
    sides = {side: row for side, row in (("baseline", before), ("candidate", after)) if row is not None}
    cells = {name: next(iter(sides.values()))[name] for name in ("level", "source", *METRIC)}
    return cells | {f"{side}_{name}": row[name] for side, row in sides.items() for name in OF_METRIC}


def read_comparison(path: Path) -> pd.DataFrame:
    """A comparison.csv: NUMBERS as floats (NaN where blank), the rest as text (empty where blank)."""
    if not path.is_file():
        raise CotejoError(f"{path}: no such file. Give the comparison.csv that compare_results wrote")
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    missing = [name for name in COLUMNS if name not in table]
    if missing:
        raise CotejoError(f"{path}: lacks the column {missing[0]}. Give the comparison.csv that compare_results wrote")
    return table.assign(**{name: pd.to_numeric(table[name]) for name in NUMBERS})
