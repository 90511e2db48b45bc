"""Draw one figure of a study from its summary."""

import argparse
import json
from pathlib import Path

from cotejo.command import run
from cotejo.distribution import read_distributions
from cotejo.errors import CotejoError
from cotejo.figures import FIGURES, figure
from cotejo.figures.style import STYLES, applied, save
from cotejo.files import replacing
from cotejo.schema import did_you_mean
from cotejo.summary import read_summary


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--summary", required=True, type=Path, help="the study's summary.csv")
    parser.add_argument("--distributions", type=Path, help="the study's distributions.csv, for a kind that draws those")
    parser.add_argument(
        "--figure",
        required=True,
        type=json.loads,
        help="the figure as the study has it, as JSON: kind, title and the kind's options (config/README.md)",
    )
    parser.add_argument("--output", required=True, type=Path, nargs="+", help="what to write: .svg, .png or .pdf files")
    arguments = parser.parse_args()

    options = arguments.figure
    if options.get("kind") not in FIGURES:
        raise CotejoError(f"--figure: kind: {options.get('kind')}: no kind{did_you_mean(options.get('kind'), FIGURES)}")
    kind = figure(options["kind"])
    tables = []
    if getattr(kind, "DISTRIBUTIONS", False):
        if arguments.distributions is None:
            raise CotejoError(f"--distributions: missing, but {options['kind']} draws them. Give distributions.csv")
        tables.append(read_distributions(arguments.distributions))
    summary = read_summary(arguments.summary)
    style = STYLES[options.get("width", "full")]
    with applied(style):
        drawn = kind.draw(summary, options, style, *tables)
        for path in arguments.output:
            with replacing(path) as temporary:
                save(drawn, temporary, path.suffix.lstrip("."), options.get("title", kind.TITLE))


if __name__ == "__main__":
    run(main)
