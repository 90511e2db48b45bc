"""One of several nodes: runs the command that the first node wants here, pinned and watched, and ends it when told to.

Started by srun (`cotejo.nodes`) as `python -m cotejo.follower --spec spec.json`. It says `ready` once the command has
begun, and answers questions that come by standard input, whose end tells it to stop. What it saw lies beside the spec
then, as <node>.json. Exits 1 where the command didn't do what was wanted of it.
"""

import argparse
import json
import math
import os
import select
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from cotejo import accelerators, affinity, command, environment, lock, ports, quiet
from cotejo.accelerators import ACCELERATORS, Accelerator
from cotejo.affinity import Watch, process_tree
from cotejo.artefact import Failure
from cotejo.child import Child, Ending, aside, nothing_left, started, supervise
from cotejo.errors import OUT_OF_MEMORY, NodeFailed
from cotejo.files import read_json, write_json
from cotejo.interfaces import address_of, address_towards, interface_of
from cotejo.nodes import EXPOSED, READY, RELEASE, log_of
from cotejo.repeat import end_leftovers, lost_pin, pinned_cpus
from cotejo.session import stack_environment
from cotejo.telemetry.beside import sampling
from cotejo.telemetry.table import read_table
from cotejo.telling import telling_line

Spec = Mapping[str, Any]

# How long a command that is asked to end may take; `cotejo.nodes` waits for longer.
STOP_S = 30.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--spec", required=True, type=Path, help="what to run (JSON)")
    spec = read_json(parser.parse_args().spec)
    node = own_name(spec["nodes"])
    with lock.measuring_lock(f"{spec['holder']}, as node {node}"):
        report = follow(spec, node)
    write_json(Path(spec["reports"], f"{node}.json"), report)
    if report["failure"]:
        sys.exit(1)


def own_name(nodes: list[str]) -> str:
    """This node's name, as Slurm has it."""
    name = os.environ.get("SLURMD_NODENAME") or os.uname().nodename.partition(".")[0]
    if name not in nodes:
        raise NodeFailed(f"{name}: is none of the nodes {', '.join(nodes)}")
    return name


def follow(spec: Spec, node: str) -> dict[str, Any]:
    """Run the command until it ends or standard input does; what was seen of it."""
    cpus = pinned_cpus(spec["run"])
    watch, log = Watch(cpus), log_of(Path(spec["log"]), node)
    address = address_of(spec["interface"]) if spec["interface"] else address_towards(spec["first"])
    words = {
        "{node}": node, "{rank}": str(spec["nodes"].index(node)), "{address}": address,
        "{interface}": interface_of(address), "{first}": spec["first"],
    }  # fmt: skip
    report: dict[str, Any] = {"node": node, "address": address, "interface": words["{interface}"]}
    failure = end_leftovers()
    if failure:
        return report | _seen(watch, [], None) | _failed(failure)
    shown = accelerators.shown(spec["run"]).gpus
    before = quiet.look(cpus)
    pin = affinity.pin_command(cpus)
    line = [filled(word, words) for word in spec["command"]]
    orders = Orders(node, address)
    with tempfile.TemporaryDirectory(prefix="cotejo-") as scratch, ExitStack() as folders:
        for path in spec["folders"]:
            folders.enter_context(folder(Path(path)))
        telemetry = Path(scratch, "telemetry.csv")
        own = its_environment(spec, words, len(cpus))
        with (
            sampling(cpus, telemetry) as finish,
            nothing_left(),
            aside(cpus),
            started(pin, line, own, watch, spec["part"], log) as child,
        ):
            ending, told = _until_ended(child, orders, finish)
        peaks = peaks_of(telemetry, shown)
    after = quiet.look(cpus)
    left = [f"process {process} could not be ended" for process in child.left]
    left += quiet.gpu_memory_kept(before, after, shown)
    failure = judge(ending, told, spec["lasting"], log, watch, left)
    seen = _seen(watch, [*pin, *line], ending) | peaks | {"quiet": {"before": before, "after": after}}
    if spec["run"]["device"] in ACCELERATORS:
        seen["gpus_shown"] = shown and [gpu._asdict() for gpu in shown]
    return report | seen | _failed(failure)


def _until_ended(child: Child, orders: "Orders", finish: Callable[[], None]) -> tuple[Ending, bool]:
    """How a command ended, and whether it was told to."""
    orders.say(READY)
    supervise([child], lambda: child.has_ended() or orders.told_to_end(), math.inf)
    by_itself = child.has_ended()
    finish()  # while it still has what it used
    return (child.end() if by_itself else child.stop(STOP_S)), orders.released or not by_itself


