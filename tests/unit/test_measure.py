import sys
from contextlib import nullcontext
from pathlib import Path

import pytest
from nvml_example import FakeNvml, memory

from cotejo import accelerators, affinity
from cotejo.affinity import Watch
from cotejo.artefact import Failure
from cotejo.child import Ending, child_environment
from cotejo.errors import CotejoError
from cotejo.measure import _outcome, _Ran, _ran, judge, measure
from cotejo.repeat import Inputs

OK = {"status": "ok", "reason": None, "message": None}


def ending(exit_code=0, timed_out=False, oom_killed=False, last_line=""):
    return Ending(exit_code, timed_out, oom_killed, last_line, 1.0, 1.0)


def watch(checks=3, violations=()):
    return Watch(frozenset({0, 1}), checks, {0, 1}, list(violations))


def test_a_process_that_measured_on_its_cpus_has_not_failed():
    assert judge(ending(), OK, watch(), 60) is None


STRAY = {"thread": "OMP worker", "cpus": "0-3"}


@pytest.mark.parametrize(
    ("ended", "said", "watched", "reason", "words"),
    [
        (ending(-9, timed_out=True), None, watch(), "timeout", "60 s (timeout_s)"),
        (ending(-9, oom_killed=True), None, watch(), "out-of-memory", "by the kernel"),
        (ending(-9, last_line="loading"), None, watch(), "killed", "SIGKILL. Its last line: loading"),
        (ending(-15, oom_killed=True), None, watch(), "killed", "SIGTERM"),  # the kernel kills with SIGKILL only
        (ending(-11), None, watch(), "killed", "SIGSEGV. Its last line: it wrote nothing"),
        (ending(-6, last_line="what():  std::bad_alloc"), None, watch(), "out-of-memory", "bad_alloc"),
        (ending(1, last_line="MemoryError"), None, watch(), "out-of-memory", "MemoryError"),
        (ending(1, last_line="ValueError: no"), None, watch(), "error", "ValueError: no"),
        (ending(0, last_line="bye"), None, watch(), "error", "without a report. Its last line: bye"),
        (ending(), {"status": "failed", "reason": "error", "message": "no"}, watch(), "error", "no"),
        (ending(), OK, watch(violations=[STRAY]), "lost-pin", "pinned to CPUs 0-1, but these threads"),
        (ending(), OK, watch(violations=[STRAY]), "lost-pin", "OMP worker on 0-3"),
        (ending(), OK, watch(checks=0), "lost-pin", "before any thread was seen"),
    ],
)
def test_what_went_wrong_has_its_reason(ended, said, watched, reason, words):
    failure = judge(ended, said, watched, 60)
    assert failure.reason == reason
    assert words in failure.message


def test_a_run_whose_interpreter_is_missing_is_no_failure_to_write_down(tmp_path):
    run = {"backend": "transformers-trainer", "split": "zero1"}
    inputs = Inputs(run, 1, tmp_path, tmp_path, None, None, python=tmp_path / "python")
    with pytest.raises(CotejoError, match=r"/python: there is no such interpreter. Run `make env-deepspeed`, or name"):
        measure(inputs, tmp_path / "r1.json", tmp_path / "r1.log")
    assert list(tmp_path.iterdir()) == []


def test_the_environment_does_not_depend_on_the_shell():
    outer = {
        "HOME": "/home/a", "OMP_NUM_THREADS": "64", "OMP_PROC_BIND": "close", "KMP_AFFINITY": "compact",
        "GOMP_CPU_AFFINITY": "0", "PYTHONPATH": "/elsewhere", "HF_HUB_OFFLINE": "1",
    }  # fmt: skip
    assert child_environment(3, Path("scripts"), outer) == {
        "HOME": "/home/a", "HF_HUB_OFFLINE": "1", "PYTHONPATH": "scripts", "PYTHONNOUSERSITE": "1",
        "PYTHONUNBUFFERED": "1", "OMP_NUM_THREADS": "3", "MKL_NUM_THREADS": "3", "OPENBLAS_NUM_THREADS": "3",
        "NUMEXPR_NUM_THREADS": "3",
    }  # fmt: skip


def test_memory_that_a_gpu_did_not_give_back_fails_the_repeat_where_nothing_else_has(tmp_path):
    samples = tmp_path / "samples.csv"
    samples.write_text("level,index\nsingle-stream,0\n")
    kept = _Ran(["python"], ending(), tmp_path / "telemetry.csv", {}, ["GPU GPU-1 holds 2000 MiB more than before"])
    outcome = _outcome(None, kept, watch(), {}, samples)
    assert outcome.failure == Failure(
        "leftovers", "after the measured process had ended: GPU GPU-1 holds 2000 MiB more than before"
    )
    first = Failure("out-of-memory", "no memory left")
    assert _outcome(first, kept, watch(), None, samples).failure == first
    assert _outcome(None, kept._replace(left=[]), watch(), {}, samples).failure is None


def test_a_measured_process_sees_the_runs_gpus_alone_and_must_give_back_their_memory(tmp_path, monkeypatch):
    used_gib = iter([(1, 1), (1, 9), (1, 1), (5, 1)])

    def look(cpus):
        now = next(used_gib)
        answers = {"MemoryInfo": lambda gpu: memory(24, now[gpu]), "ComputeRunningProcesses": lambda gpu: []}
        monkeypatch.setitem(sys.modules, "pynvml", FakeNvml(2, **answers))
        return {"gpus": accelerators.looks(set())}

    monkeypatch.setattr("cotejo.quiet.look", look)
    monkeypatch.setattr("cotejo.measure.sampling", lambda *_: nullcontext(lambda: None))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    run = {"device": "cuda", "accelerators": 1, "timeout_s": 60}
    tell = ["sh", "-c", f"echo $CUDA_VISIBLE_DEVICES > {tmp_path}/seen"]
    pinned = Watch(frozenset(affinity.mask()))
    inputs = Inputs(run, 1, tmp_path, tmp_path, None, None)
    left = [_ran(inputs, tell, 1, pinned, tmp_path, tmp_path / "log").left for _ in range(2)]
    assert (tmp_path / "seen").read_text() == "GPU-0\n"
    assert left == [[], ["GPU GPU-0 holds 4096 MiB more than before"]]
