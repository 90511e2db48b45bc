"""A study's sheet, runs.csv: one row for each of its lines."""

import csv
import io
from collections.abc import Sequence

from cotejo.order import drawn
from cotejo.record import folder_name
from cotejo.resolve import Run
from cotejo.study import Study


def sheet_text(study: Study) -> str:
    """The sheet as CSV.

    `rank` is a run's place in a round of repeats on its system, drawn once; lines that aren't measured have none.
    """
    ranks: dict[tuple[str, str], int] = {}
    for system in dict.fromkeys(run["system"] for run in study.runs):
        order = drawn((study.results, folder_name(run)) for run in study.runs if run["system"] == system)
        ranks |= {(system, folder): rank for rank, (_, folder) in enumerate(order, 1)}
    return as_csv([{**line, "rank": ranks.get((line["system"], folder_name(line)))} for line in study.lines])


def as_csv(lines: Sequence[Run]) -> str:
    """One row for each line, with every key that any line has; a line's missing keys stay blank."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(dict.fromkeys(key for line in lines for key in line)), lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return text.getvalue()
