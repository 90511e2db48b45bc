"""The sampler, seen from the process that measures: beside the measured process, and never left behind."""

import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cotejo.affinity import format_cpus
from cotejo.child import child_environment, die_with
from cotejo.code import SCRIPTS

# A driver that nobody has loaded yet takes seconds.
START_S = 20.0
# Time for the last readings, and for the file.
END_S = 10.0


@contextmanager
def sampling(cpus: frozenset[int], output: Path) -> Iterator[Callable[[], None]]:
    """Sample what this process starts within, pinned to these CPUs, and its machine; then `output` is there.

    Yields a function that ends the sampling early: called between a process's end and the wait for it, the last
    reading has all that the process used. `output` is not there where the sampler failed, which says why on standard
    error and spoils nothing else. However this is left, the sampler has ended; were this process itself killed, the
    kernel kills it.
    """
    parent = os.getpid()
    sampler = subprocess.Popen(
        [sys.executable, "-m", "cotejo.telemetry", "--cpus", format_cpus(cpus), "--output", str(output)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=child_environment(1, SCRIPTS),
        start_new_session=True,
        preexec_fn=lambda: die_with(parent),
    )
    assert sampler.stdin and sampler.stdout
    told, says = sampler.stdin, sampler.stdout

    def finish() -> None:
        told.close()  # which is how it is told
        if not select.select([says], [], [], END_S)[0]:  # whose end is the sampler's: it says nothing more
            print(f"telemetry: had not ended after {END_S:g} s: going on without it", file=sys.stderr)
            sampler.kill()

    try:
        if select.select([says], [], [], START_S)[0]:
            says.readline()
        else:
            print(f"telemetry: not sampling after {START_S:g} s: measuring without it", file=sys.stderr)
            sampler.kill()
        yield finish
        finish()
    finally:
        # A second Ctrl-C must not cut this short.
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
        sampler.kill()
        with suppress(subprocess.TimeoutExpired):  # a driver that hangs keeps what asks it from dying
            sampler.wait(END_S)
        told.close()
        says.close()
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
