"""Write a study's sheet, one row for each run, or show sheets that were written."""

import argparse
import csv
import sys
from pathlib import Path

from cotejo.command import run
from cotejo.files import replacing
from cotejo.load import levels_of
from cotejo.order import drawn
from cotejo.record import folder_name
from cotejo.study import Run, load_study
from cotejo.tasks import task

SHOWN = ("rank", "id", "digest", "repeats", "warmup_s", "duration_s")


def write_sheet(runs: list[Run], output: Path) -> None:
    """Write one row for each run, with every key that any run has; a run's missing keys stay blank."""
    columns = list(dict.fromkeys(key for one in runs for key in one))
    with replacing(output) as temporary, temporary.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, columns, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(runs)


def show_sheet(path: Path) -> None:
    """Print a sheet's runs as an aligned table, and the least time that measuring them takes."""
    with path.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    table = [list(SHOWN), *([row[column] for column in SHOWN] for row in rows)]
    widths = [max(len(row[column]) for row in table) for column in range(len(SHOWN))]
    print(path)
    for line in table:
        print("  " + "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
    repeats = sum(int(row["repeats"]) for row in rows)
    seconds = sum(int(row["repeats"]) * least_s(row) for row in rows)
    print(f"  {len(rows)} runs, {repeats} repeats, at least {seconds / 60:.1f} min of measuring\n")


def least_s(row: dict[str, str]) -> float:
    """The least time that one repeat of a sheet's row measures, warm-ups included, in seconds."""
    # A run with a stop_width may end after its stop_least_s, a column that sheets without such runs lack.
    level_s = float(row["warmup_s"]) + float(row.get("stop_least_s") or row["duration_s"])
    return level_s * (len(levels_of(row)) if row.get("server") else len(task(row["task"]).LEVELS))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--show", type=Path, nargs="+", help="print these sheets and do nothing else")
    parser.add_argument("--study", help="the name of a file in config/studies/, without .yaml")
    parser.add_argument("--overlay", default="", help="the name of a file in config/overlays/, or empty")
    parser.add_argument("--system", default="local", help="the name of a file in config/systems/")
    parser.add_argument("--output", type=Path, help="the sheet to write, runs.csv")
    arguments = parser.parse_args()
    if arguments.show:
        for path in arguments.show:
            show_sheet(path)
        return
    if not arguments.study or not arguments.output:
        parser.error("give --study and --output, or --show")
    study = load_study(arguments.study, arguments.overlay, arguments.system)
    order = drawn((study.results, folder_name(one)) for one in study.runs)
    ranks = [order.index((study.results, folder_name(one))) + 1 for one in study.runs]
    write_sheet([{**one, "rank": rank} for one, rank in zip(study.runs, ranks, strict=True)], arguments.output)
    for line in study.merged:
        print(f"equal under the overlay, measured once: {line}", file=sys.stderr)


if __name__ == "__main__":
    run(main)