class Orders:
    """What comes by standard input: questions, each a word on a line, and its end."""

    def __init__(self, node: str, address: str) -> None:
        self._node = node
        self._address = address
        self._heard = b""
        self.released = False  # whether what must last may end

    def say(self, word: str, told: str = "") -> None:
        print(word, self._node, told, flush=True)

    def told_to_end(self) -> bool:
        """Whether standard input has ended; questions that have come before are answered."""
        if not select.select([0], [], [], 0)[0]:
            return False
        chunk = os.read(0, 4096)
        *questions, self._heard = (self._heard + chunk).split(b"\n")
        for question in questions:
            self.released |= question.decode() == RELEASE
            if question.decode() == EXPOSED:
                self.say(EXPOSED, json.dumps(ports.exposed(process_tree(os.getpid()), self._address)))
        return not chunk


@contextmanager
def folder(path: Path) -> Iterator[None]:
    """A folder that is there meanwhile, with those above it that weren't, this user's alone."""
    made = [*reversed([parent for parent in path.parents if not parent.exists()]), path]
    for each in made:
        each.mkdir(mode=0o700)
    try:
        yield
    finally:
        shutil.rmtree(made[0])


def filled(text: str, words: Mapping[str, str]) -> str:
    """A text with the words that stand for what differs between nodes replaced."""
    for word, value in words.items():
        text = text.replace(word, value)
    return text


def its_environment(spec: Spec, words: Mapping[str, str], threads: int) -> dict[str, str]:
    """The environment of the command: the usual one of its stack, without what Slurm tells of this step."""
    usual = stack_environment(threads, Path(spec["python"]))
    kept = {name: value for name, value in usual.items() if not name.startswith(("SLURM", "PMI", "SRUN"))}
    gpus = accelerators.shown(spec["run"], kept).variables
    words = {**words, "{devices}": "".join(gpus.values())}
    secrets = {name: os.environ[name] for name in spec["secrets"]}
    own = {name: filled(value, words) for name, value in spec["environment"].items()}
    return {**kept, **gpus, **own, **secrets}


def judge(ending: Ending, told: bool, lasting: bool, log: Path, watch: Watch, left: list[str]) -> Failure | None:
    """Why a command didn't do what was wanted of it; None where it did."""
    if not told and (lasting or ending.exit_code != 0):
        line = telling_line(log)
        memory = ending.oom_killed or any(sign in line.lower() for sign in OUT_OF_MEMORY)
        message = f"ended with exit code {ending.exit_code}: {line}"
        return Failure("out-of-memory" if memory else NodeFailed.reason, message)
    return Failure("leftovers", "; ".join(left)) if left else lost_pin(watch)


def peaks_of(telemetry: Path, shown: Sequence[Accelerator] | None = None) -> dict[str, Any]:
    """The most memory that the command held, and a GPU that it was shown, by its telemetry; None where that tells of
    none. Of any GPU where nobody told which it was shown.
    """
    table = read_table(telemetry) if telemetry.is_file() else {}
    most = {name: max(series.values) for name, series in table.items() if _is_number(series.values)}
    columns = [name for name in most if name.startswith("memory_mib[")]
    if shown is not None:
        columns = [name for name in columns if name in {f"memory_mib[{part.gpu}]" for part in shown}]
    memory = [most[name] for name in columns]
    return {"peak_rss_mib": most.get("rss_mib"), "peak_gpu_memory_mib": max(memory, default=None)}


def _is_number(values: list[Any]) -> bool:
    return bool(values) and all(isinstance(value, int | float) for value in values)


def _seen(watch: Watch, line: list[str], ending: Ending | None) -> dict[str, Any]:
    return {
        "hostname": os.uname().nodename,
        "machine": environment.machine_facts(),
        "gpus": accelerators.facts(),
        "command": line,
        "exit_code": ending and ending.exit_code,
        "wall_s": ending and ending.wall_s,
        "cpu_s": ending and ending.cpu_s,
        "expected_cpus": sorted(watch.expected),
        "observed_cpus": sorted(watch.observed),
        "violations": watch.violations,
        "checks": watch.checks,
    }


def _failed(failure: Failure | None) -> dict[str, Any]:
    return {"failure": failure and {"reason": failure.reason, "message": failure.message}}


if __name__ == "__main__":
    command.run(main)
