"""One of several measured processes of a run: does what a worker does, on its own part of the CPUs that it may use.

Started by `cotejo.torchrun` as `python -m cotejo.rank --job job.json`. In the folder rank<number> of its output it
leaves what a worker leaves (`cotejo.worker`), and rank.json. After a failure its exit status is 1, so that the others,
which can't go on without it, are ended.
"""

import argparse
import os
import socket
import sys
import time
from collections.abc import Collection
from pathlib import Path
from typing import Any

from cotejo.affinity import mask, threads_of, topology
from cotejo.child import die_with
from cotejo.command import run
from cotejo.files import read_json, write_json
from cotejo.interfaces import address_of
from cotejo.leavings import RANK, rank_folder
from cotejo.ports import exposed
from cotejo.processes import Rank, own_rank, shares
from cotejo.worker import work


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--job", required=True, type=Path, help="what to measure")
    job = read_json(parser.parse_args().job)
    die_with(os.getppid())
    rank = own_rank()
    cpus = shares(mask(), topology(), rank.local_of)[rank.local]
    os.sched_setaffinity(0, cpus)  # before there are other threads
    output = rank_folder(Path(job["output"]), rank.number)
    output.mkdir()
    done = work(job, output)
    write_json(output / RANK, facts(rank, cpus))
    sys.exit(0 if done else 1)


def facts(rank: Rank, cpus: Collection[int]) -> dict[str, Any]:
    """What this process, which was to be on these CPUs, says of itself at its end."""
    own_address = address_of(os.environ["GLOO_SOCKET_IFNAME"])
    return {
        "rank": rank.number,
        "local_rank": rank.local,
        "hostname": socket.gethostname(),
        "expected_cpus": sorted(cpus),
        "observed_cpus": sorted({cpu for thread in threads_of(os.getpid()) for cpu in os.sched_getaffinity(thread)}),
        "exposed": exposed([os.getpid(), os.getppid()], own_address),  # torchrun, its parent, has the store
        "ended_at_s": time.time(),
    }


if __name__ == "__main__":
    run(main)
