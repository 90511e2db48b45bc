"""Recompute a study's summary from the raw samples of its records, and the table of what each result is worth."""

import argparse
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import pandas as pd

from cotejo import record
from cotejo.command import run
from cotejo.distribution import distributions
from cotejo.errors import CotejoError
from cotejo.files import replacing
from cotejo.summary import Attempt, read_attempt, read_sheet, read_summary, summarise
from cotejo.verdict import THRESHOLDS
from cotejo.verdict_table import verdict_table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sheet", required=True, type=Path, help="the study's runs.csv")
    parser.add_argument("--results", required=True, type=Path, help="the folder that has the study's folder records/")
    parser.add_argument(
        "--imports",
        type=json.loads,
        default={},
        help="folders of the same kind made elsewhere, by the import's name, as JSON (default: none)",
    )
    parser.add_argument(
        "--verdict",
        type=json.loads,
        default=dict(THRESHOLDS),
        help="what a publishable result needs, as JSON: config.yaml's `verdict` (default: %(default)s)",
    )
    parser.add_argument("--output", required=True, type=Path, help="the summary to write, summary.csv")
    parser.add_argument("--verdicts", required=True, type=Path, help="the table of verdicts to write, verdicts.csv")
    parser.add_argument(
        "--distributions", required=True, type=Path, help="the table of latencies to write, distributions.csv"
    )
    arguments = parser.parse_args()

    runs = read_sheet(arguments.sheet)
    own = record.of_runs(arguments.results, runs)
    imported = {name: record.of_runs(Path(folder), runs) for name, folder in arguments.imports.items()}
    attempts = list(read_attempts({"": own, **imported}))
    summary = summarise(runs, attempts, arguments.verdict)
    write_table(summary, arguments.output)
    write_table(distributions(attempts), arguments.distributions)
    verdicts = verdict_table(read_summary(arguments.output))
    write_table(verdicts, arguments.verdicts)

    words = ", ".join(f"{count} {word}" for word, count in Counter(verdicts["verdict"]).items())
    print(f"{arguments.output}: {len(runs)} runs, {len(own)} records, {len(summary)} rows; levels: {words}")
    for name, paths in imported.items():
        print(f"{len(paths)} records imported from {name}, {arguments.imports[name]}")
    left_out = len(record.find(arguments.results)) - len(own)
    if left_out:
        print(f"{left_out} records of runs or settings that the sheet no longer has were left out")


def read_attempts(paths: Mapping[str, list[Path]]) -> Iterator[Attempt]:
    """The records at these paths, by origin. One that is damaged stops all: to leave it out would change a result."""
    for origin, members in paths.items():
        for path in members:
            try:
                yield read_attempt(path, origin)
            except CotejoError as error:
                if not origin:
                    raise
                raise CotejoError(f"import {origin}: {error}. Or take the import out of the study") from error


def write_table(table: pd.DataFrame, path: Path) -> None:
    with replacing(path) as temporary:
        table.to_csv(temporary, index=False, lineterminator="\n")


if __name__ == "__main__":
    run(main)
