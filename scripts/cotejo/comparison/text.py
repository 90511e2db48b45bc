"""A comparison as people read it in a terminal."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from cotejo.comparison.table import INDISTINGUISHABLE
from cotejo.labels import number

Row = Mapping[str, Any]

HEADING = (
    "run",
    "environment",
    "level",
    "metric",
    "baseline",
    "candidate",
    "ratio",
    "95 % interval",
    "p",
    "standing",
    "note",
)


def lines(comparison: pd.DataFrame) -> Iterator[str]:
    """Every run with its headline metrics, then whatever else differs."""
    rows: list[Row] = [*comparison.to_dict("records")]  # type: ignore[list-item]
    if not comparison.duplicated(["run", "digest", "baseline_system", "level", "metric"]).any():
        rows = [row | {"baseline_environment": ""} for row in rows]  # type: ignore[operator]
    if rows:
        yield f"baseline {rows[0]['baseline']}, candidate {rows[0]['candidate']}; ratio: candidate / baseline"
    yield from _table([row for row in rows if row["headline"] == "yes" or not row["metric"]])
    others = [row for row in rows if row["headline"] != "yes" and row["metric"]]
    different = [row for row in others if row["standing"] not in ("", INDISTINGUISHABLE)]
    if different:
        yield "other metrics that differ:"
        yield from _table(different)
    blank = sum(not row["standing"] for row in others)
    yield (
        f"{len(others)} other metrics: {len(different)} differ, "
        f"{len(others) - len(different) - blank} indistinguishable, {blank} not compared"
    )


def _table(rows: Sequence[Row]) -> Iterator[str]:
    """Aligned columns; one that is blank throughout is left out."""
    cells = [_cells(row) for row in rows]
    shown = [place for place in range(len(HEADING)) if any(line[place] for line in cells)]
    table = [[line[place] for place in shown] for line in (list(HEADING), *cells)]
    widths = [max(len(line[place]) for line in table) for place in range(len(shown))]
    for line in table:
        yield "  " + "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()


def _cells(row: Row) -> list[str]:
    interval = "" if math.isnan(row["ratio_low"]) else f"{row['ratio_low']:.3f} to {row['ratio_high']:.3f}"
    return [
        row["run"],
        row["baseline_environment"],
        row["level"],
        row["metric"],
        *(_side(row, side) for side in ("baseline", "candidate")),
        "" if math.isnan(row["ratio"]) else f"{row['ratio']:.3f}",
        interval,
        "" if math.isnan(row["p"]) else f"{row['p']:.2g}",
        row["standing"],
        row["note"],
    ]


def _side(row: Row, side: str) -> str:
    """A side's median with its unit, and what it is worth where it isn't publishable."""
    median, verdict = row[f"{side}_median"], row[f"{side}_verdict"]
    value = "" if math.isnan(median) else f"{number(median)} {row['unit']}"
    worth = "" if verdict in ("", "publishable") else f"({verdict})"
    return " ".join(filter(None, (value, worth)))
