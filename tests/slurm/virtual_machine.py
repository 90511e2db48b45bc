"""The first process of a virtual machine: gives it its own files, starts its daemons, and reaps what is orphaned there.

Run by cluster.py in new mount, network, PID, IPC and UTS namespaces: virtual_machine.py NAME FOLDER SHARED…, where the
first folder has the cluster's own files, and the others are seen by every machine. It prints its process number as the
outer machine knows it, and goes on once a line on its input says that its network is there.
Whoever kills it ends every process of the machine, and with them its mounts and its network.
"""

import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

# What machines don't share, however a cluster is built.
PRIVATE = ("/run", "/dev/shm", "/tmp")


def main() -> None:
    name, folder, *shared = sys.argv[1], *map(Path, sys.argv[2:])
    print(Path("/proc/self").readlink(), flush=True)  # before this machine's /proc hides the outer one's
    socket.sethostname(name)
    mount_files(folder, shared)
    sys.stdin.readline()
    start_daemons(folder, controller=name == "login")
    print("up", flush=True)
    while True:
        os.wait()


def mount_files(own: Path, shared: list[Path]) -> None:
    """Own /proc and temporary folders, in which shared folders lie where they lie outside; Slurm's files in /etc."""
    mount("-t", "proc", "proc", "/proc")
    kept = {folder: os.open(folder, os.O_PATH) for folder in shared}
    for folder in PRIVATE:
        mount("-t", "tmpfs", "-o", "mode=1777", "tmpfs", folder)
    for folder, descriptor in kept.items():
        if not folder.exists():
            folder.mkdir(parents=True)
            mount("--no-canonicalize", "--bind", f"/proc/self/fd/{descriptor}", str(folder), inherited=[descriptor])
        os.close(descriptor)
    mount("--bind", str(own / "hosts"), "/etc/hosts")
    mount("--bind", str(own / "etc"), "/etc/slurm")


def mount(*arguments: str, inherited: Sequence[int] = ()) -> None:
    subprocess.run(["mount", *arguments], check=True, pass_fds=inherited)


def start_daemons(folder: Path, controller: bool) -> None:
    """Munge on every machine; the controller on the login node, and Slurm's daemon on the others."""
    munge = Path("/run/munge")
    munge.mkdir(mode=0o755)
    places = [f"--seed-file={munge}/seed", f"--log-file={munge}/log", f"--key-file={folder}/munge.key"]
    subprocess.run(["munged", "--force", *places], check=True)
    subprocess.run(["slurmctld" if controller else "slurmd"], check=True)


if __name__ == "__main__":
    main()
