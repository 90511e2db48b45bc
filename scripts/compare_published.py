"""Set what was measured beside what was published: each published value's standing, and its reasons."""

import argparse
import json
from collections import Counter
from pathlib import Path

from cotejo import record
from cotejo.claimed import unlike_claims
from cotejo.command import run
from cotejo.files import replacing
from cotejo.published.rows import read_published
from cotejo.standing import TOLERANCE_PERCENT, WORDS, compare_published
from cotejo.summary import read_sheet, read_summary


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--published", required=True, type=Path, help="the published rows, config/published/<study>.csv"
    )
    parser.add_argument("--summary", required=True, type=Path, help="the study's summary.csv")
    parser.add_argument(
        "--tolerance-percent",
        type=float,
        default=TOLERANCE_PERCENT,
        help="how far a reproduced value may lie off, config.yaml's `published` (default: %(default)s)",
    )
    parser.add_argument("--overlay", default="", help="the title of the overlay that it was measured under, if any")
    parser.add_argument("--sheet", required=True, type=Path, help="the study's runs.csv")
    parser.add_argument("--results", required=True, type=Path, help="the folder that has the study's folder records/")
    parser.add_argument(
        "--imports",
        type=json.loads,
        default={},
        help="folders of the same kind made elsewhere, by the import's name, as JSON (default: none)",
    )
    parser.add_argument("--systems", required=True, type=Path, help="what is known of systems: config/systems")
    parser.add_argument("--output", required=True, type=Path, help="the table to write, comparison.csv")
    arguments = parser.parse_args()

    published, summary = read_published(arguments.published), read_summary(arguments.summary)
    runs = read_sheet(arguments.sheet)
    folders = {"": arguments.results, **{name: Path(folder) for name, folder in arguments.imports.items()}}
    records = {origin: record.of_runs(folder, runs) for origin, folder in folders.items()}
    unlike = unlike_claims(records, arguments.systems)
    table = compare_published(published, summary, arguments.tolerance_percent, arguments.overlay, unlike)
    with replacing(arguments.output) as temporary:
        table.to_csv(temporary, index=False, lineterminator="\n")
    counted = Counter(table["standing"])
    words = ", ".join(f"{counted[word]} {word}" for word in WORDS if counted[word])
    print(f"{arguments.output}: {len(published)} published values, {len(table)} rows: {words}")


if __name__ == "__main__":
    run(main)
