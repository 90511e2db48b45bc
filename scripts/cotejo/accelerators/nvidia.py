"""NVIDIA's GPUs, by their driver's own library (NVML): which they are, what they do, and how a process is shown some.

CUDA counts GPUs otherwise than NVML does: the fastest first unless CUDA_DEVICE_ORDER says otherwise, and only those
that CUDA_VISIBLE_DEVICES and the control group leave. So a number means one GPU to the one and another to the other,
and processes are shown theirs by UUID, which means the same to both:
https://docs.nvidia.com/cuda/cuda-c-programming-guide/index.html#env-vars
"""

import ctypes
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cotejo.accelerators import Accelerator, nvml
from cotejo.accelerators.nvidia_telemetry import sources
from cotejo.accelerators.nvml import MEMORY_CLOCK, SM_CLOCK, ask

__all__ = ["IN_CONTAINER", "VARIABLE", "clocks", "facts", "looks", "sources", "usable", "variables"]

VARIABLE = "CUDA_VISIBLE_DEVICES"
IN_CONTAINER = ("--nv",)

# What CUDA itself opens GPUs by, which comes with the driver.
DRIVER = "libcuda.so.1"

# NVML's numbers of who may compute on a GPU.
COMPUTE_MODES = {0: "default", 1: "exclusive-thread", 2: "prohibited", 3: "exclusive-process"}


def usable(environment: Mapping[str, str]) -> list[Accelerator] | None:
    """The GPUs that CUDA may open, and in place of a divided one (MIG) its parts.

    As CUDA_VISIBLE_DEVICES lists them; where it isn't set, those with most memory first, for a card that only draws a
    screen is small, and else in the order of their PCI addresses.
    """
    there = nvml.of_each(_parts)
    if not there:
        return None if _has_driver() else []
    found = [part for parts in there for part in parts]
    allowed = environment.get(VARIABLE)
    if allowed is None:
        return sorted(found, key=lambda part: -(part.memory_mib or 0))
    return _listed(allowed.split(","), found)


def _parts(handle: Any) -> list[Accelerator]:
    """What of a GPU can be shown: the whole, or the parts that it is divided into."""
    gpu, mig = ask("nvmlDeviceGetUUID", handle), ask("nvmlDeviceGetMigMode", handle)
    divided = bool(mig and mig[0])
    numbers = range(ask("nvmlDeviceGetMaxMigDeviceCount", handle) or 0) if divided else ()
    handles = [ask("nvmlDeviceGetMigDeviceHandleByIndex", handle, number) for number in numbers]
    return [
        Accelerator(uuid, gpu, ask("nvmlDeviceGetName", part), memory and memory.total >> 20)
        for part in (handles if divided else [handle])
        if part is not None and (uuid := ask("nvmlDeviceGetUUID", part))
        for memory in [ask("nvmlDeviceGetMemoryInfo", part)]
    ]


def _listed(words: Sequence[str], there: Sequence[Accelerator]) -> list[Accelerator]:
    """Those that a list names, up to the first word that names none or one again, where CUDA stops too.

    Numbers are taken as nvidia-smi and Slurm give them, in the order of PCI addresses, among those that the control
    group leaves. A UUID may be cut short.
    """
    found: list[Accelerator] = []
    for word in map(str.strip, words):
        if word.isdigit():
            named = list(there[int(word) : int(word) + 1])
        else:
            named = [part for part in there if word.startswith(("GPU-", "MIG-")) and part.uuid.startswith(word)]
        if len(named) != 1 or named[0] in found:
            break
        found += named
    return found


def variables(number: int, there: Sequence[Accelerator] | None, environment: Mapping[str, str]) -> dict[str, str]:
    """CUDA_VISIBLE_DEVICES for the first so many of these.

    Where NVML tells of none, as in a container that has only CUDA, the words that CUDA was to read anyway, or numbers:
    which GPUs they were nobody knows then, and no verdict is better than `smoke`.
    """
    if there:
        return {VARIABLE: ",".join(part.uuid for part in there[:number])}
    allowed = environment.get(VARIABLE)
    words = map(str, range(number)) if allowed is None else allowed.split(",")[:number]
    return {VARIABLE: ",".join(words)}


def _has_driver() -> bool:
    """Whether CUDA may find a GPU here, although NVML tells of none."""
    try:
        ctypes.CDLL(DRIVER)
    except OSError:
        return False
    return True


