"""NVIDIA GPUs, asked by their driver's own library: no library or no driver is no GPU, no answer is None."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

# NVML's numbers of a GPU's clocks.
SM_CLOCK, MEMORY_CLOCK = 1, 2

# NVML's bits of why the clocks are not higher; that there is nothing to do (1) is no reason to worry.
THROTTLE_REASONS = {
    0x002: "applications_clocks_setting",
    0x004: "sw_power_cap",
    0x008: "hw_slowdown",
    0x010: "sync_boost",
    0x020: "sw_thermal_slowdown",
    0x040: "hw_thermal_slowdown",
    0x080: "hw_power_brake_slowdown",
    0x100: "display_clock_setting",
}


@contextmanager
def gpus() -> Iterator[list[Any]]:
    """Yield NVML's handle of every GPU, but of those that are lost or forbidden; `ask` works until the end."""
    try:
        import pynvml

        pynvml.nvmlInit()
    except ImportError:
        yield []
        return
    except pynvml.NVMLError:
        yield []
        return
    try:
        handles = [ask("nvmlDeviceGetHandleByIndex", index) for index in range(ask("nvmlDeviceGetCount") or 0)]
        yield [handle for handle in handles if handle is not None]
    finally:
        pynvml.nvmlShutdown()


def ask(question: str, *arguments: Any) -> Any:
    """What NVML's function of this name answers; None where the GPU or its driver does not tell."""
    import pynvml

    try:
        return getattr(pynvml, question)(*arguments)
    except pynvml.NVMLError:
        return None


def throttle_reasons(handle: Any) -> list[str] | None:
    """Why the GPU's clocks are below their highest right now, by the names of THROTTLE_REASONS."""
    mask = ask("nvmlDeviceGetCurrentClocksThrottleReasons", handle)
    return None if mask is None else [name for bit, name in THROTTLE_REASONS.items() if mask & bit]
