"""Sample what the children of the process that starts this do, and their machine, until standard input ends.

Prints a line when the first sample is taken. The file appears when it is over: whole, or not at all.
"""

import argparse
import os
import resource
import select
import sys
from pathlib import Path

from cotejo import command
from cotejo.affinity import children_of, mask, parse_cpus
from cotejo.telemetry.sampler import Wait, open_sources, run
from cotejo.telemetry.source import Target


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cpus", required=True, type=parse_cpus, help="the CPUs they are pinned to, such as 0-3,8")
    parser.add_argument("--output", required=True, type=Path, help="the file to write (CSV)")
    arguments = parser.parse_args()
    _allow_open_files()
    parent, pinned = os.getppid(), frozenset(arguments.cpus)
    os.sched_setaffinity(0, mask() - pinned or mask())
    target = Target(parent, frozenset(children_of(parent)), pinned)
    run(open_sources(target), arguments.output, until_input_ends())


def _allow_open_files() -> None:
    """As many as the system lets it: of each measured process two stay open."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def until_input_ends() -> Wait:
    """Waits for the end of standard input, or a line of it; says that it does so when it does first."""
    told = False

    def wait(seconds: float) -> bool:
        nonlocal told
        if not told:
            print("sampling", flush=True)
            told = True
        return bool(select.select([sys.stdin], [], [], max(0.0, seconds))[0])

    return wait


if __name__ == "__main__":
    command.run(main)
