import os
import re
import sys
from pathlib import Path
from types import SimpleNamespace

import pynvml
import pytest
from nvml_example import FakeNvml, memory, refuse

from cotejo import accelerators, affinity
from cotejo.accelerators import Accelerator
from cotejo.accelerators.nvidia import clocks, facts, looks, usable
from cotejo.schema import check, schema_of

FACTS_SCHEMA = schema_of("record")["properties"]["environment"]["properties"]["gpus"]
SHOWN_SCHEMA = schema_of("record")["properties"]["affinity"]["properties"]["gpus"]
LOOK_SCHEMA = schema_of("record")["$defs"]["look"]["properties"]["gpus"]


def test_every_question_is_one_that_the_pinned_library_knows():
    folder = Path(accelerators.__file__).parent
    asked = {name for file in folder.glob("*.py") for name in re.findall(r"\bnvml[A-Z]\w+", file.read_text())}
    assert len(asked) > 25
    assert [name for name in sorted(asked) if not hasattr(pynvml, name)] == []


def machine(monkeypatch, gpus=3, **answers):
    """Three GPUs of 24 GiB, the first of which only draws a screen and has 4."""
    given = {"MemoryInfo": lambda gpu: memory(24 if gpu else 4), "Name": lambda gpu: f"GPU of kind {min(gpu, 1)}"}
    fake = FakeNvml(gpus, **given, **answers)
    monkeypatch.setitem(sys.modules, "pynvml", fake)
    return fake


def uuids(allowed=None):
    found = usable({} if allowed is None else {"CUDA_VISIBLE_DEVICES": allowed})
    return [gpu.uuid for gpu in found]


def test_those_with_most_memory_come_first(monkeypatch):
    machine(monkeypatch)
    assert uuids() == ["GPU-1", "GPU-2", "GPU-0"]
    assert usable({})[-1] == Accelerator("GPU-0", "GPU-0", "GPU of kind 0", 4096)
    check([gpu._asdict() for gpu in usable({})], SHOWN_SCHEMA, affinity.SYSTEM)


@pytest.mark.parametrize(
    ("allowed", "expected"),
    [
        ("2,0", ["GPU-2", "GPU-0"]),
        ("GPU-1, 2", ["GPU-1", "GPU-2"]),
        ("0,7,1", ["GPU-0"]),  # as CUDA does: nothing after a word that names none
        ("-1", []),
        ("", []),
        ("NoDevFiles", []),  # Slurm's word for none
        ("1,1,2", ["GPU-1"]),
        ("GPU-", []),  # which?
        ("GPU-7", []),
        ("MIG-1", []),
    ],
)
def test_what_the_user_or_slurm_allows_is_taken_in_its_order(monkeypatch, allowed, expected):
    machine(monkeypatch)
    assert uuids(allowed) == expected


def test_a_uuid_may_be_cut_short(monkeypatch):
    machine(monkeypatch, UUID=lambda gpu: f"GPU-{'abc'[gpu]}77e0049-554c-540b")
    assert uuids("GPU-c7") == ["GPU-c77e0049-554c-540b"]


def test_numbers_count_those_that_the_control_group_leaves(monkeypatch):
    def handle(index):
        return refuse() if index == 0 else index

    machine(monkeypatch, HandleByIndex=handle)
    assert uuids("0") == ["GPU-1"]
    assert uuids("2") == []


@pytest.fixture
def divided(monkeypatch):
    """GPU 1 of three has three parts, of which one may be opened, and GPU 2 none at all."""
    machine(
        monkeypatch,
        MigMode=lambda gpu: [int(gpu > 0), 0],
        MaxMigDeviceCount=lambda gpu: 7,
        MigDeviceHandleByIndex=lambda gpu, part: 10 + part if (gpu, part) in ((1, 1), (1, 4)) else refuse(),
        UUID=lambda handle: f"GPU-{handle}" if handle < 10 else f"MIG-{handle}",
    )


def test_of_a_divided_gpu_its_parts_are_shown(divided):
    assert uuids() == ["MIG-11", "MIG-14", "GPU-0"]
    assert [gpu.gpu for gpu in usable({})] == ["GPU-1", "GPU-1", "GPU-0"]
    assert uuids("MIG-14") == ["MIG-14"]
    assert uuids("0,1") == ["GPU-0", "MIG-11"]
    assert uuids("GPU-1") == []


def test_the_clock_of_each_gpu_that_is_shown_is_read_until_the_process_ends(monkeypatch):
    fake = machine(monkeypatch, ClockInfo=lambda gpu, clock: 1400 + gpu if clock == 1 else 0)
    read = clocks({"CUDA_VISIBLE_DEVICES": "GPU-2,GPU-1"})
    assert sorted(read()) == [1401, 1402]
    assert fake.open == 1
    assert clocks({"CUDA_VISIBLE_DEVICES": ""}) is None
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert clocks({}) is None


