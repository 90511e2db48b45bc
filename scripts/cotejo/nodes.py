"""A command on each of the other nodes of a Slurm allocation, started and ended by the first.

The other nodes' commands run under `cotejo.follower`, one for each node, all started by one `srun`. They are told to
end by the end of their standard input, so that they end whatever ends this process.
"""

import json
import os
import select
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cotejo.allocation import Allocation
from cotejo.artefact import Failure
from cotejo.child import child_environment, uninterrupted
from cotejo.code import SCRIPTS
from cotejo.errors import NodeFailed
from cotejo.files import read_json
from cotejo.ownership import marking
from cotejo.telling import telling_line

# How long Slurm, the other nodes' locks and the start of Python on a busy file system may take together.
READY_S = 600.0
# How long the others may take to stop what they started; then Slurm is asked to end them, and then to kill them.
END_S = 90.0
KILL_S = 30.0
# How long they may take to answer.
ANSWER_S = 30.0

# What they say, each on a line: the word, the node, and its answer. `release` is not answered.
READY, EXPOSED, RELEASE = "ready", "exposed", "release"
SPEC = "spec.json"


@dataclass(frozen=True)
class Follow:
    """What is to run on each of the other nodes.

    In `command` and the values of `environment` these words stand for what differs: {node}, {rank}, {address},
    {interface} (the node's own), {first} (the first node's address), {devices} (the GPUs that it may use there).
    """

    run: Mapping[str, Any]  # of whose settings cores, device, accelerators and nodes count
    command: Sequence[str]
    python: Path  # the interpreter of its stack, whose folder comes first on PATH
    log: Path  # of the first node's command; another's goes beside it: r1.log, r1.<node>.log. On a shared file system
    environment: Mapping[str, str] = field(default_factory=dict)  # beside the usual
    secrets: Mapping[str, str] = field(default_factory=dict)  # likewise; they never lie in a file
    part: str = "worker"  # as what its processes are marked (cotejo.ownership)
    lasting: bool = False  # whether it must not end before it is asked to
    folders: Sequence[Path] = ()  # made on each node for it, and removed afterwards: no paths that they share


@dataclass
class Followers:
    """What runs on the other nodes meanwhile."""

    allocation: Allocation
    srun: "subprocess.Popen[bytes]"
    logs: list[Path]  # of the nodes' commands
    log: Path  # what srun and the followers themselves say
    folder: Path  # on the shared file system, for as long as they run
    reports: list[dict[str, Any]] = field(default_factory=list)  # of the nodes, by rank; once they have ended
    _heard: bytes = b""

    def ended(self) -> bool:
        """Whether they have ended, one of them badly or all of them."""
        return self.srun.poll() is not None

    def failure(self) -> Failure | None:
        """What went wrong on a node, by its report; None where nothing did. Once they have ended."""
        for report in self.reports:
            if report["failure"]:
                return Failure(report["failure"]["reason"], f"node {report['node']}: {report['failure']['message']}")
        missing = set(self.allocation.others) - {report["node"] for report in self.reports}
        if missing:
            return Failure(NodeFailed.reason, f"node {min(missing)}: it left no report: {self._said()}")
        return None

    def exposed(self) -> list[str]:
        """The sockets that listen on the other nodes, of what was started there, where machines outside the allocation
        can reach them: a sentence each. NodeFailed where a node doesn't answer.
        """
        answers = self._ask(EXPOSED)
        return [f"node {node}: {said}" for node, told in sorted(answers.items()) for said in json.loads(told)]

    def release(self) -> None:
        """Allow what must last to end by itself from now on, because what it belongs to is about to end."""
        with suppress(BrokenPipeError):
            self._tell(RELEASE)

    def _ask(self, question: str) -> dict[str, str]:
        try:
            self._tell(question)
        except BrokenPipeError as error:
            raise self.died() from error
        return self.hear(question, ANSWER_S)

    def _tell(self, word: str) -> None:
        assert self.srun.stdin
        self.srun.stdin.write(f"{word}\n".encode())
        self.srun.stdin.flush()

    def hear(self, word: str, within_s: float) -> dict[str, str]:
        """What each node says after a word, by node; NodeFailed where one doesn't say it in time."""
        deadline_s = time.monotonic() + within_s
        said: dict[str, str] = {}
        while missing := set(self.allocation.others) - said.keys():
            line = self._line(deadline_s)
            if line is None:
                if self.ended():
                    raise self.died()
                raise NodeFailed(f"node {min(missing)}: said nothing within {within_s:g} s ({word}). {self._said()}")
            first, node, told = (*line.split(" ", maxsplit=2), "", "")[:3]
            if first == word:
                said[node] = told
        return said

    def _line(self, deadline_s: float) -> str | None:
        """The next line that one of them says; None at the end, or where none comes in time."""
        assert self.srun.stdout
        while b"\n" not in self._heard:
            left_s = max(0.0, deadline_s - time.monotonic())
            if not select.select([self.srun.stdout], [], [], left_s)[0]:
                return None
            chunk = os.read(self.srun.stdout.fileno(), 1 << 16)
            if not chunk:
                self.srun.wait()
                return None
            self._heard += chunk
        line, self._heard = self._heard.split(b"\n", maxsplit=1)
        return line.decode(errors="replace")

    def _said(self) -> str:
        return telling_line(self.log, least="srun: ")

    def died(self) -> NodeFailed:
        """Why they have ended, as an exception."""
        self.read_reports()
        failure = self.failure()
        return NodeFailed(failure.message if failure else f"they have ended: {self._said()}")

    def read_reports(self) -> None:
        files = (self.folder / f"{node}.json" for node in self.allocation.others)
        self.reports = [read_json(file) for file in files if file.is_file()]

    def end(self) -> None:
        """Have them end, and wait for it."""
        assert self.srun.stdin and self.srun.stdout
        with suppress(BrokenPipeError):
            self.srun.stdin.close()  # which is how they are told
        # srun kills what it has started when it is asked to end itself.
        for ask, patience_s in ((None, END_S), (self.srun.terminate, KILL_S), (self.srun.kill, KILL_S)):
            if ask:
                ask()
            with suppress(subprocess.TimeoutExpired):
                self.srun.wait(patience_s)
                break
        self.srun.stdout.close()
        self.read_reports()


