"""Recompute a study's summary from the raw samples of its records: one row per run, load level and metric."""

import argparse
import json
from collections import Counter
from pathlib import Path

from cotejo import record
from cotejo.command import run
from cotejo.files import replacing
from cotejo.summary import read_attempt, read_sheet, summarise
from cotejo.verdict import THRESHOLDS


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sheet", required=True, type=Path, help="the study's runs.csv")
    parser.add_argument("--results", required=True, type=Path, help="the folder that has the study's folder records/")
    parser.add_argument(
        "--verdict",
        type=json.loads,
        default=dict(THRESHOLDS),
        help="what a publishable result needs, as JSON: config.yaml's `verdict` (default: %(default)s)",
    )
    parser.add_argument("--output", required=True, type=Path, help="the summary to write, summary.csv")
    arguments = parser.parse_args()

    runs = read_sheet(arguments.sheet)
    folders = {f"{one['id']}~{one['digest']}" for one in runs}
    found = record.find(arguments.results)
    wanted = [path for path in found if path.parent.name in folders]
    summary = summarise(runs, (read_attempt(path) for path in wanted), arguments.verdict)
    with replacing(arguments.output) as temporary:
        summary.to_csv(temporary, index=False, lineterminator="\n")
    words = ", ".join(f"{count} {word}" for word, count in Counter(summary["verdict"]).items())
    print(f"{arguments.output}: {len(runs)} runs, {len(wanted)} records, {len(summary)} rows: {words}")
    if len(wanted) < len(found):
        print(f"{len(found) - len(wanted)} records of runs or settings that the sheet no longer has were left out")


if __name__ == "__main__":
    run(main)
