"""The GPU check as people run it: rehearsed on the CPU, by which CI proves the checks, and where there is no GPU."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from cotejo.command import ROOT

pytestmark = pytest.mark.beside


def check_gpu(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, str(ROOT / "scripts" / "check_gpu.py"), "--output", str(folder), *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)


def test_a_rehearsal_takes_the_paths_on_a_cpu_and_says_so(tmp_path):
    done = check_gpu(tmp_path, "--device", "cpu", "--only", "copy-rate", "record", "driver-facts")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1].startswith("2 passed, 0 failed, 1 not tried: ")
    page = (tmp_path / "report.md").read_text()
    assert page.startswith("# GPU check: REHEARSAL ON CPU")
    told = {each["name"]: each for each in json.loads((tmp_path / "report.json").read_text())["checks"]}
    assert told["driver-facts"]["message"] == "needs a GPU"
    assert told["copy-rate"]["found"]["cpu_copy_read_and_write_gb_per_s"] > 0.1
    assert told["record"]["found"]["requests"] > 0
    assert (tmp_path / "logs" / "record.log").is_file()


def test_nothing_is_tried_where_there_is_no_gpu(tmp_path):
    import torch

    if torch.cuda.is_available():
        pytest.skip("a GPU is here")
    done = check_gpu(tmp_path, "--only", "copy-rate", "record")
    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stderr.startswith("nothing could be tried: no CUDA device here: PyTorch")
    page = (tmp_path / "report.md").read_text()
    assert page.startswith("# GPU check\n\n0 passed, 0 failed, 2 not tried.")
