"""The nodes of the Slurm job that this process is part of, and by which address this one is reached."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cotejo import slurm_job
from cotejo.command import ROOT
from cotejo.errors import NodeFailed
from cotejo.interfaces import address_of, address_towards, interface_of
from cotejo.systems import load_system

# A controller that is busy is waited for: without it the node's name must do, which not every site resolves.
ASK_S = 60.0

SYSTEMS = ROOT / "config" / "systems"


@dataclass(frozen=True)
class Allocation:
    """The nodes of a Slurm job, this one first, and where this one is reached by the others."""

    job: str
    nodes: tuple[str, ...]  # their names, as Slurm has them; a node's place is its rank
    address: str  # IPv4, of this node
    interface: str  # which has that address here; another node's may have another name
    named: str | None = None  # the interface that the system's file names for all of them

    @property
    def others(self) -> tuple[str, ...]:
        return self.nodes[1:]


def allocated(run: Mapping[str, Any], systems: Path = SYSTEMS) -> Allocation:
    """The nodes that a run with `nodes` measures on; NodeFailed where this process is in no such Slurm job."""
    asked = run["nodes"]
    job = slurm_job.own_job()
    if job is None:
        raise NodeFailed(f"needs {asked} nodes of one Slurm job, and this is none. Give `--profile slurm`")
    if job.nodes is None:
        raise NodeFailed(f"job {job.id}: Slurm doesn't tell its nodes. Does scontrol answer on this node?")
    if len(job.nodes) != asked:
        raise NodeFailed(f"job {job.id} has {len(job.nodes)} nodes ({', '.join(job.nodes)}), and the run needs {asked}")
    nodes = _this_first(job.nodes, os.environ.get("SLURMD_NODENAME") or os.uname().nodename.partition(".")[0])
    named = load_system(systems / f"{run['system']}.yaml").get("slurm", {}).get("interface")
    address = address_of(named) if named else address_towards(_node_address(nodes[1]))
    return Allocation(job.id, nodes, address, named or interface_of(address), named)


def _this_first(nodes: Sequence[str], this: str) -> tuple[str, ...]:
    if this not in nodes:
        raise NodeFailed(f"{this}: is none of the job's nodes, {', '.join(nodes)}")
    return (this, *(node for node in nodes if node != this))


def _node_address(node: str) -> str:
    """By what name or address Slurm reaches a node."""
    command = ["scontrol", "--oneliner", "show", "node", node]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=ASK_S, check=False)
    except subprocess.TimeoutExpired:
        return node
    words = dict(word.split("=", maxsplit=1) for word in done.stdout.split() if "=" in word)
    return words.get("NodeAddr", node)
