"""The one exception that a person is meant to read, and what others, from anywhere, amount to."""

# In small letters: what libraries say when memory did not suffice.
OUT_OF_MEMORY = ("bad_alloc", "bad allocation", "can't alloc", "cannot allocate memory", "not enough memory",
                 "failed to allocate memory", "memory allocation of", "failed to map segment", "out of memory",
                 "alloc_failed", "outofmemory")  # fmt: skip


class CotejoError(Exception):
    """A mistake or a missing thing that its reader can mend.

    Its text is the whole message: what is wrong, where (file, key, value), and the remedy. Commands print it without a
    traceback; anything else that escapes a command is a bug and keeps its traceback.
    """


class MeasuringError(CotejoError):
    """Why a measured process can't go on, where that is known: `reason` is what its record says of it."""

    reason = "error"


class DeviceMissing(MeasuringError):
    """The device that a run asks for isn't on this machine, or not so many of it."""

    reason = "device-missing"


class SplitMissing(MeasuringError):
    """Nothing installed here can divide the work over several devices as the run asks."""

    reason = "split-missing"


class ServerMissing(MeasuringError):
    """What a server can't be started without isn't there."""

    reason = "server-missing"


class NodeFailed(MeasuringError):
    """The nodes of a job aren't as the run needs them, or what was to run on one of them doesn't."""

    reason = "node-failed"


class LossNotFinite(MeasuringError):
    """The loss of a training became infinite, or no number at all: it learns nothing any more."""

    reason = "loss-nan"


def failure_of(error: BaseException) -> tuple[str, str]:
    """What an exception that ended a measured process amounts to: the slug of its reason, and its message."""
    if isinstance(error, MeasuringError):
        return error.reason, str(error)
    return "out-of-memory" if is_out_of_memory(error) else "error", last_line(error)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception, of whatever library, says that memory did not suffice."""
    return isinstance(error, MemoryError) or any(sign in str(error).lower() for sign in OUT_OF_MEMORY)


def last_line(error: BaseException) -> str:
    """An exception's kind and the last line of its text, which is where libraries say what went wrong."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[-1].strip()}" if lines else type(error).__name__
