from pathlib import Path

import pytest

from cotejo.affinity import Watch
from cotejo.child import Ending, child_environment
from cotejo.measure import judge

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
