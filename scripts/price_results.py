"""Write what a study's rates cost, measured and published ones, on the machines of config/systems."""

import argparse
import json
import math
from pathlib import Path

import pandas as pd

from cotejo.command import run
from cotejo.cost_table import cost_table, read_cost
from cotejo.cost_words import without_price
from cotejo.files import replacing
from cotejo.published.rows import read_published
from cotejo.summary import read_summary
from cotejo.systems import load_system

NO_ROWS = pd.DataFrame(columns=["ours"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--summary", required=True, type=Path, help="the study's summary.csv")
    parser.add_argument("--published", type=Path, help="what was published, a file of config/published (default: none)")
    parser.add_argument("--systems", required=True, type=Path, nargs="+", help="the files of config/systems")
    parser.add_argument(
        "--named",
        nargs="*",
        default=[],
        help="the systems, by their files' names, that get a row even without a rate (default: none)",
    )
    parser.add_argument("--cost", required=True, type=json.loads, help="what is assumed, as JSON: config.yaml's `cost`")
    parser.add_argument("--output", required=True, type=Path, help="the table to write, cost.csv")
    arguments = parser.parse_args()

    published = read_published(arguments.published) if arguments.published else NO_ROWS
    systems = {path.stem: load_system(path) for path in arguments.systems}
    table = cost_table(read_summary(arguments.summary), published, systems, arguments.cost, arguments.named)
    with replacing(arguments.output) as temporary:
        table.to_csv(temporary, index=False, lineterminator="\n")

    rows = read_cost(arguments.output).to_dict("records")
    priced = sum(not math.isnan(row["usd"]) for row in rows)
    print(f"{arguments.output}: {len(rows)} rows, {priced} with a cost")
    for reason in without_price(rows):
        print(reason)


if __name__ == "__main__":
    run(main)
