"""Copies of the project to run Snakemake in, so that no test touches the checkout's results."""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from cotejo.command import ROOT
from cotejo.study import load_study


@cache
def _forks() -> "subprocess.Popen[str]":
    """A process that becomes Snakemake as often as it is asked to; it ends with the tests, whose end of the pipe it
    reads from.
    """
    command = [sys.executable, str(ROOT / "tests" / "snakemake_forks.py")]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def forked(asked: dict[str, Any]) -> int:
    """The exit status of Snakemake, run as snakemake_forks.py is asked to."""
    forks = _forks()
    assert forks.stdin and forks.stdout
    forks.stdin.write(f"{json.dumps(asked)}\n")
    forks.stdin.flush()
    return int(forks.stdout.readline())


class Project:
    """A checkout of its own, and what Snakemake says in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def snakemake(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run Snakemake in the checkout; its output is captured."""
        environment = {key: value for key, value in os.environ.items() if not key.startswith("SNAKEMAKE")}
        with tempfile.TemporaryDirectory() as folder:
            output, errors = (Path(folder) / name for name in ("output", "errors"))
            asked = {"arguments": ["--cores", "2", *arguments], "cwd": str(self.folder), "environment": environment,
                     "output": str(output), "errors": str(errors), "timeout_s": 300}  # fmt: skip
            status = forked(asked)
            said = [path.read_text() for path in (output, errors)]
        return subprocess.CompletedProcess(asked["arguments"], status, *said)

    def jobs(self, *arguments: str) -> dict[str, int]:
        """How many jobs of each rule Snakemake would run, targets left out; empty where there is nothing to be done."""
        done = self.snakemake(*arguments, "-n", "--quiet", "rules")
        assert done.returncode == 0, done.stdout + done.stderr
        counts = re.findall(r"^(\w+) +(\d+)$", done.stdout, flags=re.MULTILINE)
        return {rule: int(count) for rule, count in counts if rule not in ("all", "plots", "total")}

    def refusal(self, *arguments: str) -> str:
        """The one message that Snakemake stops with before any job; Snakemake's own notices are left out."""
        done = self.snakemake(*arguments)
        assert done.returncode == 1, done.stdout + done.stderr
        notices = ("Using workflow specific profile", "Using profiles ")
        lines = [line for line in done.stderr.splitlines() if line.strip() and not line.startswith(notices)]
        assert len(lines) == 1, done.stderr
        assert lines[0].startswith("error: ")
        return lines[0]

    def finish(self, study: str = "demo", overlay: str = "", systems: Sequence[str] = ("local",)) -> None:
        """Put down every file that a finished study has, in the order a run makes them, as empty stand-ins."""
        loaded = load_study(study, overlay, systems, self.folder / "config")
        results = self.folder / "results" / loaded.results
        files = [results / "runs.csv"]
        for run in loaded.runs:
            folder = results / "records" / run["system"] / f"{run['id']}~{run['digest']}"
            for repeat in range(1, run["repeats"] + 1):
                beside = [folder / f"r{repeat}.{name}.csv" for name in ("samples", "telemetry")]
                files += [*beside, folder / f"r{repeat}.json"]
        files += [results / f"{table}.csv" for table in ("summary", "verdicts", "distributions", "cost")]
        files += [results / "comparison.csv"] if loaded.published else []
        files += [results / "figures" / f"{entry['name']}.{end}" for entry in loaded.figures for end in ("svg", "png")]
        files.append(results / "report.html")
        if any(line["task"] == "fine-tuning" for line in loaded.lines):
            files.append(results / "tensorboard" / ".snakemake_timestamp")
        for age, path in enumerate(files):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps({}))
            # In the past, so that a file touched by a test is newer than all of them; a second apart, in order.
            os.utime(path, (1_700_000_000 + age, 1_700_000_000 + age))
        index = self.folder / "results" / "index.html"  # over all studies that are finished so far
        index.write_text("")
        os.utime(index, (1_700_100_000, 1_700_100_000))

    def write_study(self, name: str, text: str) -> None:
        """Put down a study that is older than the results which `finish` puts down."""
        path = self.folder / "config" / "studies" / f"{name}.yaml"
        path.write_text(text)
        os.utime(path, (1_600_000_000, 1_600_000_000))

    def edit(self, path: str, old: str, new: str) -> None:
        """Replace text in one of the checkout's files, which must hold it."""
        text = (self.folder / path).read_text()
        assert old in text, f"{path} doesn't hold {old!r}"
        (self.folder / path).write_text(text.replace(old, new))


def copy_checkout(folder: Path) -> Project:
    """Copy what git would clone, each file older than the results that `finish` puts down."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for name in filter(None, listed.stdout.split("\0")):
        if name.startswith(("tests/", "docs/")) or not os.path.lexists(ROOT / name):
            continue
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, target, follow_symlinks=False)
        os.utime(target, (1_600_000_000, 1_600_000_000), follow_symlinks=False)
    return Project(folder)


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """A checkout of its own, gone after the test."""
    yield copy_checkout(tmp_path / "checkout")
    shutil.rmtree(tmp_path / "checkout")


@pytest.fixture
def project_factory(tmp_path: Path) -> Callable[[str], Project]:
    """Makes checkouts of their own, by name."""
    return lambda name: copy_checkout(tmp_path / name)


def performance_script(name: str) -> ModuleType:
    """A module of tests/performance, which is no package."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "tests" / "performance" / f"{name}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
