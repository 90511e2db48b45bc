"""NVIDIA GPUs, asked by their driver's own library: no library or no driver is no GPU, no answer is None."""

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

Answer = TypeVar("Answer")

# A driver that nobody has loaded yet takes seconds for each GPU; one that has not answered then hangs.
ANSWER_S = 30.0
_hanging: list[threading.Thread] = []

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
        with suppress(pynvml.NVMLError):  # a GPU may have been lost meanwhile
            pynvml.nvmlShutdown()


def of_each(question: Callable[[Any], Answer]) -> list[Answer]:
    """What a question finds out by every GPU's handle; none where the driver hangs, now or since an earlier question.

    What the driver never answers can't be interrupted: a thread is left waiting for it, which dies with the process.
    """
    answers: list[Answer] = []
    errors: list[BaseException] = []

    def ask_all() -> None:
        try:
            with gpus() as handles:
                answers.extend(question(handle) for handle in handles)
        except BaseException as error:
            errors.append(error)

    if any(thread.is_alive() for thread in _hanging):
        return []
    thread = threading.Thread(target=ask_all, daemon=True)
    thread.start()
    thread.join(ANSWER_S)
    if thread.is_alive():
        print(f"GPUs: their driver has not answered for {ANSWER_S:g} s: going on without them", file=sys.stderr)
        _hanging.append(thread)
        return []
    if errors:
        raise errors[0]
    return answers


def ask(question: str, *arguments: Any) -> Any:
    """What NVML's function of this name answers; None where the GPU or its driver does not tell."""
    import pynvml

    try:
        return getattr(pynvml, question)(*arguments)
    except pynvml.NVMLError:
        return None


def keep_open() -> None:
    """Within `gpus`: have its handles outlive it, as long as this process. NVML counts how often it was opened."""
    import pynvml

    pynvml.nvmlInit()


def throttle_reasons(handle: Any) -> list[str] | None:
    """Why the GPU's clocks are below their highest right now, by the names of THROTTLE_REASONS."""
    mask = ask("nvmlDeviceGetCurrentClocksThrottleReasons", handle)
    return None if mask is None else [name for bit, name in THROTTLE_REASONS.items() if mask & bit]
