"""How what was measured stands to what was published: one row per published value and per machine that measured it.

A value stands as `reproduced`, `faster` or `slower` (memory and energy: `less`, `more`) only where like was measured:
on the system that the document names, with published weights at full scale, by the real server, without an overlay,
and publishable. Anything else is `not comparable`, with every reason, and its ratio is still printed.
"""

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import pandas as pd

from cotejo.equivalence import NOT_COMPARABLE, REPRODUCED, Ratio, ratio_of, rounding, stand
from cotejo.labels import mark_label, number
from cotejo.stand_in import asked, instead_of, phrases
from cotejo.verdict import SEPARATOR, THRESHOLDS

Row = Mapping[str, Any]

NOT_MEASURED = "not measured"
WORDS = (REPRODUCED, "faster", "slower", "less", "more", NOT_COMPARABLE, NOT_MEASURED)

# As config/config.yaml has it, for commands run by hand.
TOLERANCE_PERCENT = 10.0

# What a published row says of itself, where the names differ from ours under another one.
RENAMED = {"system": "published_system", "run": "name", "metric": "published_metric", "unit": "published_unit"}
OF_PUBLISHED = (
    "study", "published_system", "name", "task", "model", "backend", "precision", "accelerators", "split", "client",
    "concurrency", "published_metric", "statistic", "value", "published_unit", "note", "metric", "published",
)  # fmt: skip
OF_MEASURED = (
    "run", "digest", "origin", "system", "environment", "level", "unit", "better", "median", "low", "high", "repeats",
    "verdict", "marks",
)  # fmt: skip
COLUMNS = (*OF_PUBLISHED, *OF_MEASURED, "ratio", "ratio_low", "ratio_high", "standing", "reasons", "remarks")
NUMBERS = ("published", "median", "low", "high", "repeats", "ratio", "ratio_low", "ratio_high")

# In these a published row and a run must agree, as far as the row says.
AGREEING = ("model", "backend", "precision", "accelerators", "split")
# Marks of records that are no less comparable for it.
HARMLESS_MARKS = ("taskset", "identical-inputs")

OUT_OF_MEMORY = {"published": "OOM", "ours": "out-of-memory"}
BOTH_OUT_OF_MEMORY = "both out of memory"
# What a reader must know of a published value, by its statistic.
_STATISTICS = {
    "iteration": "published: a single iteration",
    "approx": "published: approximate",
    "snapshot": "published: a snapshot",
}
_WORTH_SAYING = 0.01  # of a value: a rounding of less hardly widens an interval of repeats


class Terms(NamedTuple):
    """What results are set beside published ones by."""

    tolerance: float  # of a ratio
    overlay: str  # the title of the one that they were measured under, or empty
    unlike: Mapping[tuple[str, str, str], str]  # machines that aren't what they are called, with the reason
    systems: Collection[str]  # those that the document has values of


