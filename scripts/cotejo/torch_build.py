"""Which build of torch a machine gets: CPU or CUDA, from PyTorch's index or from a folder of wheels."""

import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cotejo.errors import CotejoError

# CUDA 12's minimum by NVIDIA's minor-version compatibility; the oldest CUDA that current torch is built for.
OLDEST_DRIVER = (525, 60, 13)
WHEEL = "wheel"


@dataclass(frozen=True)
class TorchBuild:
    """A build of torch: uv's name for its index (`cpu`, `auto`, `cu129` …) or WHEEL, and why it was chosen."""

    backend: str
    cuda: bool
    reason: str


def choose(version: str, environment: Mapping[str, str], installed: str | None) -> TorchBuild:
    """The build of torch for this machine.

    The user's UV_TORCH_BACKEND comes first, then a wheel in the folders of UV_FIND_LINKS or PIP_FIND_LINKS, then the
    choice of an earlier installation (so that a cluster's nodes don't undo each other's), then what the driver can run.
    CotejoError where the driver is too old for any CUDA build.
    """
    asked = environment.get("UV_TORCH_BACKEND")
    if asked:
        return TorchBuild(asked, asked != "cpu", "UV_TORCH_BACKEND says so")
    wheel = wheel_of(version, find_links(environment))
    if wheel is not None:
        return TorchBuild(WHEEL, "+cpu" not in wheel.name, f"{wheel} is there")
    if installed is not None and installed != WHEEL:
        return TorchBuild(installed, installed != "cpu", "it was chosen before; UV_TORCH_BACKEND changes it")
    driver = nvidia_driver(environment)
    if driver is None:
        return TorchBuild("cpu", False, "nvidia-smi finds no NVIDIA driver")
    if tuple(int(part) for part in driver.split(".")) < OLDEST_DRIVER:
        raise CotejoError(
            f"nvidia-smi: driver_version: {driver}: older than {'.'.join(map(str, OLDEST_DRIVER))}, the oldest that "
            "runs CUDA 12. Install a newer driver, or use the CPU only: UV_TORCH_BACKEND=cpu make setup"
        )
    return TorchBuild("auto", True, f"the NVIDIA driver is {driver}")


def find_links(environment: Mapping[str, str]) -> list[str]:
    """The folders and pages of wheels that the user has set: uv separates them by commas, pip by spaces."""
    value = environment.get("UV_FIND_LINKS") or environment.get("PIP_FIND_LINKS", "")
    return [part for part in re.split(r"[,\s]+", value) if part]


def wheel_of(version: str, places: list[str]) -> Path | None:
    """The wheel of torch of that version for the running Python, if one of the places is a folder that holds it."""
    python = f"cp{sys.version_info.major}{sys.version_info.minor}"
    pattern = re.compile(rf"torch-{re.escape(version)}(\+[^-]+)?-{python}-.*\.whl")
    folders = (Path(place.removeprefix("file://")) for place in places)
    wheels = (file for folder in folders if folder.is_dir() for file in sorted(folder.iterdir()))
    return next((wheel for wheel in wheels if pattern.fullmatch(wheel.name)), None)


def nvidia_driver(environment: Mapping[str, str]) -> str | None:
    """The version of the NVIDIA driver, such as `535.161.08`; None where nvidia-smi is missing or finds none."""
    command = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=60, env=dict(environment))
    except (FileNotFoundError, PermissionError):
        return None
    except subprocess.TimeoutExpired as error:
        raise CotejoError(
            "nvidia-smi: gave no answer for 60 s. Mend the driver, or do without: UV_TORCH_BACKEND=cpu make setup"
        ) from error
    versions = re.findall(r"^\s*(\d+(?:\.\d+)+)\s*$", answer.stdout, flags=re.MULTILINE)
    return versions[0] if answer.returncode == 0 and versions else None
