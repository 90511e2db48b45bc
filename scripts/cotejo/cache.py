"""Where Cotejo keeps what takes long to make or to fetch, and no checkout needs to itself."""

import fcntl
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def cache_folder() -> Path:
    """Cotejo's folder in the user's cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "cotejo"


@contextmanager
def alone(lock: Path, waiting: str) -> Iterator[None]:
    """Hold a lock's file while something is made there; while another process does, say for what it is waited.

    A second one then finds it made. The kernel drops the lock with its holder.
    """
    with lock.open("a") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"waiting: {waiting}", file=sys.stderr, flush=True)
            fcntl.flock(stream, fcntl.LOCK_EX)
        yield
