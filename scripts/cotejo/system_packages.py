"""Which of the system packages of envs/apt.txt are missing, and how this machine can get them."""

import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cotejo.errors import CotejoError

Call = Callable[[list[str]], int]


@dataclass(frozen=True)
class SystemPackage:
    """A line of envs/apt.txt."""

    name: str
    proof: str
    conda: str
    purpose: str
    without: str


def read_packages(path: Path) -> list[SystemPackage]:
    """The packages that envs/apt.txt lists."""
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip() and line[0] != "#"]
    rows = [[cell.strip() for cell in line.split("|")] for line in lines]
    wrong = next((row for row in rows if len(row) != 5), None)
    if wrong is not None:
        raise CotejoError(f"{path}: {wrong[0]}: has {len(wrong)} columns. Give it 5, separated by |")
    return [SystemPackage(*row) for row in rows]


def missing(packages: list[SystemPackage], path: str, root: Path = Path("/")) -> list[SystemPackage]:
    """The packages none of whose proofs is a command on the search path, or a file below the root."""
    return [package for package in packages if not any(_is_there(proof, path, root) for proof in package.proof.split())]


def _is_there(proof: str, path: str, root: Path) -> bool:
    if proof.startswith("/"):
        return any(root.glob(proof[1:]))
    return shutil.which(proof, path=path) is not None


def install(packages: list[SystemPackage], call: Call) -> bool:
    """Install packages with apt-get, as root; its lists are renewed if it can't without. False where that fails."""
    options = ["--yes", "--quiet", "--no-install-recommends", "--option", "DPkg::Lock::Timeout=60"]
    command = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "install", *options, *names(packages)]
    return call(command) == 0 or (call(["apt-get", "update", "--quiet"]) == 0 and call(command) == 0)


def advice(packages: list[SystemPackage], apt: bool, prefix: Path) -> str:
    """What to tell a user who lacks packages: what each is for, and the exact commands that bring them."""
    lines = ["Missing system packages:"]
    lines += [f"  {package.name}: {package.purpose}; without it: {package.without}" for package in packages]
    if apt:
        lines.append("As root they come with:")
        lines.append(f"  apt-get update && apt-get install --yes --no-install-recommends {' '.join(names(packages))}")
    conda = [package.conda for package in packages if package.conda != "-"]
    if conda:
        lines.append(
            "Without root, and on other systems, conda-forge has them (micromamba, mamba and conda take the same):"
        )
        lines.append(f"  micromamba create --yes --prefix {prefix} --channel conda-forge {' '.join(conda)}")
    others = [package.name for package in packages if package.conda == "-"]
    if others and not apt:
        lines.append(f"conda-forge has no {' and no '.join(others)}: ask the administrator for them, or do without.")
    return "\n".join(lines)


def names(packages: list[SystemPackage]) -> list[str]:
    """The packages' names in Debian."""
    return [package.name for package in packages]


def call(command: list[str]) -> int:
    """Run a command in the foreground; its exit status."""
    return subprocess.run(command, check=False).returncode
