"""What a run would find where it is measured, before anything is begun: CPUs, GPUs, and the packages of an environment.

Told from files alone: nothing is imported, and nothing is started but `nvidia-smi`, where an environment is still to be
made and it decides which.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from cotejo.places import Stack
from cotejo.stacks import STAMP, installed, lock_files, packages_folder, pinned
from cotejo.torch_build import choose


@dataclass(frozen=True)
class Surroundings:
    """Where a run is to be measured, and under what its backend or server computes there."""

    here: bool  # on this very machine; False: on Slurm's nodes, whose drivers and devices can't be looked at from here
    cpus: int  # that the run gets on each node
    gpus: int | None  # of each node, as many as may be used; None: not known
    stack: Stack
    driver_cuda: int | None = None  # the newest major version of CUDA that the driver here runs; None: not known

    @property
    def python(self) -> Path:
        """The interpreter that computes."""
        return self.stack.python

    @property
    def program(self) -> Path | None:
        """The program of the user's that config names in its place."""
        return self.stack.program

    @property
    def made(self) -> bool:
        """Whether the environment is there, or has still to be made."""
        return not self.stack.made or (self._folder / STAMP).is_file()

    @property
    def known(self) -> bool:
        """Whether it can be told what the environment holds: a user's own may have its packages anywhere."""
        return not self.made or packages_folder(self._folder) is not None

    def version(self, distribution: str) -> str | None:
        """The version of a package in the environment, None where it isn't there; of one that is still to be made, by
        the files that pin it.
        """
        if not self.made:
            return _pinned(self.stack.made or "").get(_normal(distribution))
        return _installed(self._folder).get(_normal(distribution))

    def file(self, name: str) -> Path | None:
        """A file below the environment's packages, such as "torch/version.py"; None where there is none, or not yet."""
        packages = packages_folder(self._folder) if self.made else None
        found = packages / name if packages else None
        return found if found and found.exists() else None

    def lacks_cuda_torch(self) -> str:
        """Why the environment's PyTorch can't compute on GPUs, with the remedy; empty where nothing says that it can't.

        It begins as `check` does, with the key: for runs with `device: cuda`.
        """
        version = self.version("torch")
        if version is None:
            return ""
        remedy = f"`UV_TORCH_BACKEND=cu129 make {self._target}` makes it with one (envs/README.md: which torch)"
        if not self.made:
            build = choose(version, os.environ, None)
            future = f"{self._folder} would be made with a build of PyTorch without CUDA, as {build.reason}"
            return "" if build.cuda else f"device: cuda: {future}. {remedy}"
        file = self.file("torch/version.py")
        cuda = _cuda(file) if file else 0
        if cuda is None:
            return f"device: cuda: PyTorch {version} in {self._folder} is a build without CUDA. {remedy}"
        if self.driver_cuda and cuda > self.driver_cuda:
            return (
                f"device: cuda: PyTorch {version} in {self._folder} is built for CUDA {cuda}, and the driver here runs "
                f"{self.driver_cuda} at most. Install a newer driver, or take a build for CUDA {self.driver_cuda} "
                "(envs/README.md: which torch)"
            )
        return ""

    @property
    def _folder(self) -> Path:
        """The environment's own folder, as people know it."""
        folder = self.python.parent.parent
        return folder.relative_to(Path.cwd()) if folder.is_relative_to(Path.cwd()) else folder

    @property
    def _target(self) -> str:
        return f"env-{self.stack.made}" if self.stack.made else "setup"


def _normal(name: str) -> str:
    """A package's name as names are compared: https://packaging.python.org/en/latest/specifications/name-normalization"""
    return re.sub(r"[-_.]+", "-", name).lower()


@cache
def _installed(folder: Path) -> Mapping[str, str]:
    return {_normal(name): version for name, version in installed(folder).items()}


@cache
def _pinned(stack: str) -> Mapping[str, str]:
    return {_normal(name): version for name, version in pinned(lock_files(stack)[0]).items()}


@cache
def _cuda(version_file: Path) -> int | None:
    """The major version of CUDA that a build of PyTorch is for; None for one without."""
    found = re.search(r"^cuda(?:: [^=]*)? = ['\"](\d+)\.", version_file.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return int(found[1]) if found else None
