"""The command that writes a study's event files: of its whole trainings, and of nothing else."""

import csv
import subprocess
import sys
from pathlib import Path

from record_example import RECORD, changed
from record_example import failed as failed_record
from test_event_files import TUNING

from cotejo import record
from cotejo.command import ROOT
from cotejo.samples import Level, write_samples
from cotejo.tasks.fine_tuning import COLUMNS


def put(results: Path, facts: dict) -> None:
    path = results / "records" / facts["system"] / record.folder_name(facts["run"]) / f"r{facts['repeat']}.json"
    raw = None
    if facts["status"] == "ok":
        step = {"level": "training", "index": 0, "item": "4 pairs", "scheduled_s": 0.0, "sent_s": 0.0, "done_s": 0.5,
                "tokens_in": 30, "tokens_out": 20, "ok": 1, "pairs": 4, "loss": 9.0}  # fmt: skip
        raw = results / "raw.csv"
        write_samples(raw, [Level("training", samples=[step])], COLUMNS)
    record.write(path, facts, raw)


def test_every_whole_training_of_the_sheet_has_its_file_and_nothing_else_has_one(tmp_path: Path) -> None:
    training = changed(RECORD, run=TUNING)
    put(tmp_path, training)
    put(tmp_path, failed_record("out-of-memory", run=TUNING, repeat=2))
    put(tmp_path, changed(training, run__id="of-no-line"))
    put(tmp_path, RECORD)
    sheet = tmp_path / "runs.csv"
    with sheet.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, ["id", "digest"], extrasaction="ignore")
        writer.writeheader()
        writer.writerows([TUNING, RECORD["run"]])
    output = tmp_path / "tensorboard"
    (output / "of-before").mkdir(parents=True)

    command = [sys.executable, str(ROOT / "scripts/write_tensorboard.py"), "--sheet", str(sheet)]
    command += ["--results", str(tmp_path), "--output", str(output)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (found,) = [path.relative_to(output) for path in output.rglob("*") if path.is_file()]
    assert found.parent == Path("local", TUNING["id"], "r1")
    assert "event files of 1 repeats" in done.stdout
    assert not (output / "of-before").exists()
