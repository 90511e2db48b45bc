"""The processes of a training, as whoever measures it sees them: how they are started, and what became of them all.

The first process, rank 0, is the measured one: its clock and its samples are the record's. A process that ends badly is
followed by the others, which lose it; told is what came first.
"""

import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from cotejo.affinity import format_cpus
from cotejo.artefact import Failure
from cotejo.child import Ending
from cotejo.files import read_json
from cotejo.leavings import RANK, WORKER, node_file, rank_folder

Report = dict[str, Any]

# What each of them says of itself that the record keeps.
KEPT = ("rank", "local_rank", "hostname", "expected_cpus", "observed_cpus", "load_s", "peak_rss_mib")
# How processes end that are asked to, or that end themselves, because another one is gone: not what went wrong first.
FOLLOWING = (-signal.SIGTERM, 128 + signal.SIGTERM, -signal.SIGABRT)


class Meeting(NamedTuple):
    """Where the processes of all nodes meet: the first node's address and port, and the number of nodes."""

    address: str
    port: int
    nodes: int = 1


class Died(NamedTuple):
    """A process that ended badly, as torchrun saw it."""

    rank: int
    exit_code: int


def command(python: str, job: Path, meeting: Meeting, processes: int, node: str, own_address: str) -> list[str]:
    """What starts a node's processes."""
    return [
        python, "-m", "cotejo.torchrun", "--job", str(job), "--nodes", str(meeting.nodes), "--node", node,
        "--processes", str(processes), "--address", meeting.address, "--port", str(meeting.port),
        "--own-address", own_address,
    ]  # fmt: skip


def reports(output: Path, expected: int) -> list[Report]:
    """What so many processes said of themselves, by rank; of those that said anything.

    Each is looked for by its name: a list of what is in a folder may be some seconds old on a network's file system.
    """
    folders = (rank_folder(output, rank) for rank in range(expected))
    return [read_json(folder / WORKER) | read_json(folder / RANK) for folder in folders if (folder / RANK).is_file()]


def deaths(output: Path, nodes: int) -> list[Died]:
    """The processes that ended badly, of the nodes, so many, that could still tell."""
    files = (node_file(output, node) for node in range(nodes))
    return [Died(**death) for file in files if file.is_file() for death in read_json(file)["failures"]]


def said(found: Sequence[Report]) -> Report | None:
    """What rank 0 said, with what the record keeps of every process, and the memory that each took of its GPU."""
    if not found or found[0]["rank"] != 0:
        return None
    first = {key: value for key, value in found[0].items() if key not in ("rank", "local_rank", "hostname")}
    levels = [
        level | {"reported": {name: value for report in found for name, value in _reported(report, number).items()}}
        for number, level in enumerate(first["levels"])
    ]
    modules = sorted({module for report in found for module in report["modules"]})
    kept = [{key: report[key] for key in KEPT} for report in found]
    return first | {"levels": levels, "modules": modules, "ranks": kept}


def _reported(report: Report, number: int) -> Mapping[str, float]:
    levels = report["levels"]
    return dict(levels[number]["reported"]) if number < len(levels) else {}


def failure(
    expected: int, found: Sequence[Report], died: Sequence[Died], ending: Ending, of_nodes: Failure | None = None
) -> Failure | None:
    """What went wrong first, with so many processes expected; None where all ended well, or torchrun alone ended badly.

    `of_nodes`: what the other nodes say went wrong with what was started there. A reason that a process knows comes
    before how one was ended from outside, and that before an error, for the others lose it, and say so as one.
    """
    failed = sorted((report for report in found if report["status"] != "ok"), key=lambda report: report["ended_at_s"])
    told = [Failure(report["reason"], f"rank {report['rank']}: {report['message']}") for report in failed]
    first = [death for death in died if death.exit_code not in FOLLOWING]
    silent = set(range(expected)) - {report["rank"] for report in found} - {death.rank for death in died}
    of_others = [of_nodes] if of_nodes else []
    candidates = [
        *(each for each in told if each.reason != "error"),
        *(each for each in of_others if each.reason != "node-failed"),
        *(_killed(death, ending) for death in first if death.exit_code < 0),
        *(of_others if silent else ()),
        *told,
        *of_others,
        *(_ended(death, ending) for death in first),
        *(stray for report in found if (stray := _strayed(report))),
    ]
    if candidates:
        return candidates[0]
    if silent and ending.exit_code == 0:
        return Failure("error", f"rank {min(silent)} ended without a report")
    return None


def _killed(death: Died, ending: Ending) -> Failure:
    if death.exit_code == -signal.SIGKILL and ending.oom_killed:
        return Failure("out-of-memory", f"rank {death.rank}: killed by the kernel, which was out of memory")
    return Failure("killed", f"rank {death.rank}: ended by {signal.Signals(-death.exit_code).name}")


def _ended(death: Died, ending: Ending) -> Failure:
    last = ending.last_line or "nothing"
    return Failure("error", f"rank {death.rank}: ended with exit code {death.exit_code}. The log's last line: {last}")


def _strayed(report: Report) -> Failure | None:
    """Why it can't be said that a process stayed on its CPUs, and was reached by no others."""
    allowed, own = (format_cpus(report[key]) for key in ("observed_cpus", "expected_cpus"))
    if not set(report["observed_cpus"]) <= set(report["expected_cpus"]):
        return Failure("lost-pin", f"rank {report['rank']}: its part is CPUs {own}, but it was allowed {allowed}")
    if report["exposed"]:
        return Failure("error", f"rank {report['rank']}: {'; '.join(report['exposed'])}")
    return None
