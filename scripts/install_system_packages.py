"""Install the system packages of envs/apt.txt that are missing, as root on Debian; elsewhere, say how to get them."""

import require_python  # noqa: F401, I001  (before what an older Python can't read)

import argparse
import os
import shutil
from pathlib import Path

from cotejo.command import ROOT, run
from cotejo.system_packages import advice, call, install, missing, names, read_packages

PREFIX = Path("resources/environments/system")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--packages", type=Path, default=ROOT / "envs" / "apt.txt", help="the list of packages")
    parser.add_argument("--prefix", type=Path, default=PREFIX, help="the conda prefix whose commands count too")
    arguments = parser.parse_args()
    path = os.pathsep.join([str(arguments.prefix.absolute() / "bin"), os.environ["PATH"]])
    lacking = missing(read_packages(arguments.packages), path)
    apt = shutil.which("apt-get") is not None
    if lacking and apt and os.geteuid() == 0:
        print(f"installing system packages: {' '.join(names(lacking))}", flush=True)
        install(lacking, call)
        lacking = missing(lacking, path)
    if lacking:
        print(advice(lacking, apt, arguments.prefix), flush=True)


if __name__ == "__main__":
    run(main)
