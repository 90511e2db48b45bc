"""Re-analyse what was published, on paper alone: a page, a table of findings, and every published figure."""

import argparse
import os
from pathlib import Path

from cotejo.command import run
from cotejo.figures.style import LOOKS
from cotejo.files import replacing
from cotejo.published.analysis import findings, paper_of, studies_of
from cotejo.published.check import table
from cotejo.published.drawing import draw_all
from cotejo.published.page import page
from cotejo.report.drawing import drawn

FORMATS = ("svg", "png", "pdf")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--config",
        type=Path,
        default=Path("config"),
        help="the folder that has studies/, published/ and systems/ (default: %(default)s)",
    )
    parser.add_argument(
        "--formats",
        nargs="+",
        choices=FORMATS,
        default=["svg", "png"],
        help="what figures are written as; always .svg too (default: svg png)",
    )
    parser.add_argument("--style", choices=LOOKS, default="screen", help="how figures are drawn (default: %(default)s)")
    parser.add_argument("--figures", required=True, type=Path, help="the folder of the figures to write")
    parser.add_argument("--analysis", required=True, type=Path, help="the table of findings to write, a .csv file")
    parser.add_argument("--output", required=True, type=Path, help="the page to write, an .html file")
    arguments = parser.parse_args()

    studies = studies_of(arguments.config)
    papers = [paper_of(study, arguments.config) for study in studies]
    found = {paper.study: list(findings(paper)) for paper in papers}
    formats = list(dict.fromkeys(["svg", *arguments.formats]))

    def from_page(path: Path) -> str:
        return Path(os.path.relpath(path, arguments.output.parent)).as_posix()

    figures = {
        study.name: [
            drawn(entry, files, from_page)
            for entry, files in draw_all(
                study, paper, arguments.config, arguments.style, formats, arguments.figures / study.name
            )
        ]
        for study, paper in zip(studies, papers, strict=True)
    }
    rows = {study.name: from_page(study.published) for study in studies}
    with replacing(arguments.analysis) as temporary:
        lines = [(study, check) for study, checks in found.items() for check in checks]
        table(lines).to_csv(temporary, index=False, lineterminator="\n")
    with replacing(arguments.output) as temporary:
        temporary.write_text(page(papers, found, figures, rows), encoding="utf-8")


if __name__ == "__main__":
    run(main)
