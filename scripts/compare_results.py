"""Compare two results folders, run by run, from their records; or show a comparison that was written.

Exit status: 0 where no run became slower, 3 where a run is slower beyond the tolerance or newly fails, 1 where the
comparison can't be made (one line says why), 2 where the command line is wrong. The comparison is written in any case
but the last two.
"""

import argparse
import json
import sys
from pathlib import Path

from cotejo.command import run
from cotejo.comparison.folders import check_folders
from cotejo.comparison.gate import TOLERANCE_PERCENT, regressions
from cotejo.comparison.table import compare, read_comparison, read_results
from cotejo.comparison.text import lines
from cotejo.files import replacing
from cotejo.verdict import THRESHOLDS

REGRESSION = 3


def thresholds(text: str) -> dict[str, float]:
    """The thresholds of a verdict: those given as JSON, and the defaults of the others."""
    try:
        given = json.loads(text)
    except json.JSONDecodeError as error:
        raise argparse.ArgumentTypeError(f"{text}: not JSON ({error})") from error
    if not isinstance(given, dict) or not given.keys() <= THRESHOLDS.keys():
        raise argparse.ArgumentTypeError(f"{text}: must be a mapping with keys among {', '.join(THRESHOLDS)}")
    return {**THRESHOLDS, **given}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--baseline", help="the results/<study> folder that the other is compared with")
    parser.add_argument("--candidate", help="the results/<study> folder that is compared")
    parser.add_argument("--output", type=Path, help="the comparison to write, comparison.csv")
    parser.add_argument("--show", type=Path, help="show and judge this comparison.csv instead of writing one")
    parser.add_argument("--only-write", action="store_true", help="leave showing and judging it to --show")
    parser.add_argument(
        "--tolerance-percent",
        type=float,
        default=TOLERANCE_PERCENT,
        help="how much longer the same work may take, config.yaml's `compare` (default: %(default)s)",
    )
    parser.add_argument(
        "--verdict",
        type=thresholds,
        default=dict(THRESHOLDS),
        help="what a publishable result needs, as JSON: keys of config.yaml's `verdict` (default: %(default)s)",
    )
    arguments = parser.parse_args()
    path = arguments.show or arguments.output
    if not path or bool(arguments.show) == bool(arguments.baseline or arguments.candidate or arguments.output):
        parser.error("--baseline, --candidate, --output: one is missing. Give all three, or --show")
    if not arguments.show:
        check_folders(arguments.baseline or "", arguments.candidate or "", "--")
        folders = (Path(arguments.baseline), Path(arguments.candidate))
        table = compare(*(read_results(folder, arguments.verdict) for folder in folders))
        with replacing(path) as temporary:
            table.to_csv(temporary, index=False, lineterminator="\n")
        print(f"{path}: {len(table)} rows")
    if arguments.only_write:
        return
    comparison = read_comparison(path)
    print("\n".join(lines(comparison)))
    slower = regressions(comparison, arguments.tolerance_percent)
    print("\n".join(slower) or f"no run is slower by more than {arguments.tolerance_percent:g} %, none newly fails")
    if slower:
        sys.exit(REGRESSION)


if __name__ == "__main__":
    run(main)
