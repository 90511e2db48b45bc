"""List every study that has a report, with what each report's head says of it."""

import argparse
from pathlib import Path

from cotejo.command import run
from cotejo.files import replacing
from cotejo.report.index import index


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reports", required=True, type=Path, nargs="+", help="report.html files, below the index")
    parser.add_argument("--published", type=Path, help="the page of `snakemake published`, below the index")
    parser.add_argument("--output", required=True, type=Path, help="the index to write, an .html file")
    arguments = parser.parse_args()

    text = index(arguments.reports, arguments.published, arguments.output)
    with replacing(arguments.output) as temporary:
        temporary.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    run(main)
