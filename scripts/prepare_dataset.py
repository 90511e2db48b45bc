"""Make the folder of one data set: its items, copied or made, and dataset.json with origins and checksums."""

import argparse
from pathlib import Path

from cotejo.command import run
from cotejo.datasets.entries import prepare


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--datasets", type=Path, default=Path("config/datasets.yaml"), help="the data sets' file")
    parser.add_argument("--dataset", required=True, help="the name of its entry")
    parser.add_argument("--output", type=Path, required=True, help="the folder to make; an older one is replaced")
    arguments = parser.parse_args()
    prepare(arguments.datasets, arguments.dataset, arguments.output)


if __name__ == "__main__":
    run(main)
