"""A real Slurm on this machine: a login node, two nodes with CPUs only, two with two GPUs each (devices without a GPU).

Each is a virtual machine: namespaces of its own for files, network, processes and host name. So each has its own /tmp,
/dev/shm and /run, its own address (eth0, 10.77.0.x), and sees none of the others' processes; nothing leads to the
internet. They share the rest of this machine's files, and one folder by its own path, wherever it lies: put what nodes
are to share there. Any number of clusters run at once, even of the same addresses: nothing of them is outside their
namespaces, so that nothing can be left behind when they end, however their owner ends.

In Python, where `with` ends it:

    with Cluster(Path("/tmp/mine")) as cluster:
        done = cluster.run("login", ["srun", "--nodes=2", "--partition=gpu", "hostname"])

At a prompt, where it runs until it is stopped:

    python tests/slurm/cluster.py start /tmp/mine
    python tests/slurm/cluster.py run /tmp/mine [--node gpu1] -- squeue
    python tests/slurm/cluster.py stop /tmp/mine

It needs root and the Debian packages of apt.txt: `lacking` says what is missing.
"""

import argparse
import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from configuration import LOGIN, MACHINES, NODES, Machine, write_configuration

HERE = Path(__file__).resolve().parent
NAMESPACES = ("--mount", "--net", "--pid", "--ipc", "--uts")
# A process that ends with its parent, whatever that one dies of.
MORTAL = ("setpriv", "--pdeathsig", "KILL")
COMMANDS = ("unshare", "nsenter", "setpriv", "ip", "munged", "slurmctld", "slurmd", "sbatch", "srun", "scontrol")
# Nodes are up at once; one that was given up is asked again after a minute or two.
NODES_S = 180


def lacking() -> str:
    """Why no cluster can run on this machine, and what to do about it; empty where one can."""
    missing = [name for name in COMMANDS if shutil.which(name) is None]
    if missing:
        lines = [line for line in (HERE / "apt.txt").read_text().splitlines() if not line.startswith("#")]
        packages = " ".join(line.split("|")[0].strip() for line in lines)
        return f"no {', '.join(missing)}: apt-get install --no-install-recommends {packages}"
    if os.geteuid() != 0:
        return "not root: virtual machines need their own mounts and networks. Run `make test-slurm` as root"
    trial = "mount -t tmpfs tmpfs /tmp && mknod /tmp/device c 1 3"
    command = ["unshare", *NAMESPACES, "--fork", "sh", "-c", trial]
    tried = subprocess.run(command, capture_output=True, text=True, check=False)
    return f"{tried.stderr.strip()}: run it on a machine, or in a privileged container" if tried.returncode else ""