TOLD = {
    "Name": lambda gpu: "NVIDIA A30",
    "DriverVersion": lambda: "535.104.05",
    "CudaDriverVersion": lambda: 12020,
    "VbiosVersion": lambda gpu: "92.00.66.00.06",
    "MemoryInfo": lambda gpu: memory(24),
    "EccMode": lambda gpu: [1, 0],
    "EnforcedPowerLimit": lambda gpu: 165000,
    "PowerManagementDefaultLimit": lambda gpu: 165000,
    "PersistenceMode": lambda gpu: 1,
    "MaxClockInfo": lambda gpu, kind: {1: 1440, 2: 1215}[kind],
    "ApplicationsClock": lambda gpu, kind: {1: 930, 2: 1215}[kind],
    "CurrPcieLinkGeneration": lambda gpu: 1,
    "MaxPcieLinkGeneration": lambda gpu: 4,
    "CurrPcieLinkWidth": lambda gpu: 16,
    "MaxPcieLinkWidth": lambda gpu: 16,
    "ComputeMode": lambda gpu: 3,
}


def test_what_a_gpu_tells(monkeypatch):
    monkeypatch.setitem(sys.modules, "pynvml", FakeNvml(1, **TOLD))
    (gpu,) = facts()
    assert gpu == {
        "name": "NVIDIA A30", "uuid": "GPU-0", "driver": "535.104.05", "cuda": "12.2", "vbios": "92.00.66.00.06",
        "memory_mib": 24576, "ecc": True, "sm_clock_mhz": None, "sm_clock_max_mhz": 1440,
        "sm_clock_application_mhz": 930, "memory_clock_mhz": None, "memory_clock_max_mhz": 1215,
        "memory_clock_application_mhz": 1215, "power_limit_w": 165.0, "power_limit_default_w": 165.0,
        "pcie_generation": 1, "pcie_generation_max": 4, "pcie_width": 16, "pcie_width_max": 16,
        "compute_mode": "exclusive-process", "persistence": True, "mig": None,
    }  # fmt: skip
    check([gpu], FACTS_SCHEMA, affinity.SYSTEM)


def test_what_a_gpu_does_not_tell_is_null(monkeypatch):
    monkeypatch.setitem(sys.modules, "pynvml", FakeNvml(1, UUID=refuse))
    (gpu,) = facts()
    assert set(gpu.values()) == {None}
    check([gpu], FACTS_SCHEMA, affinity.SYSTEM)
    assert usable({}) == []  # there is no way to show it


def test_a_lost_gpu_is_left_out(monkeypatch):
    def handle(index):
        return refuse() if index == 0 else index

    monkeypatch.setitem(sys.modules, "pynvml", FakeNvml(2, **TOLD, HandleByIndex=handle))
    assert [gpu["uuid"] for gpu in accelerators.facts()] == ["GPU-1"]


def test_no_driver_or_no_library_is_no_gpu(monkeypatch):
    silent = FakeNvml()
    silent.nvmlInit = refuse
    monkeypatch.setitem(sys.modules, "pynvml", silent)
    assert facts() == []
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert facts() == []


OTHER_PROCESS = 999_999


def test_what_a_gpu_does_right_now(monkeypatch):
    listed = [SimpleNamespace(pid=process) for process in (os.getpid(), OTHER_PROCESS)]
    answers = {
        "ComputeRunningProcesses": lambda gpu: listed,
        "MemoryInfo": lambda gpu: memory(24, used_gib=3),
        "UtilizationRates": lambda gpu: SimpleNamespace(gpu=97),
        "CurrentClocksThrottleReasons": lambda gpu: 0x64,
    }
    monkeypatch.setitem(sys.modules, "pynvml", FakeNvml(1, **answers))
    (gpu,) = looks({os.getpid()})
    assert gpu == {
        "uuid": "GPU-0", "foreign_processes": 1, "memory_used_mib": 3072, "utilisation_percent": 97,
        "throttle_reasons": ["sw_power_cap", "sw_thermal_slowdown", "hw_thermal_slowdown"],
    }  # fmt: skip
    check([gpu], LOOK_SCHEMA, affinity.SYSTEM)
    monkeypatch.setitem(sys.modules, "pynvml", FakeNvml(1))
    (gpu,) = accelerators.looks(set())
    assert gpu == {"uuid": "GPU-0", **dict.fromkeys(list(gpu)[1:])}
