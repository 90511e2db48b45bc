"""docs/tutorial.md, followed by its text alone: every command as it stands there, and what is said to come of it."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from cotejo import record
from cotejo.command import ROOT
from cotejo.files import read_json

TUTORIAL = ROOT / "docs" / "tutorial.md"
# What brings a reader to where the copy of a checkout begins.
INSTALLED = ["git clone <this repository> cotejo", "cd cotejo", "make setup"]
FENCED = re.compile(r"^```(\w+)\n(.*?)^```$", flags=re.MULTILINE | re.DOTALL)


class Step(NamedTuple):
    """A box of commands, and the box of output after it; None where the text shows none."""

    commands: str
    output: str | None


def steps() -> list[Step]:
    boxes = FENCED.findall(TUTORIAL.read_text(encoding="utf-8"))
    assert {kind for kind, _ in boxes} == {"bash", "text"}
    following = [*boxes[1:], ("", "")]
    return [
        Step(content, output if kind == "text" else None)
        for (box, content), (kind, output) in zip(boxes, following, strict=True)
        if box == "bash"
    ]


def abstracted(line: str) -> str:
    """A line without what differs from machine to machine and from day to day: numbers, times, digests, verdicts."""
    line = re.sub(r"\b(smoke|noisy|unsteady)\b", "VERDICT", line)
    line = re.sub(r"(\d+ VERDICT(, )?)+", "VERDICTS", line)
    line = re.sub(r"\b[0-9a-f]{10}\b", "DIGEST", line)
    line = re.sub(r"(about |at least )?\d+(\.\d+)? (h|min|s)( \d+ (min|s))?( to (\d+ (h|min|s) ?)+)?\b", "TIME ", line)
    line = re.sub(r"\d[\d.,]*", "N", line)
    return re.sub(r"[\s-]+", " ", line).strip()


def shown_in(shown: str, lines: list[str]) -> bool:
    """Whether a line of the text stands among those of the terminal, with anything where the text has an ellipsis."""
    pattern = ".*".join(re.escape(abstracted(part)) for part in shown.split("…"))
    return any(re.search(pattern, line) for line in lines)


class Reader:
    """Somebody at a terminal in a fresh checkout, with a home of their own."""

    def __init__(self, checkout: Path, home: Path) -> None:
        self.checkout, self.home = checkout, home
        (checkout / ".venv").symlink_to(sys.prefix)
        home.mkdir()

    def types(self, commands: str) -> str:
        """What the terminal says to a box of commands, each of which must succeed."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith("SNAKEMAKE")}
        done = subprocess.run(
            ["bash", "-c", f"set -euo pipefail\nsource .venv/bin/activate\n{commands}"],
            cwd=self.checkout,
            env=kept | {"HOME": str(self.home), "COLUMNS": "200"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=900,
        )
        assert done.returncode == 0, f"{commands}\n{done.stdout}"
        return done.stdout

    def follows(self, step: Step) -> str:
        """Type a step and hold what comes against what the text shows."""
        said = self.types(step.commands)
        lines = [abstracted(line) for line in said.splitlines()]
        for shown in (step.output or "").splitlines():
            if shown.strip("… "):
                assert shown_in(shown, lines), f"the text shows {shown!r}, the terminal said:\n{said}"
        return said

    def records(self) -> dict[Path, int]:
        """The records that are there, with when they were written."""
        return {path: path.stat().st_mtime_ns for path in record.find(self.checkout / "results" / "mine")}


@pytest.fixture
def reader(project, tmp_path: Path) -> Iterator[Reader]:
    yield Reader(project.folder, tmp_path / "home")


def prepare(reader: Reader) -> list[Step]:
    """Follow the text until nothing is left but to measure; the steps from there on."""
    install, model, entry, pictures, question, *later = steps()
    commands = install.commands.splitlines()
    assert commands[:3] == INSTALLED
    reader.types("\n".join(commands[3:]))
    for step in (model, entry, pictures, question):
        reader.follows(step)
    # A plan makes nothing.
    assert not list(reader.checkout.glob("resources/models/*")) and not reader.records()
    return later


@pytest.mark.beside
def test_the_tutorial_leads_to_a_plan(reader: Reader) -> None:
    assert len(prepare(reader)) == 5
    said = reader.types("snakemake --cores all --config studies=[mine] -n --quiet rules")
    assert re.search(r"^measure_process +8$", said, flags=re.MULTILINE)


@pytest.mark.tutorial
def test_the_tutorial_holds_what_it_promises(reader: Reader) -> None:
    measure, verdicts, change, figure, compare = prepare(reader)
    results = reader.checkout / "results"

    reader.follows(measure)
    first = reader.records()
    assert len(first) == 8
    for path in first:
        measured = read_json(path)
        assert (measured["status"], measured["run"]["weights"]) == ("ok", "own")
        assert "own-weights" in measured["marks"] and measured["model"]["source"].keys() == {"sha256"}
    page = (results / "mine" / "report.html").read_text(encoding="utf-8")
    assert "Does ONNX Runtime caption my photographs faster" in page and "own weights" in page
    assert not re.search(r'(src|href)="https?://[^"]+\.(js|css)', page)

    reader.follows(verdicts)

    reader.follows(change)
    second = reader.records()
    assert len(second) == 12 and first.items() <= second.items()  # only the new is measured

    drawn = results / "mine" / "figures" / "speed.svg"
    others = {path: path.stat().st_mtime_ns for path in results.rglob("*.csv")}
    reader.follows(figure)
    assert drawn.is_file() and second == reader.records()
    assert others == {path: path.stat().st_mtime_ns for path in results.rglob("*.csv")}

    reader.follows(compare)
    assert (results / "compare" / "comparison.csv").is_file()

    assert "Nothing to be done" in reader.types("snakemake --cores all --config studies=[mine]")


@pytest.mark.beside
def test_a_shown_line_that_the_terminal_does_not_say_is_found() -> None:
    lines = [abstracted("[3/14] exporting my-captioner to ONNX, fp32: 1 min 2 s")]
    assert shown_in("[4/15] exporting my-captioner to ONNX, fp32: 13 s", lines)
    assert shown_in("[4/15] exporting …", lines)
    assert not shown_in("[4/15] exporting my-captioner to ONNX, int8: 13 s", lines)
    assert abstracted("mine: 2 noisy, 1 smoke (results)") == abstracted("mine: 3 smoke (results)")
