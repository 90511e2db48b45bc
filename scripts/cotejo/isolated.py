"""Work in a process of its own: what kills it is a result, what interrupts it is not, and nothing of it is left."""

import ctypes
import errno
import multiprocessing
import os
import shutil
import signal
import tempfile
import traceback
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from cotejo.artefact import Failure
from cotejo.errors import CotejoError, DeviceMissing, is_out_of_memory, last_line

DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
# OpenVINO says only "iostream error" when the disk is full.
LEAST_FREE_BYTES = 16 << 20

FAREWELL_S = 30  # for the libraries to take themselves down, once the result is here

PR_SET_PDEATHSIG = 1


def isolated(function: Callable[..., Any], *arguments: Any, scratch: Path, reason: str) -> Any:
    """What `function(*arguments)` returns, called in a fresh process; a Failure where it raises or dies.

    `function` must be importable by its name. Its temporary files go below `scratch`, which is removed. Running out of
    memory is the Failure `out-of-memory`, a device that isn't there `device-missing`, and anything else that goes wrong
    inside is one for `reason`. Any other CotejoError is raised here as it was there, and one is raised where the disk
    is full. An interruption of either process stops both.
    """
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    scratch.mkdir(parents=True)
    process = context.Process(target=_work, args=(sender, scratch, reason, function, arguments))
    try:
        process.start()
        sender.close()
        try:
            result = receiver.recv()
            process.join(FAREWELL_S)
        except EOFError:
            process.join()
            result = _death(process.exitcode or 0, reason)
    finally:
        if process.pid is not None:
            process.kill()
            process.join()
        shutil.rmtree(scratch)
    if isinstance(result, CotejoError):
        raise result
    return result


def _work(sender: Connection, scratch: Path, reason: str, function: Callable[..., Any], arguments: Any) -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl-C reaches the parent too, which stops this process
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    tempfile.tempdir = os.environ["TMPDIR"] = str(scratch)
    try:
        result = function(*arguments)
    except DeviceMissing as error:
        result = Failure(error.reason, str(error))
    except CotejoError as error:
        result = error
    except Exception as error:
        traceback.print_exc()
        result = _judged(error, shutil.disk_usage(scratch).free, scratch, reason)
    sender.send(result)


def _judged(error: BaseException, free_bytes: int, scratch: Path, reason: str) -> Failure | CotejoError:
    """An exception as a Failure, or as a CotejoError where it is the machine's fault."""
    chain = list(_chain(error))
    if free_bytes < LEAST_FREE_BYTES or any(isinstance(e, OSError) and e.errno in DISK_FULL for e in chain):
        return CotejoError(f"{scratch.parent}: the disk is full. Free some space, then run the same command again")
    if any(is_out_of_memory(e) for e in chain):
        return Failure("out-of-memory", last_line(error))
    if isinstance(error, ImportError):
        return CotejoError(f"{error}: the environment is not whole. Run `make setup`, then the same command again")
    return Failure(reason, last_line(error))


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _death(exit_code: int, reason: str) -> Failure:
    """A process that ended without a word; SystemExit where something asked it to."""
    if -exit_code in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        raise SystemExit(128 - exit_code)
    if -exit_code == signal.SIGKILL:
        return Failure("out-of-memory", "killed by SIGKILL, as the kernel does where memory runs out")
    how = f"by {signal.Signals(-exit_code).name}" if exit_code < 0 else f"with exit code {exit_code}"
    return Failure(reason, f"the process ended {how}")