def step_command(allocation: Allocation, spec: Path) -> list[str]:
    """The srun that starts a follower on each of the other nodes, which gets all CPUs and GPUs that the job has there.

    No --cpus-per-task, which would make it exact: without it a step has the whole of each node.
    """
    others = allocation.others
    return [
        "srun", f"--jobid={allocation.job}", "--overlap", f"--nodes={len(others)}", f"--ntasks={len(others)}",
        "--ntasks-per-node=1", f"--nodelist={','.join(others)}", "--cpu-bind=none", "--mem-bind=none", "--mpi=none",
        "--export=ALL", "--kill-on-bad-exit=1", "--input=all", "--unbuffered", "--quiet", "--job-name=cotejo_follower",
        sys.executable, "-m", "cotejo.follower", "--spec", str(spec),
    ]  # fmt: skip


@contextmanager
def following(allocation: Allocation, follow: Follow, ready_s: float = READY_S) -> Iterator[Followers]:
    """Start a command on each of the allocation's other nodes; yields once each node's lock is held and it has begun.

    However this is left, nothing of it runs on, and `reports` then say what was seen on each node: after an exception
    too, and it is for the caller to look at `failure()`. NodeFailed where a node can't begin. Were this process itself
    killed, the other nodes would see the end of their standard input, and Slurm the end of the job.
    """
    if shutil.which("srun") is None:
        raise NodeFailed("srun: there is no such program on this node. Put Slurm's programs on PATH there")
    follow.log.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f".{follow.log.stem}.nodes-", dir=follow.log.parent.absolute()))
    said = follow.log.with_name(f"{follow.log.stem}.nodes.log")
    logs = [log_of(follow.log, node) for node in allocation.others]
    try:
        _write_spec(folder / SPEC, allocation, follow, folder)
        followers = Followers(allocation, _started(allocation, follow, folder / SPEC, said), logs, said, folder)
        try:
            followers.hear(READY, ready_s)
            yield followers
        finally:
            with uninterrupted():
                followers.end()
    finally:
        shutil.rmtree(folder)


def _write_spec(file: Path, allocation: Allocation, follow: Follow, folder: Path) -> None:
    spec = {
        "nodes": allocation.nodes,
        "first": allocation.address,
        "interface": allocation.named,
        "run": {key: follow.run[key] for key in ("cores", "device", "accelerators", "nodes") if key in follow.run},
        "command": list(follow.command),
        "python": str(follow.python),
        "environment": dict(follow.environment),
        "secrets": sorted(follow.secrets),
        "part": follow.part,
        "lasting": follow.lasting,
        "log": str(follow.log.absolute()),
        "reports": str(folder),
        "folders": list(map(str, follow.folders)),
        "holder": shlex.join(sys.argv),
    }
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        json.dump(spec, stream)


def _started(allocation: Allocation, follow: Follow, spec: Path, said: Path) -> "subprocess.Popen[bytes]":
    # Secrets travel in the environment, which Slurm hands on to the step: command lines are everybody's to read.
    with said.open("wb") as stream:
        return subprocess.Popen(
            step_command(allocation, spec),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stream,
            env=child_environment(1, SCRIPTS) | dict(follow.secrets),
            start_new_session=True,
            preexec_fn=marking("step"),
        )


def log_of(log: Path, node: str) -> Path:
    """Where a node's command writes to, beside the first node's."""
    return log.with_name(f"{log.stem}.{node}{log.suffix}")
