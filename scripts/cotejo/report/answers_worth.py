"""What the numbers are worth, in sentences: the verdicts, what the numbers are not, what failed, what is lacking."""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from cotejo.difference import LEAST_REPEATS
from cotejo.figures.select import row_labels
from cotejo.labels import level_label
from cotejo.report.answers_runs import Row, Run, counted, listed, marks_of
from cotejo.stand_in import why_not_in_short
from cotejo.stats import CONFIDENCE
from cotejo.verdict import NOT_MEASURED, SEPARATOR, WORDS

PUBLISHABLE = WORDS[-1]
OUT_OF_MEMORY = "out-of-memory"
# So many repeats that their whole range misses the median once in twenty at most: 2 / 2ⁿ.
_FOR_AN_INTERVAL = math.ceil(math.log2(2 / (1 - CONFIDENCE)))


@dataclass(frozen=True)
class Common:
    """What holds of all results, so that it is said once and not of each."""

    verdict: str  # the word that all have, or empty
    marks: Sequence[str]

    def worth(self, rows: Iterable[Row]) -> str:
        """What must be said beside these rows, in brackets; empty where all of it is said already, or nothing is."""
        rows = [*rows]
        words = [word for word in WORDS if any(row["verdict"] == word for row in rows)]
        words = [word for word in words if word not in (PUBLISHABLE, self.verdict)]
        own = dict.fromkeys(short(mark) for row in rows for mark in marks_of(row) if mark not in self.marks)
        told = [listed(words), *own] if words else [*own]
        return f" [{'; '.join(told)}]" if told else ""


def short(mark: str) -> str:
    """A mark without its explanation."""
    return mark.split(" (")[0].split(", not ")[0]


def results_of(runs: Iterable[Run]) -> list[Row]:
    """The headline of each level of each run: what the study calls a result."""
    return [next(iter(rows.values())) for run in runs for rows in run.levels.values()]


def common_of(results: Sequence[Row]) -> Common:
    verdicts = {row["verdict"] for row in results}
    marks = [mark for mark in marks_of(results[0]) if all(mark in marks_of(row) for row in results)] if results else []
    return Common(verdicts.pop() if len(verdicts) == 1 else "", marks)


def cautions(results: Sequence[Row], common: Common) -> Iterator[str]:
    """What a reader must know before any number."""
    if not results:
        yield "Nothing has been measured."
        return
    found = Counter(row["verdict"] for row in results)
    others = [(found[word], word) for word in WORDS if found[word] and word != PUBLISHABLE]
    told = listed([f"{count}\u00a0{'is' if count == 1 else 'are'} {word}" for count, word in others])
    every = f"all {len(results)} results are" if len(results) > 1 else "the only result is"
    if found[PUBLISHABLE] == len(results):
        text = f"{every[0].upper()}{every[1:]} publishable."
    elif common.verdict:
        text = f"Nothing here is publishable: {every} {common.verdict}."
    elif found[PUBLISHABLE]:
        text = f"Of {len(results)} results {found[PUBLISHABLE]} are publishable, {told}."
    else:
        text = f"Nothing here is publishable: of {len(results)} results {told}."
    yield f"{text} True of all: {'; '.join(common.marks)}." if common.marks else text
    most = int(max(row["repeats"] for row in results))
    if most < LEAST_REPEATS:
        yield (
            f"{counted(most, 'repeat is', 'repeats are')} too few for an interval, which needs {_FOR_AN_INTERVAL}, and "
            f"for a comparison, which needs {LEAST_REPEATS} on each side: what follows are medians, and no difference "
            "is claimed."
        )
    elif most < _FOR_AN_INTERVAL:
        yield f"{most} repeats are too few for an interval of a median, which needs {_FOR_AN_INTERVAL}."


def failures(rows: Sequence[Row]) -> Iterator[str]:
    """The runs that failed, wholly or in part, by their reasons; out of memory is a result of its own."""
    attempted = {_run(row): row for row in rows if row["attempts"] > 0}
    whole = {key: row for key, row in attempted.items() if row["verdict"] == "failed" and not row["level"]}
    partly = {key: row for key, row in attempted.items() if row["failures"] > 0 and key not in whole}
    levels = {(_run(row), row["level"]): row for row in rows if row["verdict"] == "failed" and row["level"]}
    labels = _labels([*attempted.values()], [*whole.values(), *partly.values(), *levels.values()])
    for key, row in whole.items():
        if row["reasons"] == OUT_OF_MEMORY:
            yield f"{labels[key]} ran out of memory in {_all(row['attempts'])}: that is its result."
    by_reason: dict[str, list[str]] = {}
    for key, row in whole.items():
        if row["reasons"] != OUT_OF_MEMORY:
            by_reason.setdefault(_words(row["reasons"]), []).append(labels[key])
    if by_reason:
        told = "; ".join(f"{reason} ({listed(names)})" for reason, names in by_reason.items())
        yield f"{sum(map(len, by_reason.values()))} of {counted(len(attempted), 'run')} failed: {told}."
    if levels:
        shown = [
            f"{labels[key]} at {level_label(level)} ({_words(row['reasons'].split(SEPARATOR)[0])})"
            for (key, level), row in levels.items()
        ]
        yield f"{counted(len(levels), 'load level')} failed: {listed(shown, 3)}."
    if partly:
        shown = [f"{labels[key]} ({row['failures']:.0f} of {row['attempts']:.0f})" for key, row in partly.items()]
        yield f"Some repeats failed of {listed(shown)}; what is said of them is of the others."


def gaps(rows: Sequence[Row]) -> Iterator[str]:
    """The runs that nothing was measured of, by the reason."""
    lacking = [row for row in rows if row["verdict"] == NOT_MEASURED and not row["measured_as"]]
    by_reason: dict[str, list[str]] = {}
    for row in lacking:
        by_reason.setdefault(why_not_in_short(row) or "no record yet", []).append(row["name"])
    if by_reason:
        told = "; ".join(f"{reason} ({listed([*dict.fromkeys(names)])})" for reason, names in by_reason.items())
        yield f"{counted(len(lacking), 'run was', 'runs were')} not measured: {told}."


def _run(row: Row) -> tuple[str, ...]:
    return tuple(row[key] for key in ("run", "digest", "origin", "system", "environment"))


def _labels(rows: Sequence[Row], wanted: Sequence[Row]) -> dict[tuple[str, ...], str]:
    """What to call the runs that are wanted: their block, and what tells them from others of it."""
    labels: dict[tuple[str, ...], str] = {}
    for name in dict.fromkeys(row["name"] for row in wanted):
        of_block = [row for row in rows if row["name"] == name]
        told = row_labels(of_block, ("name",), ("load", "inputs", "level", "compute_precision", "environment"))
        labels |= {_run(row): label.replace(" · ", ", ") for row, label in zip(of_block, told, strict=True)}
    return labels


def _words(reasons: str) -> str:
    return reasons.replace(SEPARATOR, ", ").replace("-", " ")


def _all(attempts: float) -> str:
    return "its only attempt" if attempts == 1 else f"all {attempts:.0f} attempts"
