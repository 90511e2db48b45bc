"""Put a study's figures, results, verdicts and machine into one HTML file that needs nothing else."""

import argparse
import json
import os
from pathlib import Path

from cotejo import record
from cotejo.command import run
from cotejo.cost_table import read_cost
from cotejo.files import read_json, replacing
from cotejo.report.answers import answers, environments_of
from cotejo.report.beside import beside
from cotejo.report.content import content
from cotejo.report.cost import cost
from cotejo.report.drawing import drawn
from cotejo.report.index import head
from cotejo.report.page import page
from cotejo.standing import read_standings
from cotejo.summary import read_sheet, read_summary
from cotejo.verdict_table import read_verdicts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--study",
        required=True,
        type=json.loads,
        help="JSON with the study's title, question, figures, the title of the overlay on it, or empty, and the "
        "tolerance_percent of a reproduced value",
    )
    parser.add_argument("--summary", required=True, type=Path, help="the study's summary.csv")
    parser.add_argument("--verdicts", required=True, type=Path, help="the study's verdicts.csv")
    parser.add_argument("--sheet", required=True, type=Path, help="the study's runs.csv")
    parser.add_argument("--results", required=True, type=Path, help="the folder that has the study's folder records/")
    parser.add_argument(
        "--imports",
        type=json.loads,
        default={},
        help="folders of the same kind made elsewhere, by the import's name, as JSON (default: none)",
    )
    parser.add_argument(
        "--figures",
        type=Path,
        nargs="*",
        default=[],
        help="the files of the figures, named after them, an .svg file of each among them",
    )
    parser.add_argument("--comparison", type=Path, help="the study's comparison.csv, where it names what was published")
    parser.add_argument("--cost", type=Path, help="the study's cost.csv (default: nothing is said of costs)")
    parser.add_argument(
        "--config", type=Path, nargs="*", default=[], help="the files of the study, its overlay and its systems"
    )
    parser.add_argument("--command", required=True, help="the command that makes these results again")
    parser.add_argument("--output", required=True, type=Path, help="the report to write, an .html file")
    arguments = parser.parse_args()

    def from_report(path: Path) -> str:
        return Path(os.path.relpath(path, arguments.output.parent)).as_posix()

    runs = read_sheet(arguments.sheet)
    folders = {"": arguments.results, **{name: Path(folder) for name, folder in arguments.imports.items()}}
    # Read as they are: summarise has checked them.
    records = {
        from_report(path): {**read_json(path), "origin": origin}
        for origin, folder in folders.items()
        for path in record.of_runs(folder, runs)
    }
    summary, verdicts = read_summary(arguments.summary), read_verdicts(arguments.verdicts)
    compared = read_standings(arguments.comparison) if arguments.comparison else None
    priced = read_cost(arguments.cost) if arguments.cost else None
    found = content(arguments.study, summary, verdicts, records)
    answered = answers(arguments.study, runs, summary, compared, priced, environments_of(records.values()))
    cautions = [each["text"] for each in answered if each["topic"] == "caution"]
    told = [each for each in answered if each["topic"] != "caution"]
    text = page(
        {
            **found,
            "head": head(found, told or answered),
            "cautions": cautions,
            "answers": told,
            "figures": [
                drawn(entry, [path for path in arguments.figures if path.stem == entry["name"]], from_report)
                for entry in found["figures"]
            ],
            "beside": None if compared is None else beside(compared, arguments.study["tolerance_percent"]),
            "comparison": from_report(arguments.comparison) if arguments.comparison else "",
            "cost": None if priced is None else cost(priced),
            "cost_table": from_report(arguments.cost) if arguments.cost else "",
            "command": arguments.command,
            "config": [
                {"path": path.as_posix(), "text": path.read_text(encoding="utf-8")} for path in arguments.config
            ],
            "summary": from_report(arguments.summary),
            "sheet": from_report(arguments.sheet),
            "verdict_table": from_report(arguments.verdicts),
        }
    )
    with replacing(arguments.output) as temporary:
        temporary.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    run(main)
