"""What is looked at before any job: whether the machine that a run is to be measured on has what the run asks for.

Only for what is to be measured, and where: results from elsewhere are drawn on any machine.
"""

import math
import os
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from cotejo import accelerators, affinity, backends, overlay, servers
from cotejo.accelerators import Accelerator
from cotejo.affinity import Topology
from cotejo.errors import CotejoError
from cotejo.places import Stack, server_stack, worker_stack
from cotejo.resolve import Run
from cotejo.schema import key_text, short, shown
from cotejo.study import CONFIG, Study
from cotejo.surroundings import Surroundings
from cotejo.systems import System, cpus_of

Environments = Mapping[str, Mapping[str, str]]


def check_machine(
    study: Study, run: Run, machine: System, on_nodes: bool, environments: Environments | None, config: Path = CONFIG
) -> None:
    """CotejoError, one line, unless a run can be measured on its system, whose file's content is `machine`.

    `on_nodes`: on nodes of Slurm, of which that file alone tells; else on this very machine, whose GPUs are looked at.
    `environments` are config's; None where it isn't known yet under which packages the run will be measured.
    """
    file = shown(config / "systems" / f"{run['system']}.yaml")
    try:
        cpus = _cpus(run, machine)
        _check_time(run, machine, file)
        if not on_nodes:
            _check_allocation(run)
        if overlay.gpus(run):
            (_check_described if on_nodes else _check_here)(run, machine, file)
        elif not run.get("server"):
            _check_shares(run, cpus)
        if environments is not None:
            stack = (server_stack if run.get("server") else worker_stack)(run, environments)
            _check_packages(run, _on_node(cpus, machine, stack) if on_nodes else _at_hand(run, cpus, stack))
    except CotejoError as error:
        # The block as the study's file has it: settings that are lists multiply.
        place = ("runs", list(dict.fromkeys(line["name"] for line in study.lines)).index(run["name"]))
        raise CotejoError(f"{shown(config / 'studies' / f'{study.name}.yaml')}: {key_text(place)}.{error}") from error


def _cpus(run: Run, machine: System) -> int:
    """How many CPUs the run gets on each node.

    They are probed where that is this machine, and counted where the system's file says how many there are.
    """
    count = cpus_of(machine)
    known = affinity.uniform(count, machine.get("sockets", 1)) if count else _this_machine()
    found = {}
    for key in ("cores", "client_cores"):
        if run.get(key, "rest") == "rest":
            continue
        try:
            found[key] = affinity.resolve(run[key], *known)
        except CotejoError as error:
            raise _wrong(run, key, str(error)) from error
    return len(found["cores"])


def _check_time(run: Run, machine: System, file: str) -> None:
    limit_min = machine.get("slurm", {}).get("runtime_min", math.inf)
    if run["timeout_s"] > limit_min * 60:
        raise _wrong(
            run,
            "timeout_s",
            f"longer than Slurm lets the job live, {limit_min} min ({file}: slurm.runtime_min). Raise that, or lower "
            "this",
        )


def _check_shares(run: Run, cpus: int) -> None:
    """Processes that divide a run's CPUs get one each at least."""
    if backends.processes(run) > cpus:
        raise _wrong(run, "processes", f"each needs a CPU, and the run gets {cpus}. Lower it, or raise `cores`")


def _check_allocation(run: Run) -> None:
    """Several nodes are those of a Slurm job, which this process may be part of."""
    if run.get("nodes", 1) > 1 and "SLURM_JOB_ID" not in os.environ:
        raise _wrong(run, "nodes", "are those of a Slurm job, and this is none. Add --profile slurm")


def _check_described(run: Run, machine: System, file: str) -> None:
    """Of Slurm's nodes the system's file tells. Lines that ask for more GPUs than it says are none of its runs."""
    if "gpus" not in machine:
        raise _asking(
            run,
            f"and {file} doesn't say how many a node has. Add gpu and gpus there: `sinfo -o '%P %G'` prints "
            "gpu:<type>:<number>",
        )


def _check_here(run: Run, machine: System, file: str) -> None:
    """As many GPUs as a run asks for must be here, and whole ones where several compute together."""
    asked, here = overlay.gpus(run) // run.get("nodes", 1), _usable(run["device"])
    if here is None:
        return
    if len(here) < asked:
        names = f" ({', '.join(dict.fromkeys(gpu.name for gpu in here if gpu.name))})" if here else ""
        raise _asking(
            run,
            f"and this machine has {len(here) or 'none'} that may be used{names}. Measure it where they are (--profile "
            "slurm and a `system` that has them), or at small scale on the CPU (overlay=smoke); or "
            + _described(machine, len(here), file),
        )
    parts = [gpu.name for gpu in here[:asked] if gpu.uuid != gpu.gpu]
    if asked > 1 and parts:
        raise _asking(
            run,
            f"and {parts[0]} is a part of a divided GPU (MIG), of which a program can open one alone. Undivide it "
            "(`nvidia-smi -mig 0`, as root), or ask for one GPU",
        )


def _described(machine: System, here: int, file: str) -> str:
    """How to say what this machine has, so that lines which ask for more stay lines."""
    if "gpus" in machine:
        return f"name the system that this machine is: {file} says gpus: {machine['gpus']}"
    facts = f"gpu, and gpus: {here}" if here else "its cpu, and no gpu"
    return f"say in {file} what this machine has ({facts}), and what asks for more is left out"


def _check_packages(run: Run, there: Surroundings) -> None:
    """What the backend or the server itself finds missing. Of an image nothing can be told from outside."""
    module: Any = servers.server(run["server"]) if run.get("server") else backends.backend(run["backend"])
    missing = getattr(module, "missing", None)
    if missing is None or there.stack.image or not there.known:
        return
    found = missing(run, there)
    if found:
        raise CotejoError(found)


def _asking(run: Run, problem: str) -> CotejoError:
    """An error about the GPUs that a run asks for, under the key that asks for them."""
    asked = overlay.gpus(run)
    key = "accelerators" if asked > 1 else "device"
    return _wrong(run, key, f"asks for {asked} GPU{'s' * (asked > 1)}, {problem}")


def _wrong(run: Run, key: str, problem: str) -> CotejoError:
    return CotejoError(f"{key}: {short(run[key])}: {problem}")


@cache
def _this_machine() -> tuple[set[int], Topology]:
    return affinity.mask(), affinity.topology()


@cache
def _usable(device: str) -> Sequence[Accelerator] | None:
    """Those here; None where nobody can tell. The driver is asked once: it may take seconds."""
    return accelerators.usable(device)


@cache
def _driver_cuda() -> int | None:
    """The newest major version of CUDA that the driver here runs."""
    told = next((gpu["cuda"] for gpu in accelerators.facts() if gpu.get("cuda")), None)
    return told and int(told.partition(".")[0])


def _at_hand(run: Run, cpus: int, stack: Stack) -> Surroundings:
    """This machine; its GPUs are asked for only where the run wants some."""
    here = _usable(run["device"]) if overlay.gpus(run) else None
    return Surroundings(True, cpus, None if here is None else len(here), stack, _driver_cuda() if here else None)


def _on_node(cpus: int, machine: System, stack: Stack) -> Surroundings:
    """A node of Slurm's."""
    return Surroundings(False, cpus, machine.get("gpus"), stack)
