"""Draw one figure of a study: what was measured, beside what was published."""

import argparse
import json
from pathlib import Path

from cotejo.command import run
from cotejo.errors import CotejoError
from cotejo.figures import FIGURES, figure
from cotejo.figures.inputs import read_inputs, read_rows
from cotejo.figures.style import LOOKS, applied, save, style_of
from cotejo.files import replacing
from cotejo.schema import did_you_mean


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--summary", type=Path, help="the study's summary.csv (default: nothing was measured)")
    parser.add_argument("--distributions", type=Path, help="the study's distributions.csv, for a kind that draws those")
    parser.add_argument("--published", type=Path, help="the study's config/published/*.csv (default: none)")
    parser.add_argument("--cost", type=Path, help="the study's cost.csv, for a kind that draws that")
    parser.add_argument("--records", type=Path, help="the study's folder of results, for a kind that draws telemetry")
    parser.add_argument("--logs", type=Path, help="the folder of the logs that the figure names (config/published)")
    parser.add_argument(
        "--machines",
        type=json.loads,
        default={},
        help="what figures call the published systems, by their ids, as JSON (default: their ids)",
    )
    parser.add_argument(
        "--figure",
        required=True,
        type=json.loads,
        help="the figure as the study has it, as JSON: kind, title and the kind's options (config/README.md)",
    )
    parser.add_argument("--style", choices=LOOKS, default="screen", help="how it is drawn (default: %(default)s)")
    parser.add_argument("--output", required=True, type=Path, nargs="+", help="what to write: .svg, .png or .pdf files")
    arguments = parser.parse_args()

    options = arguments.figure
    if options.get("kind") not in FIGURES:
        raise CotejoError(f"--figure: kind: {options.get('kind')}: no kind{did_you_mean(options.get('kind'), FIGURES)}")
    kind = figure(options["kind"])
    summary = read_rows(arguments.summary)
    inputs = read_inputs(getattr(kind, "INPUTS", ()), vars(arguments), arguments.machines)
    style = style_of(arguments.style, options.get("width"))
    words = kind.describe(summary, options, **inputs)
    with applied(style):
        drawn = kind.draw(summary, options, style, **inputs)
        for path in arguments.output:
            with replacing(path) as temporary:
                save(drawn, temporary, path.suffix.lstrip("."), options.get("title", kind.TITLE), words, style.dpi)


if __name__ == "__main__":
    run(main)