class Cluster:
    """A running cluster; `folder` is what its machines share, and its own files are in `folder`/slurm."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.own = self.folder / "slurm"
        self.machines: dict[str, subprocess.Popen[str]] = {}
        self.pids: dict[str, int] = {}

    def __enter__(self) -> "Cluster":
        if self.own.exists():
            shutil.rmtree(self.own)
        write_configuration(self.own)
        try:
            for machine in MACHINES:
                self.boot(machine.name)
            self.await_nodes()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for name in list(self.machines):
            self.crash(name)

    def boot(self, name: str) -> None:
        """Start one machine and its daemons; a node takes jobs some moments later."""
        # This checkout too, wherever it lies: its environment runs there.
        folders = [str(folder) for folder in (self.own, self.folder, HERE.parents[1])]
        init = [sys.executable, str(HERE / "virtual_machine.py"), name, *folders]
        command = [*MORTAL, "unshare", *NAMESPACES, "--fork", "--kill-child", "--", *init]
        with (self.own / "log" / f"{name}.log").open("a") as log:
            process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True)
        assert process.stdin is not None and process.stdout is not None
        self.machines[name] = process
        told = process.stdout.readline()
        if not told:
            raise self.failure(f"{name}: it did not start")
        self.pids[name] = int(told)
        self.connect(next(machine for machine in MACHINES if machine.name == name))
        process.stdin.write("connected\n")
        process.stdin.flush()
        if not process.stdout.readline():
            raise self.failure(f"{name}: its daemons did not start")

    def connect(self, machine: Machine) -> None:
        """Give a machine its eth0: the switch itself on the login node, a cable to it on the others."""
        if machine == LOGIN:
            self.ip(LOGIN.name, "link add eth0 type bridge")
        else:
            pid = self.pids[machine.name]  # also in the name: a cable may outlive a crashed machine for a moment
            cable = f"{machine.name}-{pid}"
            self.ip(LOGIN.name, f"link add {cable} type veth peer name eth0 netns {pid}")
            self.ip(LOGIN.name, f"link set {cable} master eth0 up")
        self.ip(machine.name, "link set lo up", f"addr add {machine.address}/24 dev eth0", "link set eth0 up")

    def ip(self, name: str, *lines: str) -> None:
        """Change a machine's network, by commands of ip."""
        command = ["nsenter", f"--net=/proc/{self.pids[name]}/ns/net", "ip", "-batch", "-"]
        subprocess.run(command, input="\n".join(lines), text=True, check=True)

    def crash(self, name: str) -> None:
        """End a machine and every process on it at once, as a power cut does."""
        process = self.machines.pop(name)
        if process.poll() is None and name in self.pids:
            with suppress(ProcessLookupError):
                os.kill(self.pids[name], signal.SIGKILL)  # unshare ends after it, and it after all of its machine
        else:
            process.kill()
        process.communicate()
        self.pids.pop(name, None)

    def freeze(self, name: str) -> None:
        """Stop a machine's time; `thaw` has it go on as if nothing had been."""
        while running := [pid for pid in self.processes(name) if _state(pid) != "T"]:
            for pid in running:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGSTOP)

    def thaw(self, name: str, without: str = "") -> None:
        """Let a machine go on that `freeze` has stopped, without the daemon of that name."""
        for pid in self.processes(name):
            if Path(f"/proc/{pid}/comm").read_text().strip() != without:
                os.kill(pid, signal.SIGCONT)

    def processes(self, name: str) -> list[int]:
        """The processes of a machine, as the outer machine numbers them."""
        own = Path(f"/proc/{self.pids[name]}/ns/pid").readlink()
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(FileNotFoundError, ProcessLookupError, PermissionError):
                if (folder / "ns" / "pid").readlink() == own and _state(int(folder.name)) != "Z":
                    found.append(int(folder.name))
        return found

    def await_nodes(self) -> None:
        """Wait until every node is up and has nothing to do."""
        deadline = time.monotonic() + NODES_S
        while self.states() != {node.name: "idle" for node in NODES}:
            if time.monotonic() > deadline:
                raise self.failure(f"nodes: {self.states()}, not all idle after {NODES_S} s")
            time.sleep(0.2)

    def failure(self, what: str) -> RuntimeError:
        """What went wrong, with the last lines of all logs."""
        logs = [f"{path.name}:\n{path.read_text()[-1500:]}" for path in sorted((self.own / "log").iterdir())]
        return RuntimeError("\n".join([what, *logs]))

    def states(self) -> dict[str, str]:
        """What Slurm says of each node: idle, allocated, down, …"""
        said = self.run("login", ["sinfo", "--noheader", "--Node", "--format=%N %T"]).stdout
        return dict(line.split() for line in said.splitlines())

    def command(self, name: str, command: list[str], folder: Path | None = None) -> list[str]:
        """The command that runs a command on a machine, in a folder of it; it is killed where nsenter is."""
        enter = ["nsenter", f"--target={self.pids[name]}", *NAMESPACES, "--"]
        return [*enter, *MORTAL, "env", f"--chdir={folder or self.folder}", *command]

    def run(self, name: str, command: list[str], folder: Path | None = None, **options: Any) -> Any:
        """Run a command on a machine for a minute at most, unless told otherwise; its output is captured."""
        options = {"capture_output": True, "text": True, "check": False, "timeout": 60} | options
        return subprocess.run(self.command(name, command, folder), **options)


def _state(pid: int) -> str:
    """The letter of a process's state; Z where there is none any more."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return "Z"


def hold(folder: Path) -> None:
    """Keep a cluster running until this process is told to end; others find it by the file `running` in its folder."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "running").open("a+") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        stream.truncate(0)
        with Cluster(folder) as cluster:
            json.dump({"keeper": os.getpid(), "pids": cluster.pids}, stream)
            stream.flush()
            print("started", flush=True)
            signal.pause()


def running(folder: Path) -> tuple[Cluster, int]:
    """The cluster that another process holds in a folder, and that process."""
    with suppress(FileNotFoundError, BlockingIOError), (folder / "running").open() as stream:
        fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
        raise SystemExit(f"{folder}: no cluster runs there")
    if not (folder / "running").exists():
        raise SystemExit(f"{folder}: no cluster runs there")
    told = json.loads((folder / "running").read_text())
    cluster = Cluster(folder)
    cluster.pids = told["pids"]
    return cluster, told["keeper"]


def start(folder: Path) -> None:
    """Start a cluster that runs until it is stopped."""
    command = [sys.executable, str(Path(__file__).resolve()), "hold", str(folder)]
    keeper = subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True, text=True)
    assert keeper.stdout is not None
    if keeper.stdout.readline() != "started\n":
        raise SystemExit(keeper.wait() or 1)


def stop(folder: Path) -> None:
    """End a cluster; nothing of it runs once this returns."""
    _, keeper = running(folder)
    os.kill(keeper, signal.SIGTERM)
    with (folder / "running").open() as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)


def main() -> None:
    usage = "cluster.py start|stop FOLDER, or cluster.py run FOLDER [--node NODE] -- COMMAND"
    layout = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(usage=usage, description=__doc__, formatter_class=layout)
    parser.add_argument("action", choices=["start", "stop", "run", "hold"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--node", default=LOGIN.name, choices=[machine.name for machine in MACHINES])
    words = sys.argv[1:]
    end = words.index("--") if "--" in words else len(words)
    arguments = parser.parse_args(words[:end])
    if reason := lacking():
        raise SystemExit(reason)
    if arguments.action == "run":
        cluster, _ = running(arguments.folder)
        raise SystemExit(subprocess.call(cluster.command(arguments.node, words[end + 1 :], Path.cwd())))
    {"start": start, "stop": stop, "hold": hold}[arguments.action](arguments.folder)


if __name__ == "__main__":
    main()
