"""The GPU check's harness, by checks that pass, fail, crash, hang and can't be tried."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import check_gpu
import gpu_check_examples
import pytest

from cotejo.code import SCRIPTS
from cotejo.command import ROOT
from cotejo.errors import CotejoError
from cotejo.gpu_check import all_checks, report
from cotejo.gpu_check.check import checks_of, why_untried
from cotejo.gpu_check.machine import count
from cotejo.gpu_check.perform import FAIL, PASS, UNTRIED, Result, exit_status, perform
from cotejo.study import load_study

PAGE = ROOT / "docs" / "gpu.md"
EXAMPLES = {each.name: each for each in checks_of(gpu_check_examples)}
SEEN = {
    "python": "3.11.7 (/usr/bin/python3)",
    "versions": {"torch": "2.13.0", "transformers": "5.5.4"},
    "machine": {"cpu": "A CPU", "cores": 16, "memory_mib": 1024, "os": "An OS", "kernel": "6.1"},
    "gpus": [{"name": "A GPU", "memory_mib": 24576, "driver": "550.1", "cuda": "12.4", "uuid": "GPU-1"}],
    "torch": {"gpus": 1, "names": ["A GPU"], "cuda": "12.9", "cudnn": 91002, "nccl": "2.27.3", "architectures": []},
    "revision": "0123abc",
}


@pytest.fixture(scope="module")
def performed(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Result], list[str], Path]:
    """What the example checks came to in a rehearsal, in which order that was said, and their logs."""
    folder, said = tmp_path_factory.mktemp("gpu-check"), []
    path = Path(os.pathsep.join([str(SCRIPTS), str(ROOT / "tests" / "unit")]))
    results = perform([*EXAMPLES.values()], "cpu", 0, folder / "logs", lambda one: said.append(one.name), path)
    return {each.name: each for each in results}, said, folder / "logs"


def test_what_passes_says_what_it_found(performed):
    result = performed[0]["passes"]
    assert (result.result, result.message, result.proves) == (PASS, "", "It works")
    assert result.found == {"rate_hz": 4.99999, "each": [1.5, 2.0], "driver": "a|b"}
    assert result.wall_s and result.wall_s > 0


def test_what_fails_says_why_and_keeps_its_log(performed):
    results, _, logs = performed
    result = results["fails"]
    assert (result.result, result.message) == (FAIL, "tokens: 3: the CPU says 4.\nLook again")
    assert result.log == "logs/fails.log"
    log = (logs / "fails.log").read_text()
    assert "seen in the log" in log and "CotejoError" in log


def test_what_crashes_or_hangs_ends_nothing_but_itself(performed):
    results, said, _ = performed
    assert said == [*EXAMPLES]
    assert results["crashes"].result == results["hangs"].result == FAIL
    assert results["crashes"].message == "ended by signal 11. Its last line: about to"
    assert results["hangs"].message.startswith("had not ended after 0.6 s")


def test_what_is_not_there_is_never_a_pass(performed):
    results = performed[0]
    assert (results["lacks"].result, results["lacks"].message) == (UNTRIED, "needs a server")
    assert (results["wants"].result, results["wants"].message) == (UNTRIED, "needs no_such_package, nor_this")
    assert (results["on-gpus-alone"].result, results["on-gpus-alone"].message) == (UNTRIED, "needs a GPU")
    assert results["several"].result == PASS  # in a rehearsal


def test_gpus_are_counted_where_there_are_some():
    assert why_untried(EXAMPLES["several"], "cuda", 1) == "needs 2 GPUs, and here is one"
    assert why_untried(EXAMPLES["several"], "cuda", 2) is None
    assert why_untried(EXAMPLES["on-gpus-alone"], "cuda", 1) is None


def test_the_status_tells_failures_from_nothing_tried():
    passed, failed, untried = (Result("one", "", result) for result in (PASS, FAIL, UNTRIED))
    assert exit_status([passed, untried]) == 0
    assert exit_status([passed, failed]) == 1
    assert exit_status([untried]) == 2


def test_where_there_is_no_gpu_the_reason_is_told():
    there = {"torch": {"gpus": 0, "missing": "no CUDA device here"}}
    assert count(there, "cuda") == (0, "no CUDA device here")
    assert count(there, "cpu") == (0, None)
    assert count(SEEN, "cuda") == (1, None)


def test_the_table_has_a_row_for_each_and_the_versions(performed, tmp_path):
    results = [*performed[0].values()]
    report.write(tmp_path, results, SEEN, "cuda", "2026-01-31T12:00:00.000Z")
    page = (tmp_path / "report.md").read_text()
    assert page.startswith("# GPU check\n\n2 passed, 3 failed, 3 not tried. 2026-01-31T12:00:00.000Z, Cotejo 0123abc.")
    assert "- GPU A GPU, 24576 MiB, driver 550.1 (CUDA 12.4), GPU-1\n" in page
    assert "torch 2.13.0, transformers 5.5.4; cuda 12.9, cudnn 91002, nccl 2.27.3\n" in page
    assert "| It works | rate_hz 5, each 1.5, 2, driver a\\|b |" in page
    assert "| **FAIL** |" in page
    assert "tokens: 3: the CPU says 4. Look again (log: logs/fails.log) |" in page
    rows = [line for line in page.splitlines() if line.startswith("| ")]
    assert len(rows) == 2 + len(results)
    told = json.loads((tmp_path / "report.json").read_text())
    assert [each["result"] for each in told["checks"]] == [each.result for each in results]
    assert (told["device"], told["torch"]["gpus"], told["versions"]["torch"]) == ("cuda", 1, "2.13.0")


def test_a_rehearsal_says_so_in_its_title(tmp_path):
    page = report.page([], SEEN, "cpu", "")
    assert page.startswith("# GPU check: REHEARSAL ON CPU, which proves nothing of a GPU\n")


def test_checks_are_chosen_by_name():
    checks = [*EXAMPLES.values()]
    assert check_gpu.chosen(checks, None) == checks
    assert check_gpu.chosen(checks, ["hangs", "passes"]) == [EXAMPLES["passes"], EXAMPLES["hangs"]]
    with pytest.raises(CotejoError, match=r"--only: pases: no such check\. One of passes, fails"):
        check_gpu.chosen(checks, ["pases"])


def test_every_check_has_a_name_of_its_own_and_says_what_it_proves():
    checks = all_checks()
    assert len({each.name for each in checks}) == len(checks) > 15
    assert all(each.proves and len(each.proves) < 120 for each in checks)


# Snakemake, what checks and analyses, and all that only some paths need.
ABSENT = (
    "snakemake", "jsonschema", "pandas", "scipy", "matplotlib", "openvino", "optimum", "psutil", "accelerate", "PIL",
    "av", "pynvml", "onnx", "onnxruntime", "ultralytics", "whisper", "uvloop", "httptools", "deepspeed", "tensorrt",
)  # fmt: skip
IMPORT_ALL = f"""
import sys
sys.modules.update(dict.fromkeys({ABSENT}))
import check_gpu, measure_process, plan_runs, prepare_dataset, synthesize_model
from cotejo.gpu_check import all_checks
all_checks()
from cotejo.study import load_study
assert load_study("ccad-llava-a30", "synthetic").runs
assert "torch" not in sys.modules and "transformers" not in sys.modules
"""


def test_an_interpreter_with_torch_and_transformers_alone_can_run_the_commands():
    environment = os.environ | {"PYTHONPATH": str(SCRIPTS)}
    done = subprocess.run([sys.executable, "-c", IMPORT_ALL], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "config/models.yaml: not checked, for" in done.stderr


def test_the_page_about_gpus_says_of_every_check_what_it_would_prove():
    table = PAGE.read_text().partition("## What no GPU has proven yet")[2]
    cells = re.findall(r"\| `([a-z0-9 -]+)` \|$", table, flags=re.MULTILINE)
    assert {name for cell in cells for name in cell.split()} == {each.name for each in all_checks()}


def test_the_runs_that_the_page_shows_are_runs(tmp_path):
    shutil.copytree(ROOT / "config", tmp_path / "config")
    [shown] = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)
    (tmp_path / "config" / "studies" / "shown.yaml").write_text(f"title: As the page shows\n{shown}figures: []\n")
    runs = {run["name"]: run for run in load_study("shown", config=tmp_path / "config").runs}
    assert {name: run["accelerators"] for name, run in runs.items()} == {
        "one-gpu": 1, "halves": 2, "uneven": 2, "tensors": 2, "engine": 1, "together": 2,
    }  # fmt: skip


@pytest.mark.parametrize("study", ["ccad-llava-a30", "cml-t5-deepspeed", "cml-vllm-ray"])
def test_what_is_measured_where_no_model_can_be_fetched_says_so_and_is_of_full_scale(study):
    runs = load_study(study, "synthetic").runs
    assert {(run["weights"], run["scale"]) for run in runs} == {("synthetic", "full")}
    assert {run["dataset"] for run in runs} <= {
        "vizwiz-like",
        "synthetic-text-to-sql",
        "sharegpt-like",
        "singapore",
        "prompts",
    }
