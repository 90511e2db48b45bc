"""Starts a node's processes of a training as torchrun does, but listening on one address of this machine only.

Started behind a pin on every node as `python -m cotejo.torchrun`; each process is a `cotejo.rank`.
torchrun's own store of keys listens on every network interface, whatever address it is told: here the first node's is
given a socket that is bound already. What the processes say to each other goes by the interface of `--own-address`.

It leaves node<number>.json in the job's output: the processes that ended badly. Exit status 1 where there are any.
"""

import argparse
import os
import socket
import sys
from pathlib import Path
from typing import Any

from cotejo.child import THREAD_COUNTS
from cotejo.command import run
from cotejo.files import read_json, write_json
from cotejo.interfaces import interface_of
from cotejo.leavings import node_file

BACKEND = "one-address"
# How long the nodes wait for each other: those that are started last may still read the environment from a slow disk.
MEETING_S = 600
# How long processes may take to end that are asked to because another one has ended badly.
FAREWELL_S = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--job", required=True, type=Path, help="what to do, on a disk that all nodes see")
    parser.add_argument("--nodes", type=int, default=1, help="how many nodes there are")
    parser.add_argument("--node", type=int, default=0, help="which one this is, from 0")
    parser.add_argument("--processes", type=int, required=True, help="how many processes each node has")
    parser.add_argument("--address", required=True, help="the first node's address")
    parser.add_argument("--port", type=int, required=True, help="and its port")
    parser.add_argument("--own-address", required=True, help="this node's address")
    launch(parser.parse_args())


def launch(asked: argparse.Namespace) -> None:
    """Start this node's processes and wait for their end; SystemExit where one ended badly."""
    from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.elastic.rendezvous import rendezvous_handler_registry
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    job = read_json(asked.job)
    output = Path(job["output"])
    os.environ |= dict.fromkeys(THREAD_COUNTS, str(job["threads"]))
    interface = interface_of(asked.own_address)
    os.environ |= {"GLOO_SOCKET_IFNAME": interface, "NCCL_SOCKET_IFNAME": f"={interface}"}  # which means it exactly
    rendezvous_handler_registry.register(BACKEND, _rendezvous)
    settings = LaunchConfig(
        min_nodes=asked.nodes,
        max_nodes=asked.nodes,
        nproc_per_node=asked.processes,
        run_id="cotejo",
        rdzv_backend=BACKEND,
        rdzv_endpoint=f"{asked.address}:{asked.port}",
        rdzv_configs={"rank": asked.node, "timeout": MEETING_S},
        max_restarts=0,
        local_addr=asked.own_address,
        logs_specs=DefaultLogsSpecs(log_dir=str(output / f"node{asked.node}")),
        shutdown_timeout=FAREWELL_S,
    )
    failures = []
    try:
        elastic_launch(settings, sys.executable)("-m", "cotejo.rank", "--job", str(asked.job))
    except ChildFailedError as error:
        failures = [{"rank": rank, "exit_code": failure.exitcode} for rank, failure in error.failures.items()]
    write_json(node_file(output, asked.node), {"failures": failures})
    sys.exit(1 if failures else 0)


def _rendezvous(parameters: Any) -> Any:
    """The meeting of the nodes at the first one's store, whose socket is bound to the address they were told."""
    from torch.distributed import TCPStore
    from torch.distributed.elastic.rendezvous.static_tcp_rendezvous import StaticTCPRendezvous

    class AtOneAddress(StaticTCPRendezvous):
        def get_backend(self) -> str:
            return BACKEND

    address, _, number = parameters.endpoint.rpartition(":")
    port, nodes, rank = int(number), parameters.max_nodes, parameters.config["rank"]
    meeting = AtOneAddress(address, port, rank, nodes, parameters.run_id, parameters.config["timeout"])
    if rank == 0:
        listening = socket.create_server((address, port)).detach()
        meeting._store = TCPStore(address, port, nodes, True, meeting.timeout, master_listen_fd=listening)
    return meeting


if __name__ == "__main__":
    run(main)
