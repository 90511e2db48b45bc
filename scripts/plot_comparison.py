"""Draw a comparison of two results folders."""

import argparse
from pathlib import Path

from cotejo.command import run
from cotejo.comparison.table import read_comparison
from cotejo.figures.comparison import TITLE, draw
from cotejo.figures.style import STYLES, applied, save
from cotejo.files import replacing


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--comparison", required=True, type=Path, help="the comparison.csv that compare_results wrote")
    parser.add_argument("--output", required=True, type=Path, nargs="+", help="what to write: .svg, .png or .pdf files")
    arguments = parser.parse_args()

    comparison = read_comparison(arguments.comparison)
    style = STYLES["full"]
    with applied(style):
        drawn = draw(comparison, style)
        for path in arguments.output:
            with replacing(path) as temporary:
                save(drawn, temporary, path.suffix.lstrip("."), TITLE)


if __name__ == "__main__":
    run(main)
