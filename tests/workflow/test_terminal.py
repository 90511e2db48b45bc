"""What a person sees while the workflow runs, on a terminal of 80 columns and in a file; commands are stand-ins."""

import fcntl
import os
import pty
import re
import shutil
import struct
import subprocess
import sys
import termios

import pytest

STUDY = """
title: Seen on a terminal
defaults:
  {weights: synthetic, scale: small, repeats: 1, warmup_s: 2, duration_s: 1,
   model: tinyllama-1.1b-chat, dataset: prompts}
runs:
  - {name: text, backend: pytorch}
  - {name: broken, backend: openvino, precision: int8}
figures: []
"""

# Stands in for every command: makes what it is asked for. One fails, and one waits until it has been seen.
STAND_IN = """
import json
import sys
import time
from pathlib import Path

name, arguments = Path(sys.argv[0]).stem, sys.argv[1:]
if name == "export_openvino":
    print("a word or two before")
    sys.exit("error: resources/models/tinyllama-1.1b-chat: is not what it was. Delete it, and run this again")
while name == "measure_process" and not Path("seen").exists():
    time.sleep(0.01)
output = Path(arguments[arguments.index("--output") + 1])
level = {"requests": 23, "failed_requests": 0, "duration_s": 2.04}
record = {"status": "ok", "run": {"task": "text-generation"}, "levels": [level]}
if output.suffix == "":
    output.mkdir(parents=True)
else:
    for beside in (output.with_suffix(".samples.csv"), output.with_suffix(".telemetry.csv")):
        beside.touch()
    output.write_text(json.dumps(record))
"""

LOG = "logs/export_openvino/tinyllama-1.1b-chat-synthetic-small-int8.log"
TOLD = [
    "seen: 2 repeats of 2 runs to measure, at least 10 s of measuring (from warm-up",
    "  and duration alone)",
]
FAILED = [
    "FAILED: exporting tinyllama-1.1b-chat to OpenVINO, int8",
    "  error: resources/models/tinyllama-1.1b-chat: is not what it was. Delete it,",
    "    and run this again",
    f"  log: {LOG}",
]


@pytest.fixture
def seen(project):
    (project.folder / "config/studies/seen.yaml").write_text(STUDY)
    for script in (project.folder / "scripts").glob("*.py"):
        script.write_text(STAND_IN)
    return project


class Screen:
    """As much of a terminal as is needed: lines, a cursor, and what moves it."""

    def __init__(self):
        self.lines, self.row, self.column = [""], 0, 0

    def take(self, text):
        for part in re.findall(r"\x1b\[[0-9;]*[A-Za-z]|\r|\n|[^\x1b\r\n]+", text):
            if part == "\n":
                self.row += 1
                self.lines += [""] * (self.row + 1 - len(self.lines))
            elif part == "\r":
                self.column = 0
            elif part.endswith("A") and part[0] == "\x1b":
                self.row -= int(part[2:-1])
            elif part == "\x1b[J":
                self.lines = [*self.lines[: self.row], self.lines[self.row][: self.column]]
            elif part[0] != "\x1b":
                line = self.lines[self.row]
                self.lines[self.row] = line[: self.column].ljust(self.column) + part
                self.column += len(part)


def on_a_terminal(folder, until):
    """What stands on a terminal of 80 columns when `until` is first seen there, and in the end; and the exit status."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("SNAKEMAKE", "NO_COLOR"))}
    command = [sys.executable, "-m", "snakemake", "--cores", "2", "--config", "studies=[seen]"]
    process = subprocess.Popen(
        command, cwd=folder, env={**kept, "TERM": "xterm"}, stdin=slave, stdout=slave, stderr=slave
    )
    os.close(slave)
    said, then = "", []
    while True:
        try:
            said += os.read(master, 4096).decode()
        except OSError:  # the other end is closed
            break
        if not then and until in said:
            then = screen(said)
            (folder / "seen").touch()
    os.close(master)
    return then, screen(said), process.wait()


def screen(said):
    terminal = Screen()
    terminal.take(said)
    return [line for line in terminal.lines if line]


def test_a_terminal_shows_what_is_measured_and_in_the_end_what_failed(seen):
    then, finally_, status = on_a_terminal(seen.folder, "measuring seen: text, pytorch fp32, all cores, repeat 1 of 1")
    assert max(map(len, (*then[1:], *finally_[1:]))) <= 80, finally_  # the first is Snakemake's own
    now, progress = then[-2:]
    assert re.fullmatch(r"measuring seen: text, pytorch fp32, all cores, repeat 1 of 1 \(0:0\d\)", now)
    assert re.fullmatch(r"\[=*-*\] \d of 12 steps, 0 of 2 repeats, about 10 s of measuring left", progress)
    notice, *told = [line for line in finally_ if not re.match(r"\[\d", line)]
    assert notice.startswith("Using workflow specific profile")
    assert told[:2] == TOLD
    assert told[2:6] == FAILED
    assert told[6:-3] == [
        "FAILED again, as before: exporting tinyllama-1.1b-chat to OpenVINO, int8",
        "1 step failed:",
        "  exporting tinyllama-1.1b-chat to OpenVINO, int8",
        "    error: resources/models/tinyllama-1.1b-chat: is not what it was. Delete i...",
        f"    log: {LOG}",
    ], told
    assert "[4/12] text, pytorch fp32, all cores (1 of 1): 23 requests in 2.0 s" in finally_
    assert status == 1


def test_a_file_gets_plain_lines_and_snakemake_its_own_log(seen):
    (seen.folder / "seen").touch()
    done = seen.snakemake("--config", "studies=[seen]")
    assert (done.returncode, done.stdout) == (1, "")
    assert "\x1b" not in done.stderr and "\r" not in done.stderr
    lines = done.stderr.splitlines()
    assert " ".join(line.strip() for line in TOLD) in lines
    assert "text, pytorch fp32, all cores (1 of 1): 23 requests in 2.0 s" in done.stderr
    assert "of measuring left" not in done.stderr
    [log] = (seen.folder / ".snakemake/log").glob("*.log")
    assert f"  Snakemake's own log: .snakemake/log/{log.name}" in lines
    own = log.read_text()
    assert "rule measure_process:" in own and "steps (" in own and "Error in rule export_openvino:" in own

    shutil.rmtree(seen.folder / "results")
    again = seen.snakemake("--printshellcmds", "--config", "studies=[seen]")
    assert "Error in rule export_openvino:" in again.stderr and "FAILED" not in again.stderr
