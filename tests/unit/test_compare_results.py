import subprocess
import sys
from pathlib import Path

import pytest
from results_example import STEADY_S, put_run

from cotejo.command import ROOT
from cotejo.comparison.table import COLUMNS, read_comparison

COMMAND = [sys.executable, str(ROOT / "scripts/compare_results.py")]


def command(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *map(str, arguments)], capture_output=True, text=True)


def compared(folder: Path, factor: float, *arguments: object) -> subprocess.CompletedProcess[str]:
    """The command on a steady run and one whose requests take this many times as long."""
    put_run(folder / "before", STEADY_S)
    put_run(folder / "after", [time_s * factor for time_s in STEADY_S])
    sides = ("--baseline", folder / "before", "--candidate", folder / "after")
    return command(*sides, "--output", folder / "comparison.csv", *arguments)


def test_unchanged_ends_with_0(tmp_path: Path) -> None:
    done = compared(tmp_path, 1.0)
    assert done.returncode == 0, done.stderr
    assert "no run is slower by more than 2 %" in done.stdout
    assert list(read_comparison(tmp_path / "comparison.csv").columns) == list(COLUMNS)


def test_slower_ends_with_3_and_is_written(tmp_path: Path) -> None:
    done = compared(tmp_path, 1.25)
    assert done.returncode == 3, done.stderr
    assert "text_int8, single-stream: slower: the same work takes 25" in done.stdout
    assert "slower" in set(read_comparison(tmp_path / "comparison.csv")["standing"])
    shown = command("--show", tmp_path / "comparison.csv")
    assert shown.returncode == 3
    assert shown.stdout == done.stdout.split("rows\n", 1)[1]


def test_a_wide_tolerance_forgives(tmp_path: Path) -> None:
    assert compared(tmp_path, 1.25, "--tolerance-percent", 50).returncode == 0


def test_writing_alone_judges_nothing(tmp_path: Path) -> None:
    done = compared(tmp_path, 1.25, "--only-write")
    assert done.returncode == 0
    assert "slower" not in done.stdout
    assert (tmp_path / "comparison.csv").is_file()


def test_what_cannot_be_compared_ends_with_1_and_one_line(tmp_path: Path) -> None:
    put_run(tmp_path / "a", STEADY_S)
    done = command("--baseline", tmp_path / "a", "--candidate", tmp_path / "b", "--output", tmp_path / "c.csv")
    assert done.returncode == 1
    assert done.stderr.startswith("error: --candidate: ") and done.stderr.count("\n") == 1
    assert not (tmp_path / "c.csv").exists()


@pytest.mark.parametrize("arguments", [(), ("--show", "a.csv", "--output", "b.csv")])
def test_a_wrong_command_line_ends_with_2(arguments: tuple[str, ...]) -> None:
    assert command(*arguments).returncode == 2


def test_another_table_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("run,metric\n")
    done = command("--show", tmp_path / "a.csv")
    assert done.returncode == 1
    assert "lacks the column baseline. Give the comparison.csv" in done.stderr


def test_a_missing_comparison_is_one_line(tmp_path: Path) -> None:
    done = command("--show", tmp_path / "a.csv")
    assert done.returncode == 1
    assert done.stderr == f"error: {tmp_path}/a.csv: no such file. Give the comparison.csv that compare_results wrote\n"


def test_one_threshold_leaves_the_others(tmp_path: Path) -> None:
    assert compared(tmp_path, 1.0, "--verdict", '{"repeats": 100}').returncode == 0
    assert "repeats 6 < 100" in read_comparison(tmp_path / "comparison.csv")["candidate_reasons"][0]
    for wrong in ("{", "3", '{"repeat": 100}'):
        done = compared(tmp_path, 1.0, "--verdict", wrong)
        assert done.returncode == 2
        assert f"argument --verdict: {wrong}: " in done.stderr


def test_only_one_folder_is_refused(tmp_path: Path) -> None:
    put_run(tmp_path / "a", STEADY_S)
    done = command("--baseline", tmp_path / "a", "--output", tmp_path / "c.csv")
    assert done.returncode == 1
    assert "--candidate: '': a comparison needs two folders" in done.stderr
