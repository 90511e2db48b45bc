import subprocess
import sys

import pytest
from nvml_example import FakeNvml, memory, refuse
from record_example import RECORD, changed

from cotejo import accelerators
from cotejo.accelerators import Accelerator, nvidia, own, shown, usable, whole
from cotejo.code import SCRIPTS

IMPORTS = """
import sys
from cotejo import accelerators
accelerators.makers()
print(sorted({"pynvml", "torch"} & set(sys.modules)))
"""


def test_the_registry_asks_nobody_and_imports_nothing_heavy():
    done = subprocess.run([sys.executable, "-c", IMPORTS], cwd=SCRIPTS, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_each_maker_gives_what_is_asked_of_one():
    for module in accelerators.makers():
        for name in ("usable", "variables", "facts", "looks", "sources", "clocks"):
            assert callable(getattr(module, name))
        assert isinstance(module.VARIABLE, str) and isinstance(module.IN_CONTAINER, tuple)


@pytest.fixture
def two(monkeypatch):
    monkeypatch.setitem(sys.modules, "pynvml", FakeNvml(MemoryInfo=lambda gpu: memory(24)))


@pytest.mark.parametrize(
    ("run", "outer", "variable"),
    [
        ({"device": "cpu", "accelerators": 0}, {}, None),
        ({"device": "cuda", "accelerators": None}, {}, None),
        ({"device": "cuda", "accelerators": 1}, {}, "GPU-0"),
        ({"device": "cuda", "accelerators": 2}, {}, "GPU-0,GPU-1"),
        ({"device": "cuda", "accelerators": 2, "nodes": 2}, {}, "GPU-0"),
        ({"device": "cuda", "accelerators": 1}, {"CUDA_VISIBLE_DEVICES": "1,0"}, "GPU-1"),
        ({"device": "cuda", "accelerators": 2}, {"CUDA_VISIBLE_DEVICES": "GPU-1"}, "GPU-1"),  # fewer than it asks for
    ],
)
def test_a_runs_processes_are_shown_as_many_as_it_asks_for(two, run, outer, variable):
    found = shown(run, outer)
    assert found.variables == ({"CUDA_VISIBLE_DEVICES": variable} if variable else {})
    assert ",".join(gpu.uuid for gpu in found.gpus) == (variable or "")


@pytest.mark.parametrize(
    ("number", "outer", "variable"),
    [
        (2, {}, "0,1"),
        (1, {"CUDA_VISIBLE_DEVICES": "3,5"}, "3"),
        (1, {"CUDA_VISIBLE_DEVICES": "GPU-1,GPU-2"}, "GPU-1"),
        (1, {"CUDA_VISIBLE_DEVICES": ""}, ""),
    ],
)
def test_where_the_driver_tells_of_none_they_go_by_number_and_nobody_knows_which(monkeypatch, number, outer, variable):
    monkeypatch.setitem(sys.modules, "pynvml", None)
    found = shown({"device": "cuda", "accelerators": number}, outer)
    assert found == (None, {"CUDA_VISIBLE_DEVICES": variable})


def test_none_that_can_be_used_is_not_the_same_as_none_that_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "pynvml", None)
    monkeypatch.setattr(nvidia, "DRIVER", "libno-such-driver.so.1")
    assert usable("cuda", {}) == []
    assert usable("cpu", {}) == []
    monkeypatch.setattr(nvidia, "DRIVER", "libc.so.6")
    assert usable("cuda", {}) is None
    silent = FakeNvml()
    silent.nvmlInit = refuse
    monkeypatch.setitem(sys.modules, "pynvml", silent)
    assert usable("cuda", {}) is None


def test_a_records_own_gpus_are_whole_ones_by_their_uuids():
    part = Accelerator("MIG-7", "GPU-1", "NVIDIA A30 MIG 1g.6gb", 5952)._asdict()
    assert whole([part]) == {"GPU-1"}
    assert whole(None) is None
    assert own(RECORD) == frozenset()  # of a run on the CPU
    assert own(changed(RECORD, run__device="cuda")) is None  # an older record
    assert own(changed(RECORD, run__device="cuda", affinity__gpus=[part])) == {"GPU-1"}
