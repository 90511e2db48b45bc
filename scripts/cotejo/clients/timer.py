"""A timer of the kernel's by absolute instants of CLOCK_MONOTONIC: an event loop's own know only milliseconds."""

import ctypes
import os
import time

_TFD_NONBLOCK, _TFD_CLOEXEC = os.O_NONBLOCK, os.O_CLOEXEC
_TFD_TIMER_ABSTIME = 1

_libc = ctypes.CDLL(None, use_errno=True)


class _Timespec(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


class _Setting(ctypes.Structure):
    _fields_ = (("interval", _Timespec), ("value", _Timespec))


class Timer:
    """A file descriptor, `number`, readable once the instant has come. OSError where the kernel has none left."""

    def __init__(self) -> None:
        self.number = _checked(_libc.timerfd_create(time.CLOCK_MONOTONIC, _TFD_NONBLOCK | _TFD_CLOEXEC))

    def set(self, instant_s: float) -> None:
        """Go off at that instant, at once if it is past; an earlier setting is forgotten."""
        seconds, nanoseconds = divmod(round(instant_s * 1e9), 10**9)
        setting = _Setting(_Timespec(0, 0), _Timespec(seconds, nanoseconds))
        _checked(_libc.timerfd_settime(self.number, _TFD_TIMER_ABSTIME, ctypes.byref(setting), None))

    def clear(self) -> None:
        """Take note that it went off."""
        os.read(self.number, 8)

    def close(self) -> None:
        os.close(self.number)


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result
