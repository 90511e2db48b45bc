import subprocess
import sys
import time
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from cotejo.accelerators import nvml
from cotejo.code import SCRIPTS


class NVMLError(Exception):
    pass


def driver(**functions: Callable) -> SimpleNamespace:
    found = {
        "nvmlInit": lambda: None,
        "nvmlShutdown": lambda: None,
        "nvmlDeviceGetCount": lambda: 2,
        "nvmlDeviceGetHandleByIndex": lambda index: index,
    }
    return SimpleNamespace(NVMLError=NVMLError, **{**found, **functions})


def test_a_question_goes_to_each_gpu(monkeypatch):
    monkeypatch.setitem(sys.modules, "pynvml", driver())
    assert nvml.of_each(lambda handle: handle * 10) == [0, 10]


def test_what_a_question_raises_is_not_hidden(monkeypatch):
    monkeypatch.setitem(sys.modules, "pynvml", driver())
    with pytest.raises(ZeroDivisionError):
        nvml.of_each(lambda handle: 1 / handle)


def test_a_gpu_that_is_lost_while_the_driver_is_left_is_no_error(monkeypatch):
    def lost() -> None:
        raise NVMLError

    monkeypatch.setitem(sys.modules, "pynvml", driver(nvmlShutdown=lost))
    assert nvml.of_each(lambda handle: handle) == [0, 1]


HANGS = """
import sys, threading, time
from types import SimpleNamespace
from cotejo.accelerators import nvml
nvml.ANSWER_S = 0.3
sys.modules["pynvml"] = SimpleNamespace(NVMLError=OSError, nvmlInit=threading.Event().wait)
begun_s = time.monotonic()
answers = [nvml.of_each(str) for _ in range(3)]
print(answers, time.monotonic() - begun_s < 0.6)
"""


def test_a_driver_that_hangs_delays_a_process_once_and_does_not_keep_it_from_ending():
    begun_s = time.monotonic()
    done = subprocess.run([sys.executable, "-c", HANGS], cwd=SCRIPTS, capture_output=True, text=True, timeout=20)
    assert (done.stdout, done.returncode) == ("[[], [], []] True\n", 0)
    assert done.stderr == "GPUs: their driver has not answered for 0.3 s: going on without them\n"
    assert time.monotonic() - begun_s < 10