def facts() -> list[dict[str, Any]]:
    """The GPUs; none without a driver, and None for what a GPU does not tell."""
    return nvml.of_each(_facts)


def _facts(handle: Any) -> dict[str, Any]:
    total = ask("nvmlDeviceGetMemoryInfo", handle)
    cuda = ask("nvmlSystemGetCudaDriverVersion")
    ecc, mig = ask("nvmlDeviceGetEccMode", handle), ask("nvmlDeviceGetMigMode", handle)
    return {
        "name": ask("nvmlDeviceGetName", handle),
        "uuid": ask("nvmlDeviceGetUUID", handle),
        "driver": ask("nvmlSystemGetDriverVersion"),
        "cuda": cuda and f"{cuda // 1000}.{cuda % 1000 // 10}",
        "vbios": ask("nvmlDeviceGetVbiosVersion", handle),
        "memory_mib": total and total.total >> 20,
        "ecc": None if ecc is None else bool(ecc[0]),
        "sm_clock_mhz": ask("nvmlDeviceGetClockInfo", handle, SM_CLOCK),
        "sm_clock_max_mhz": ask("nvmlDeviceGetMaxClockInfo", handle, SM_CLOCK),
        "sm_clock_application_mhz": ask("nvmlDeviceGetApplicationsClock", handle, SM_CLOCK),
        "memory_clock_mhz": ask("nvmlDeviceGetClockInfo", handle, MEMORY_CLOCK),
        "memory_clock_max_mhz": ask("nvmlDeviceGetMaxClockInfo", handle, MEMORY_CLOCK),
        "memory_clock_application_mhz": ask("nvmlDeviceGetApplicationsClock", handle, MEMORY_CLOCK),
        "power_limit_w": _watts(ask("nvmlDeviceGetEnforcedPowerLimit", handle)),
        "power_limit_default_w": _watts(ask("nvmlDeviceGetPowerManagementDefaultLimit", handle)),
        "pcie_generation": ask("nvmlDeviceGetCurrPcieLinkGeneration", handle),
        "pcie_generation_max": ask("nvmlDeviceGetMaxPcieLinkGeneration", handle),
        "pcie_width": ask("nvmlDeviceGetCurrPcieLinkWidth", handle),
        "pcie_width_max": ask("nvmlDeviceGetMaxPcieLinkWidth", handle),
        "compute_mode": COMPUTE_MODES.get(ask("nvmlDeviceGetComputeMode", handle)),
        "persistence": _yes(ask("nvmlDeviceGetPersistenceMode", handle)),
        "mig": None if mig is None else bool(mig[0]),
    }


def _watts(milliwatts: int | None) -> float | None:
    return None if milliwatts is None else milliwatts / 1000


def _yes(mode: int | None) -> bool | None:
    return None if mode is None else bool(mode)


def looks(own: set[int]) -> list[dict[str, Any]]:
    """What each GPU does right now. For when nothing of `own` computes: any process that can't be seen is another's."""
    return nvml.of_each(lambda handle: _look(handle, own))


def _look(handle: Any, own: set[int]) -> dict[str, Any]:
    processes = ask("nvmlDeviceGetComputeRunningProcesses", handle)
    memory = ask("nvmlDeviceGetMemoryInfo", handle)
    utilisation = ask("nvmlDeviceGetUtilizationRates", handle)
    return {
        "uuid": ask("nvmlDeviceGetUUID", handle),
        "foreign_processes": None if processes is None else sum(process.pid not in own for process in processes),
        "memory_used_mib": memory and memory.used >> 20,
        "utilisation_percent": utilisation and utilisation.gpu,
        "throttle_reasons": nvml.throttle_reasons(handle),
    }


def clocks(environment: Mapping[str, str]) -> Callable[[], list[float | None]] | None:
    """What reads the multiprocessors' clock of each GPU of which CUDA_VISIBLE_DEVICES shows something."""
    shown = {part.gpu for part in usable(environment) or []}
    if not shown:
        return None
    with nvml.gpus() as handles:
        found = [handle for handle in handles if ask("nvmlDeviceGetUUID", handle) in shown]
        if not found:
            return None
        nvml.keep_open()
    return lambda: [ask("nvmlDeviceGetClockInfo", handle, SM_CLOCK) for handle in found]
