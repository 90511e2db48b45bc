import sys
from types import SimpleNamespace

import pytest
from nvml_example import FakeNvml, refuse
from telemetry_example import Machine

from cotejo.accelerators.nvidia_telemetry import descends, sources

ANSWERS = {
    "TotalEnergyConsumption": lambda gpu: 1500 + gpu,
    "PowerUsage": lambda gpu: 51_500,
    "UtilizationRates": lambda gpu: SimpleNamespace(gpu=40 + gpu, memory=7),
    "MemoryInfo": lambda gpu: SimpleNamespace(used=3 << 20),
    "Temperature": lambda gpu, sensor: {0: 45}[sensor],
    "ClockInfo": lambda gpu, clock: {1: 1440, 2: 1215}[clock],
    "CurrentClocksThrottleReasons": lambda gpu: (1 | 4 | 64) if gpu else 1,
    "PcieThroughput": lambda gpu, counter: {0: 2500, 1: 7000}[counter],
    "ComputeRunningProcesses": lambda gpu: [SimpleNamespace(pid=pid) for pid in (201, 202, 999)],
}


@pytest.fixture
def machine(tmp_path):
    made = Machine(tmp_path)
    made.process(200, 100)
    made.process(201, 200)
    made.process(202, 1)
    return made


def read(machine, monkeypatch, answers, gpus=2):
    fake = FakeNvml(gpus, **answers)
    monkeypatch.setitem(sys.modules, "pynvml", fake)
    found = sources(machine.target)
    return {name: value for source in found for name, value in source.read().items()}, found, fake


def test_every_gpu_answers_in_its_own_columns(machine, monkeypatch):
    row, _, _ = read(machine, monkeypatch, ANSWERS)
    assert {name: value for name, value in row.items() if name.endswith("[GPU-1]")} == {
        "energy_j[GPU-1]": 1.501, "power_w[GPU-1]": 51.5, "utilisation_percent[GPU-1]": 41, "memory_mib[GPU-1]": 3,
        "temperature_c[GPU-1]": 45, "sm_clock_mhz[GPU-1]": 1440, "memory_clock_mhz[GPU-1]": 1215,
        "throttle_reasons[GPU-1]": "sw_power_cap+hw_thermal_slowdown", "rx_mb_per_s[GPU-1]": 7,
        "tx_mb_per_s[GPU-1]": 2.5, "foreign_processes[GPU-1]": 2,
    }  # fmt: skip
    assert row["throttle_reasons[GPU-0]"] == "none"  # but that it had nothing to do
    assert len(row) == 22


def test_what_a_gpu_does_not_tell_is_blank(machine, monkeypatch):
    row, found, _ = read(machine, monkeypatch, {}, gpus=1)
    assert set(row.values()) == {None}
    assert set(row) == {column for source in found for column in source.columns}


def test_the_driver_stays_open_and_its_waits_have_a_thread(machine, monkeypatch):
    _, found, fake = read(machine, monkeypatch, ANSWERS)
    assert fake.open == 1
    assert all(source.blocks for source in found)
    assert [source.period_s for source in found if "rx_mb_per_s[GPU-0]" in source.columns] == [1.0]


def test_no_gpu_and_no_driver_are_no_source(machine, monkeypatch):
    _, found, fake = read(machine, monkeypatch, ANSWERS, gpus=0)
    assert (found, fake.open) == ([], 0)

    fake.nvmlInit = refuse
    assert sources(machine.target) == []
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert sources(machine.target) == []


def test_who_descends_from_whom(machine):
    assert descends(201, 100, machine.proc)
    assert not descends(202, 100, machine.proc)  # it lives, but is nobody's
    assert not descends(999, 100, machine.proc)  # it can't be seen


def test_processes_that_a_container_can_not_see_may_be_the_measured_ones(machine, monkeypatch):
    def foreign(*processes, namespace):
        own = machine.proc / "self" / "ns" / "pid"
        own.parent.mkdir(parents=True, exist_ok=True)
        own.unlink(missing_ok=True)
        own.symlink_to(namespace)
        answers = {"ComputeRunningProcesses": lambda gpu: [SimpleNamespace(pid=process) for process in processes]}
        row, _, _ = read(machine, monkeypatch, answers, gpus=1)
        return row["foreign_processes[GPU-0]"]

    of_machine, of_container = "pid:[4026531836]", "pid:[4026532755]"
    assert foreign(999, namespace=of_machine) == 1
    assert foreign(201, 999, namespace=of_container) is None
    assert foreign(201, 202, namespace=of_container) == 1  # both can be seen
    assert foreign(namespace=of_container) == 0