def compare_published(
    published: pd.DataFrame,
    summary: pd.DataFrame,
    tolerance_percent: float = TOLERANCE_PERCENT,
    overlay: str = "",
    unlike: Mapping[tuple[str, str, str], str] = MappingProxyType({}),
) -> pd.DataFrame:
    """The comparison's rows (columns COLUMNS) in the order of the published ones, none of which is left out.

    `published` as `cotejo.published.rows.read_published` gives it, `summary` as `cotejo.summary.read_summary`;
    `overlay` is the title of the overlay that the study was measured under, or empty; `unlike` as
    `cotejo.claimed.unlike_claims` gives it. A published value that several machines measured has a row for each; they
    are never averaged. Only where its own system measured it, others that the document has values of stand beside those
    alone.
    """
    terms = Terms(tolerance_percent / 100, overlay, unlike, {*published["system"]})
    told: list[Row] = [*published.to_dict("records")]  # type: ignore[list-item]
    lines: list[Row] = [*summary.to_dict("records")]  # type: ignore[list-item]
    rows = [
        _published_cells(row) | {"run": "", "digest": "", "reasons": ""} | cells
        for row in told
        for cells in _standings(row, lines, terms)
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def read_standings(path: Path) -> pd.DataFrame:
    """A study's comparison.csv: NUMBERS as floats (NaN where blank), the rest as text (empty where blank)."""
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    return table.assign(**{name: pd.to_numeric(table[name]) for name in NUMBERS})


def _published_cells(row: Row) -> dict[str, Any]:
    cells = {RENAMED.get(name, name): value for name, value in row.items()}
    return {
        **{name: cells[name] for name in OF_PUBLISHED if name in cells},
        "metric": row["ours"],
        "published": row["in_ours"],
        "remarks": SEPARATOR.join(remarks(row)),
    }


def remarks(row: Row) -> list[str]:
    """What a reader must know of a published value, comparable or not."""
    if not row["value"][:1].isdigit():
        return []
    kind = row["statistic"].rstrip("0123456789")
    found = [_STATISTICS[kind]] if kind in _STATISTICS else []
    share = rounding(row["value"])
    if share > _WORTH_SAYING and row["ours"]:
        found.append(f"published: printed to ± {number(100 * share)} %")
    return found


def _standings(row: Row, lines: Sequence[Row], terms: Terms) -> Iterator[dict[str, Any]]:
    """The cells of one published row, once for each machine and level that measured it, or once saying why none did."""
    if not row["run"] or not row["ours"]:
        yield _not_measured("no metric of ours tells it" if row["run"] else "no run of the study re-measures it")
        return
    of_block = [line for line in lines if line["name"] == row["run"]]
    agreeing = [line for line in of_block if not _unlike(row, line)]
    if not agreeing:
        yield _not_measured(_why_none_agrees(row, of_block))
        return
    found = False
    for line in _one_for_each_run(agreeing):
        members = [other for other in lines if _of_run(other, line)]
        where = {key: line[key] for key in ("run", "digest")}
        instead = phrases(_standing_in(line, members[0])) if members else []
        for group in _beside(row, _by_machine(members), terms.systems):
            found = True
            for cells in _of_machine(row, group, terms, instead):
                yield where | cells
    if not found:
        own = next((line for line in agreeing if line["system"] == row["system"]), agreeing[0])
        yield {key: own[key] for key in ("run", "digest")} | _not_measured(own["reasons"] or "no record")


def _unlike(row: Row, line: Row) -> list[str]:
    """Those of AGREEING that the published row names and the line's study asks for otherwise."""
    wanted = asked(line)
    wanted["accelerators"] = wanted["accelerators"] or ("0" if wanted["device"] == "cpu" else "1")
    return [key for key in AGREEING if row[key] not in ("", wanted[key])]


def _why_none_agrees(row: Row, of_block: Sequence[Row]) -> str:
    if not of_block:
        return f"the study has no run {row['run']}"
    nearest = min(of_block, key=lambda line: len(_unlike(row, line)))
    wanted = asked(nearest)
    unlike = [f"{key} {row[key]}, but {wanted[key] or 'none'}" for key in _unlike(row, nearest)]
    return f"the study's {row['run']} hasn't {', '.join(unlike)}"


def _one_for_each_run(lines: Sequence[Row]) -> list[Row]:
    return list({(line["run"], line["digest"]): line for line in lines}.values())


def _of_run(other: Row, line: Row) -> bool:
    """Whether a row of the summary is what a line of the study came to."""
    if line["measured_as"]:
        return bool(other["run"] == line["measured_as"])
    return bool((other["run"], other["digest"]) == (line["run"], line["digest"]))


def _standing_in(line: Row, member: Row) -> Row:
    """A row of what a line came to, with what it stands in for: what was measured as another run is that run's."""
    if not line["measured_as"]:
        return member
    # How its own requests would have arrived isn't known of a line that wasn't measured.
    return {**member, "instead_of": instead_of({**asked(line), "load": member["load"]}, member)}


def _by_machine(members: Sequence[Row]) -> list[list[Row]]:
    """The measured rows, by where and in which environment: unlike rows never merge."""
    groups: dict[tuple[str, ...], list[Row]] = {}
    for member in members:
        if member["verdict"] != NOT_MEASURED:
            groups.setdefault((member["origin"], member["system"], member["environment"]), []).append(member)
    return list(groups.values())


def _beside(row: Row, groups: list[list[Row]], systems: Collection[str]) -> list[list[Row]]:
    """The machines whose results stand beside a published row; `systems` are those that the document has values of."""
    if not any(group[0]["system"] == row["system"] for group in groups):
        return groups
    return [group for group in groups if group[0]["system"] not in {*systems} - {row["system"]}]


def _of_machine(row: Row, group: Sequence[Row], terms: Terms, instead: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The cells of one published row on one machine: one for each level that the row may mean."""
    machine = {key: group[0][key] for key in ("origin", "system", "environment", "marks")}
    bars = _bars(row, group[0], terms, instead)
    at_level = [member for member in group if not member["level"] or _same_concurrency(row, member)]
    rows = [member for member in at_level if member["metric"] == row["ours"]]
    failures = [member for member in at_level if not member["metric"]]
    if rows:
        for member in rows:
            yield machine | _measured_cells(row, member, terms.tolerance, bars)
    elif failures:
        yield machine | {"verdict": failures[0]["verdict"]} | _failure_cells(row, failures[0], bars)
    elif not at_level:
        yield machine | _not_measured(f"no level with {row['concurrency']} at once")
    else:
        yield machine | _not_measured(f"{row['ours']}: not among its metrics")


def _same_concurrency(row: Row, member: Row) -> bool:
    """Whether a level is the published row's; one request after another is one at once, and is blank in a summary."""
    if not row["concurrency"]:
        return True
    in_turn = member["load"] in ("", "single-stream")
    return float(row["concurrency"]) == (1 if in_turn else member["concurrency"])


def _bars(row: Row, member: Row, terms: Terms, instead: Sequence[str]) -> list[str]:
    """Why a machine's results can't be set against a published value, whatever they are."""
    marks = [mark for mark in member["marks"].split(SEPARATOR) if mark and mark not in HARMLESS_MARKS]
    unlike = terms.unlike.get((member["origin"], member["system"], member["environment"]))
    found = [
        *([f"other system: {member['system']}, not {row['system']}"] if member["system"] != row["system"] else []),
        *([f"called {member['system']}, but with {unlike}"] if unlike else []),
        *([f"under an overlay: {terms.overlay}"] if terms.overlay else []),
        *(mark_label(mark).split(" (")[0] for mark in marks),
        *instead,
    ]
    return list(dict.fromkeys(found))


def _measured_cells(row: Row, member: Row, tolerance: float, bars: Sequence[str]) -> dict[str, Any]:
    cells = {key: member[key] for key in OF_MEASURED if key not in ("run", "digest")}
    if math.isnan(member["median"]):
        return cells | _not_measured(member["reasons"].split(SEPARATOR)[0])
    if not row["in_ours"] > 0:
        missing = "ran out of memory" if row["value"] == OUT_OF_MEMORY["published"] else "has no value"
        return cells | _not_comparable([*bars, f"published: {missing}"])
    ratio = ratio_of(member, row["in_ours"], rounding(row["value"]))
    cells |= {"ratio": ratio.value, "ratio_low": ratio.low, "ratio_high": ratio.high}
    reasons = list(bars)
    if member["verdict"] != "publishable":
        reasons.append(f"not publishable: {member['verdict']}")
    if reasons:
        return cells | _not_comparable(reasons)
    word, reason = stand(ratio, tolerance, member["better"])
    if member["source"] == "telemetry":
        word = _amount(word, ratio)
    return cells | {"standing": word, "reasons": reason}


def _amount(word: str, ratio: Ratio) -> str:
    """Of memory and energy there is less or more."""
    return ("more" if ratio.value > 1 else "less") if word in ("faster", "slower") else word


def _failure_cells(row: Row, member: Row, bars: Sequence[str]) -> dict[str, Any]:
    """Of a run or a level that failed: out of memory can be just what was published.

    It is reproduced by as many attempts as a publishable result has repeats, all of them out of memory.
    """
    why, attempts, least = member["reasons"].split(SEPARATOR), member["attempts"], THRESHOLDS["repeats"]
    if row["value"] != OUT_OF_MEMORY["published"] or OUT_OF_MEMORY["ours"] not in why:
        return _not_measured(f"failed: {', '.join(why)}")
    reasons = [
        *bars,
        *(f"in part {reason}" for reason in why if reason != OUT_OF_MEMORY["ours"]),
        *([f"attempts {attempts:g} < {least:g}"] if attempts < least else []),
    ]
    if reasons:
        return _not_comparable([BOTH_OUT_OF_MEMORY, *reasons])
    return {"standing": REPRODUCED, "reasons": BOTH_OUT_OF_MEMORY}


def _not_measured(reason: str) -> dict[str, Any]:
    return {"standing": NOT_MEASURED, "reasons": reason}


def _not_comparable(reasons: Sequence[str]) -> dict[str, Any]:
    return {"standing": NOT_COMPARABLE, "reasons": SEPARATOR.join(reasons)}
