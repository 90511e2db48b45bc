"""One measurement at a time on a machine, whoever runs it, from whichever checkout."""

import fcntl
import os
import stat
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from cotejo.errors import CotejoError

PATH = Path("/tmp/cotejo-measuring.lock")

# A file that was just made, or just deleted by a clean-up of /tmp, gives way at the next attempt.
ATTEMPTS = 10
# How long whoever has just got the lock may take to write its name.
NAMED_S = 0.5


def to_stderr(line: str) -> None:
    """Show a line to whoever waits at the terminal."""
    print(line, file=sys.stderr, flush=True)


@contextmanager
def measuring_lock(holder: str, say: Callable[[str], None] = to_stderr, path: Path = PATH) -> Iterator[None]:
    """Hold the machine's measuring lock; while another process holds it, say so once, naming it, and wait.

    `holder` is how this one will be named to others, such as its command line.
    The kernel drops the lock when its holder ends, however it ends; children do not inherit it.
    CotejoError where the file can't be used.
    """
    descriptor = _locked(path, say)
    try:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"process {os.getpid()}: {holder}\n".encode(), 0)
        yield
    finally:
        # The file stays: were it deleted, one process could lock the old file while another locks a new one.
        os.ftruncate(descriptor, 0)
        os.close(descriptor)


def _holder(descriptor: int) -> str:
    """Who holds the lock, by its own words, which it writes right after it has it."""
    deadline_s = time.monotonic() + NAMED_S
    while not (name := os.pread(descriptor, 1000, 0).decode(errors="replace").strip()):
        if time.monotonic() > deadline_s:
            return "it did not say which"
        time.sleep(0.01)
    return name


def _locked(path: Path, say: Callable[[str], None]) -> int:
    said = False
    for _ in range(ATTEMPTS):
        descriptor = _opened(path)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if not said:
                    say(f"waiting: another measurement has this machine ({_holder(descriptor)})")
                    said = True
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            if path.exists() and os.path.samestat(os.fstat(descriptor), path.stat()):
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)
    raise CotejoError(f"{path}: it is deleted again and again. Stop what cleans {path.parent} and run this again")


def _opened(path: Path) -> int:
    """The lock file, open for reading and writing, made for all users if it wasn't there."""
    flags = os.O_RDWR | os.O_NOFOLLOW
    for _ in range(ATTEMPTS):
        try:
            # Without O_CREAT: the kernel forbids it on others' files in folders like /tmp (fs.protected_regular).
            descriptor = os.open(path, flags)
        except FileNotFoundError:
            mask = os.umask(0)
            try:
                descriptor = os.open(path, flags | os.O_CREAT | os.O_EXCL, 0o666)
            except FileExistsError:
                continue
            finally:
                os.umask(mask)
        except OSError as error:
            raise CotejoError(
                f"{path}: can't be opened ({error.strerror}): no measurement may run without it. "
                f"Ask its owner or the administrator to delete it"
            ) from error
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            return descriptor
        os.close(descriptor)
        break
    raise CotejoError(f"{path}: is no ordinary file. Delete it")
