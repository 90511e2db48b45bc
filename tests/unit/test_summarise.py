import csv
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
from record_example import RECORD, RUN
from record_example import failed as failed_record
from test_summary import SHEET, write

from cotejo.command import ROOT
from cotejo.record import samples_path
from cotejo.summary import read_summary
from cotejo.verdict_table import read_verdicts


def summarise(results: Path, **imports: Path) -> subprocess.CompletedProcess[str]:
    with (results / "runs.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, SHEET)
        writer.writeheader()
        writer.writerows([SHEET, {**SHEET, "id": "missing", "digest": "8888888888"}])
    flags = {
        "--sheet": results / "runs.csv",
        "--results": results,
        "--imports": json.dumps({name: str(folder) for name, folder in imports.items()}),
        "--output": results / "summary.csv",
        "--verdicts": results / "verdicts.csv",
        "--distributions": results / "distributions.csv",
    }
    words = [str(word) for pair in flags.items() for word in pair]
    command = [sys.executable, str(ROOT / "scripts/summarise.py"), *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def own_and_lab(folder: Path) -> tuple[Path, Path]:
    own, lab = folder / "own", folder / "lab"
    write(own, RECORD, [0.5, 0.5])
    write(own, failed_record("timeout", repeat=2))
    shutil.copytree(own, lab)
    return own, lab


def test_it_writes_the_summary_and_the_table_of_verdicts(tmp_path: Path) -> None:
    own, lab = own_and_lab(tmp_path)
    done = summarise(own, lab=lab)
    assert done.returncode == 0, done.stderr
    assert f"2 records imported from lab, {lab}" in done.stdout
    rows, verdicts = read_summary(own / "summary.csv"), read_verdicts(own / "verdicts.csv")
    assert list(rows[rows["metric"] == "tokens_per_s"]["origin"]) == ["", "lab"]
    assert list(verdicts["run"]) == [RUN["id"], RUN["id"], "missing"]
    assert list(verdicts["origin"]) == ["", "lab", ""]
    assert list(verdicts["verdict"]) == ["smoke", "smoke", "not measured"]
    assert list(zip(verdicts["attempts"], verdicts["failures"], strict=True)) == [("2", "1"), ("2", "1"), ("0", "0")]
    assert pd.Series(verdicts["reasons"][:2]).str.contains("1 of 2 repeats failed: timeout").all()


def test_a_damaged_record_stops_it_wherever_it_comes_from(tmp_path: Path) -> None:
    own, lab = own_and_lab(tmp_path)
    [record] = lab.glob("records/*/*/r1.json")
    with samples_path(record).open("a") as stream:
        stream.write("\n")
    done = summarise(own, lab=lab)
    assert done.returncode == 1
    assert done.stderr == (
        f"error: import lab: {samples_path(record)}: has changed since r1.json was written. Restore it, or delete both "
        f"to measure again. Or take the import out of the study\n"
    )
    assert not (own / "summary.csv").exists() and not (own / "verdicts.csv").exists()
    assert summarise(own).returncode == 0
    assert summarise(lab).stderr.startswith(f"error: {samples_path(record)}: has changed")
