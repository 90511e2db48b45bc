import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from cotejo.command import ROOT

COMMAND = """
    import pathlib, sys, time
    from cotejo.command import run

    def main():
        try:
            print("started", flush=True)
            time.sleep(60)
        finally:
            pathlib.Path(sys.argv[1]).touch()

    run(main)
"""


def started(marker: Path, *before: str) -> subprocess.Popen[str]:
    """A command under way, which leaves the marker when it is stopped as it should be."""
    command = [*before, sys.executable, "-c", textwrap.dedent(COMMAND), str(marker)]
    process = subprocess.Popen(command, cwd=ROOT / "scripts", stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "started\n"
    return process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_stopped_command_cleans_up_and_says_which_signal(number: signal.Signals, tmp_path: Path) -> None:
    process = started(tmp_path / "stopped")
    process.send_signal(number)
    assert process.wait(10) == 128 + number
    assert (tmp_path / "stopped").exists()


def test_a_command_under_nohup_lives_on_when_its_terminal_goes(tmp_path: Path) -> None:
    process = started(tmp_path / "stopped", "nohup")
    process.send_signal(signal.SIGHUP)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.5)
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 128 + signal.SIGTERM
