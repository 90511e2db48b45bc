"""Write docs/reference/: the columns of every table, the metrics, the verdicts, and a record's schema."""

import argparse
from pathlib import Path

from cotejo.command import ROOT, run
from cotejo.files import replacing
from cotejo.reference.pages import PAGES


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--output", type=Path, default=ROOT / "docs" / "reference", help="the folder (default: %(default)s)"
    )
    arguments = parser.parse_args()
    for name, page in PAGES.items():
        with replacing(arguments.output / name) as temporary:
            temporary.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    run(main)
