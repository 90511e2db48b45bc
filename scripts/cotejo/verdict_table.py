"""The table of verdicts: what the numbers of each run, origin, kind of environment and load level are worth."""

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from cotejo.verdict import SEPARATOR

Row = Mapping[str, Any]

# What tells the rows apart.
KEYS = ("study", "run", "digest", "name", "server", "client", "origin", "system", "environment", "level")
COLUMNS = (
    *KEYS, "verdict", "reasons", "blank", "repeats", "attempts", "failures", "measured_s", "ended", "order", "marks",
)  # fmt: skip
COUNTS = ("repeats", "attempts", "failures")


def verdict_table(summary: pd.DataFrame) -> pd.DataFrame:
    """What a summary (as `read_summary` gives it) says of each level: columns COLUMNS, in its order.

    A level's verdict is that of its values. `blank` names the metrics without one, each with the reason. `order` has
    the place of each attempt, by repeat, in the order in which its machine measured the whole study.
    """
    groups: dict[tuple[str, ...], list[Row]] = {}
    for row in summary.to_dict("records"):
        groups.setdefault(tuple(row[key] for key in KEYS), []).append(row)  # type: ignore[arg-type]
    rows = [{**_shown(members), "blank": SEPARATOR.join(_blanks(members))} for members in groups.values()]
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(dict.fromkeys(COUNTS, "Int64"))


def _shown(members: Sequence[Row]) -> Row:
    """The row that speaks for its level: the first with a value, for a blank one has reasons of its own."""
    return next((row for row in members if not math.isnan(row["median"])), members[0])


def _blanks(members: Sequence[Row]) -> Iterator[str]:
    common = set(_shown(members)["reasons"].split(SEPARATOR))
    for row in members:
        if row["metric"] and math.isnan(row["median"]):
            own = [reason for reason in row["reasons"].split(SEPARATOR) if reason not in common]
            yield f"{row['metric']}: {', '.join(own)}" if own else row["metric"]


def read_verdicts(path: Path) -> pd.DataFrame:
    """A verdicts.csv: every cell as text, empty where blank."""
    return pd.read_csv(path, dtype=str, keep_default_na=False)
