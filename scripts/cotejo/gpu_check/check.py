"""What a check is, and where it finds itself."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

CUDA, CPU = "cuda", "cpu"

# Of packages whose import has another name than what pip installs.
DISTRIBUTIONS = {
    "PIL": "pillow",
    "pynvml": "nvidia-ml-py",
    "whisper": "openai-whisper",
    "onnxruntime": "onnxruntime-gpu",
}


class Untried(Exception):
    """Why a check can't be tried here, such as "needs a llama-server": neither passed nor failed."""


@dataclass(frozen=True)
class Box:
    """Where a check is: on the first GPUs of a machine, so many, or in its rehearsal on a CPU, where there are none.

    `folder` is the check's own, `shared` is there for all of them: what one has made, another takes.
    """

    device: str
    gpus: int
    folder: Path
    shared: Path


Found = Mapping[str, Any]
Perform = Callable[[Box], Found]


@dataclass(frozen=True)
class Check:
    """`needs`: the packages, by their imports; `gpus`: how many it takes; `rehearsed`: whether it says anything on a
    CPU.
    """

    name: str
    proves: str
    module: str
    function: str
    needs: tuple[str, ...]
    gpus: int
    rehearsed: bool
    limit_s: float


def check(
    name: str, needs: tuple[str, ...] = (), gpus: int = 1, rehearsed: bool = True, limit_s: float = 300
) -> Callable[[Perform], Perform]:
    """Make a function a check. The first line of its docstring says what a pass proves."""

    def marked(function: Perform) -> Perform:
        proves = (function.__doc__ or "").strip().splitlines()[0].rstrip(".")
        made = Check(name, proves, function.__module__, function.__name__, needs, gpus, rehearsed, limit_s)
        function.check = made  # type: ignore[attr-defined]
        return function

    return marked


def checks_of(module: ModuleType) -> list[Check]:
    """A module's checks, in their order."""
    return [value.check for value in vars(module).values() if isinstance(getattr(value, "check", None), Check)]


def why_untried(check: Check, device: str, gpus: int) -> str | None:
    """Why a check isn't tried on so many GPUs, or in a rehearsal; None where it is."""
    if device == CPU and not check.rehearsed:
        return "needs a GPU"
    if device == CUDA and check.gpus > gpus:
        return f"needs {check.gpus} GPUs, and here {'is one' if gpus == 1 else f'are {gpus}'}"
    missing = [DISTRIBUTIONS.get(name, name) for name in check.needs if find_spec(name) is None]
    return f"needs {', '.join(missing)}" if missing else None
