"""Write a study's sheet, one row for each run, or show sheets that were written, or print one run's settings."""

import argparse
import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cotejo.command import ROOT, run
from cotejo.errors import CotejoError
from cotejo.estimate import Earlier, estimate, missing, total
from cotejo.estimate_disk import disk_use
from cotejo.files import replacing
from cotejo.schema import load_yaml
from cotejo.sheet import sheet_text
from cotejo.stand_in import phrases, why_not
from cotejo.study import CONFIG, Study, load_study
from cotejo.terminal.words import plural

SHOWN = ("rank", "id", "digest", "repeats", "warmup_s", "duration_s")


def show_sheet(path: Path) -> None:
    """Print a sheet's runs by system, each as an aligned table, and what isn't measured there."""
    with path.open(newline="", encoding="utf-8") as stream:
        lines = list(csv.DictReader(stream))
    for system in dict.fromkeys(line["system"] for line in lines):
        print(f"{path}, system {system}")
        show_lines([line for line in lines if line["system"] == system], path.parent)
        print()


def show_lines(lines: list[dict[str, str]], results: Path) -> None:
    """Print the lines of one system, and what measuring those that have no record yet takes: time, and disk."""
    rows = [line for line in lines if not why_not(line)]
    table = [list(SHOWN), *([row.get(column, "") for column in SHOWN] for row in rows)]
    widths = [max(len(row[column]) for row in table) for column in range(len(SHOWN))]
    for line in table:
        print("  " + "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
    repeats = sum(int(row["repeats"]) for row in rows)
    print(f"  {len(rows)} runs, {repeats} repeats")
    for line in estimates([{key: value or None for key, value in row.items()} for row in rows], results):
        print(f"  {line}")
    for line in lines:
        stand_ins = ", ".join(phrases(line))
        if stand_ins or why_not(line):
            print(f"  {line['id']}: {why_not(line) or stand_ins}")


def estimates(runs: Sequence[Mapping[str, Any]], results: Path) -> list[str]:
    """How long the runs of one system will take, and what they add to the disk, a line each.

    `results` is their study's folder, below that of all studies. What has a record counts as done.
    """
    to_come = [(run, len(missing(run, results))) for run in runs]
    repeats = sum(number for _, number in to_come)
    if not repeats:
        return ["all of it is measured"]
    earlier = Earlier(results.parent, runs[0]["system"])
    expected = total(one for run, number in to_come if number for one in [estimate(run, earlier)] * number)
    models, config = load_yaml(CONFIG / "models.yaml", "models"), load_yaml(CONFIG / "config.yaml", "config")
    use = disk_use(runs, models, config["environments"], ROOT, results)
    preparing = ", and models and exports to make first" if use.known.keys() - {"records"} else ""
    lines = [f"{plural(repeats, 'repeat')} to come: {expected.words()}{preparing}", f"disk: {use.words()}"]
    return [*lines, *([f"WARNING: {use.warning()}"] if use.warning() else [])]


def settings(study: Study, name: str) -> dict[str, Any]:
    """A run as the commands that measure one are told it (`--run`), by its id, or by its block's name where that has
    only one run. CotejoError where there is none, or more.
    """
    found = [line for line in study.runs if name in (line["id"], line["name"])]
    if len(found) != 1:
        several = "has several runs" if found else "no such run"
        raise CotejoError(f"--run: {name}: {several}. One of {', '.join(each['id'] for each in found or study.runs)}")
    return {key: value for key, value in found[0].items() if key != "repeats"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--show", type=Path, nargs="+", help="print these sheets and do nothing else")
    parser.add_argument("--study", help="the name of a file in config/studies/, without .yaml")
    parser.add_argument("--overlay", default="", help="the name of a file in config/overlays/, or empty")
    parser.add_argument(
        "--systems", nargs="+", default=["local"], help="the names of files in config/systems/ (default: local)"
    )
    parser.add_argument("--output", type=Path, help="the sheet to write, runs.csv")
    parser.add_argument("--run", help="print the settings of this run, by its id or its block's name, as JSON")
    arguments = parser.parse_args()
    if arguments.show:
        for path in arguments.show:
            show_sheet(path)
        return
    if not arguments.study or not (arguments.output or arguments.run):
        parser.error("--study: is missing, or --output and --run are. Give --study and one of these, or --show")
    study = load_study(arguments.study, arguments.overlay, arguments.systems)
    if arguments.run:
        print(json.dumps(settings(study, arguments.run)))
        return
    with replacing(arguments.output) as temporary:
        temporary.write_text(sheet_text(study), encoding="utf-8")


if __name__ == "__main__":
    run(main)
