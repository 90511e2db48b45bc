"""The first process of a virtual machine: gives it its own files, starts its daemons, and reaps what is orphaned there.

Run by cluster.py in new mount, network, PID, IPC and UTS namespaces: virtual_machine.py NAME SHARED_FOLDER. It prints
its process number as the outer machine knows it, and goes on once a line on its input says that its network is there.
Whoever kills it ends every process of the machine, and with them its mounts and its network.
"""

import os
import socket
import subprocess
import sys
from pathlib import Path

# What machines don't share, however a cluster is built.
PRIVATE = ("/run", "/dev/shm", "/tmp")


def main() -> None:
    name, shared = sys.argv[1], Path(sys.argv[2])
    print(Path("/proc/self").readlink(), flush=True)  # before this machine's /proc hides the outer one's
    socket.sethostname(name)
    mount_files(shared)
    sys.stdin.readline()
    start_daemons(shared / "slurm", controller=name == "login")
    print("up", flush=True)
    while True:
        os.wait()


def mount_files(shared: Path) -> None:
    """Own /proc and temporary folders, in which the shared folder lies where it lies outside; Slurm's files in /etc."""
    mount("-t", "proc", "proc", "/proc")
    kept = os.open(shared, os.O_PATH)
    for folder in PRIVATE:
        mount("-t", "tmpfs", "-o", "mode=1777", "tmpfs", folder)
    if not shared.exists():
        shared.mkdir(parents=True)
        mount("--no-canonicalize", "--bind", f"/proc/self/fd/{kept}", str(shared), kept=kept)
    os.close(kept)
    mount("--bind", str(shared / "slurm" / "hosts"), "/etc/hosts")
    mount("--bind", str(shared / "slurm" / "etc"), "/etc/slurm")


def mount(*arguments: str, kept: int | None = None) -> None:
    subprocess.run(["mount", *arguments], check=True, pass_fds=[] if kept is None else [kept])


def start_daemons(folder: Path, controller: bool) -> None:
    """Munge on every machine; the controller on the login node, and Slurm's daemon on the others."""
    munge = Path("/run/munge")
    munge.mkdir(mode=0o755)
    places = [f"--seed-file={munge}/seed", f"--log-file={munge}/log", f"--key-file={folder}/munge.key"]
    subprocess.run(["munged", "--force", *places], check=True)
    subprocess.run(["slurmctld" if controller else "slurmd"], check=True)


if __name__ == "__main__":
    main()
