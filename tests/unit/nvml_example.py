"""NVIDIA's driver library, for machines without a GPU."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any


class NVMLError(Exception):
    pass


def refuse(*_: object) -> None:
    """What a GPU, or its driver, answers to what it can't tell."""
    raise NVMLError


class FakeNvml(SimpleNamespace):
    """NVML's module: each function by the part of its name after `nvmlDeviceGet` or `nvmlSystemGet`, a handle being the
    index of a GPU; what isn't given can't be told. No answer while it isn't open.
    """

    NVMLError = NVMLError

    def __init__(self, gpus: int = 2, **answers: Callable[..., Any]) -> None:
        super().__init__(open=0)
        self.answers = {
            "Count": lambda: gpus,
            "HandleByIndex": lambda index: index,
            "UUID": lambda gpu: f"GPU-{gpu}",
            **answers,
        }

    def nvmlInit(self) -> None:
        self.open += 1

    def nvmlShutdown(self) -> None:
        self.open -= 1

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if not name.startswith("nvml"):
            raise AttributeError(name)
        question = name.removeprefix("nvmlDeviceGet").removeprefix("nvmlSystemGet")

        def ask(*arguments: Any) -> Any:
            if self.open < 1 or question not in self.answers:
                raise NVMLError(name)
            return self.answers[question](*arguments)

        return ask


def memory(gib: int, used_gib: int = 0) -> SimpleNamespace:
    return SimpleNamespace(total=gib << 30, used=used_gib << 30)
