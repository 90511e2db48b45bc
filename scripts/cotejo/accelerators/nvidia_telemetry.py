"""The telemetry of NVIDIA's GPUs, by their driver's own library (NVML)."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from cotejo.accelerators import nvml
from cotejo.accelerators.nvml import ask
from cotejo.telemetry.source import BETWEEN_WORDS, NO_WORD, Reading, Source, Target

# NVML's numbers.
_TEMPERATURE_OF_GPU = 0
_PCIE_TX, _PCIE_RX = 0, 1

# The kernel's name of the namespace of processes that is no container's (PID_NS_INIT_INO).
MACHINES_NUMBERS = "pid:[4026531836]"

Question = Callable[[Any], float | str | None]  # of a GPU's handle


class Gpus(Source):
    """Answers to some questions about each GPU. A thread waits for the driver."""

    blocks = True

    def __init__(self, gpus: Mapping[str, Any], questions: Mapping[str, Question]) -> None:
        self._asked = {
            f"{name}[{uuid}]": (question, gpu) for uuid, gpu in gpus.items() for name, question in questions.items()
        }
        self.columns = tuple(self._asked)

    def read(self) -> Reading:
        return {column: question(gpu) for column, (question, gpu) in self._asked.items()}


class State(Gpus):
    """What the driver knows without measuring."""

    period_s, share = 0.2, 0.002


class Traffic(Gpus):
    """What takes its time: for each direction of PCIe the driver counts bytes over 20 ms."""

    period_s, share = 1.0, 0.0005


def state_questions() -> dict[str, Question]:
    """By column. Energy is told by GPUs from Volta on."""
    return {
        "energy_j": lambda gpu: _divided(ask("nvmlDeviceGetTotalEnergyConsumption", gpu), 1000),
        "power_w": lambda gpu: _divided(ask("nvmlDeviceGetPowerUsage", gpu), 1000),
        "utilisation_percent": lambda gpu: getattr(ask("nvmlDeviceGetUtilizationRates", gpu), "gpu", None),
        "memory_mib": lambda gpu: _divided(getattr(ask("nvmlDeviceGetMemoryInfo", gpu), "used", None), 1 << 20),
        "temperature_c": lambda gpu: ask("nvmlDeviceGetTemperature", gpu, _TEMPERATURE_OF_GPU),
        "sm_clock_mhz": lambda gpu: ask("nvmlDeviceGetClockInfo", gpu, nvml.SM_CLOCK),
        "memory_clock_mhz": lambda gpu: ask("nvmlDeviceGetClockInfo", gpu, nvml.MEMORY_CLOCK),
        "throttle_reasons": throttle_reasons,
    }


def traffic_questions(target: Target) -> dict[str, Question]:
    """By column."""
    return {
        "rx_mb_per_s": lambda gpu: _divided(ask("nvmlDeviceGetPcieThroughput", gpu, _PCIE_RX), 1000),
        "tx_mb_per_s": lambda gpu: _divided(ask("nvmlDeviceGetPcieThroughput", gpu, _PCIE_TX), 1000),
        "foreign_processes": lambda gpu: foreign_processes(gpu, target),
    }


def throttle_reasons(gpu: Any) -> str | None:
    """Why its clocks are not higher, in one cell."""
    names = nvml.throttle_reasons(gpu)
    return None if names is None else BETWEEN_WORDS.join(names) or NO_WORD


def foreign_processes(gpu: Any, target: Target) -> int | None:
    """How many processes compute on it that are not among the measured ones; None where that can't be told.

    In a container with processes of its own NVML may know them by the machine's numbers, the measured ones too, which
    mean nothing there.
    """
    processes = ask("nvmlDeviceGetComputeRunningProcesses", gpu)
    if processes is None:
        return None
    strange = [process.pid for process in processes if not descends(process.pid, target.parent, target.proc)]
    if numbers_are_own(target.proc) and any(not (target.proc / str(process)).is_dir() for process in strange):
        return None
    return len(strange)


def numbers_are_own(proc: Path) -> bool:
    """Whether processes have other numbers here than outside of this container."""
    try:
        return str((proc / "self" / "ns" / "pid").readlink()) != MACHINES_NUMBERS
    except OSError:
        return False


def descends(process: int, ancestor: int, proc: Path) -> bool:
    """Whether a process is a descendant of another; not where it can't be seen, as from another container."""
    while process > 1:
        try:
            stat = (proc / str(process) / "stat").read_text()
        except OSError:
            return False
        process = int(stat.rpartition(")")[2].split()[1])
        if process == ancestor:
            return True
    return False


def _divided(value: float | None, by: float) -> float | None:
    return None if value is None else value / by


def sources(target: Target) -> Sequence[Source]:
    """None without a GPU or its driver. Of a GPU that has no UUID the driver tells nothing else either."""
    with nvml.gpus() as handles:
        gpus = {uuid: handle for handle in handles if (uuid := ask("nvmlDeviceGetUUID", handle))}
        if not gpus:
            return []
        nvml.keep_open()
    return [State(gpus, state_questions()), Traffic(gpus, traffic_questions(target))]
