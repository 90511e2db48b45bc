"""Accelerators: GPUs, by the `device` of a run; one module for each maker. Importing them is cheap.

A maker's module gives

- `usable(environment)`: those of this machine that a process with this environment may use, in the order in which runs
  take them: `Accelerator`s; none where there are none, None where the driver doesn't tell;
- `VARIABLE`: the environment variable that shows a process its GPUs; `variables(number, usable, environment)`: that one
  for the first so many of them, or by their numbers where the driver tells of none;
- `IN_CONTAINER`: what Apptainer is asked by to let a container see them;
- `facts()`: each GPU of the machine, as a record's `environment.gpus` has it;
- `looks(own)`: what each does right now, as a record's `quiet` has it, `own` being this measurement's processes;
- `sources(target)`: their telemetry, in the columns that `cotejo.telemetry` names;
- `clocks(environment)`: what reads the clocks of those that a process with this environment may use, in MHz; None where
  they can't be read.
"""

import os
import time
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from types import ModuleType
from typing import Any, NamedTuple

from cotejo.accelerators.settling import Settling

ACCELERATORS = {"cuda": "cotejo.accelerators.nvidia"}


class Accelerator(NamedTuple):
    """A GPU, or a part of a divided one, that a process can be shown."""

    uuid: str
    gpu: str  # the UUID of the whole GPU: another one where this is but a part
    name: str | None
    memory_mib: int | None


class Shown(NamedTuple):
    """What a run's processes are shown on this node: which GPUs, None where nobody tells, and by which variables."""

    gpus: list[Accelerator] | None
    variables: dict[str, str]


def maker(device: str) -> ModuleType | None:
    """The module of those who make a device; None for the CPU."""
    return import_module(ACCELERATORS[device]) if device in ACCELERATORS else None


def makers() -> list[ModuleType]:
    return [import_module(name) for name in ACCELERATORS.values()]


def variables() -> tuple[str, ...]:
    """The variables that show processes their GPUs, of all makers."""
    return tuple(module.VARIABLE for module in makers())


def usable(device: str, environment: Mapping[str, str] = os.environ) -> list[Accelerator] | None:
    """The GPUs that a process started here may use for a device; None where the driver doesn't tell."""
    module = maker(device)
    return module.usable(environment) if module else []


def shown(run: Mapping[str, Any], environment: Mapping[str, str] = os.environ) -> Shown:
    """The first ones of those that a process with this environment may use, as many as a run has on each node.

    Fewer where there are fewer: what computes says then that they are missing.
    """
    module = maker(run["device"])
    if module is None or not run.get("accelerators"):
        return Shown([], {})
    number = run["accelerators"] // run.get("nodes", 1)
    there = module.usable(environment)
    return Shown(there[:number] if there else None, module.variables(number, there, environment))


def own(record: Mapping[str, Any]) -> frozenset[str] | None:
    """The UUIDs of the GPUs that a record's processes were shown; None: nobody told which."""
    return whole(record["affinity"].get("gpus")) if record["run"]["device"] in ACCELERATORS else frozenset()


def whole(told: Iterable[Mapping[str, Any]] | None) -> frozenset[str] | None:
    """The UUIDs of the whole GPUs of those that a record tells of."""
    return None if told is None else frozenset(gpu["gpu"] for gpu in told)


def facts() -> list[dict[str, Any]]:
    """Every GPU of the machine, whoever made it."""
    return [gpu for module in makers() for gpu in module.facts()]


def looks(own_processes: set[int]) -> list[dict[str, Any]]:
    """What each of them does right now."""
    return [gpu for module in makers() for gpu in module.looks(own_processes)]


def settling(run: Mapping[str, Any], clock: Callable[[], float] = time.monotonic) -> Settling | None:
    """Tells when the clocks of the GPUs that this process may use have settled; None for a run without any."""
    module = maker(run.get("device", "cpu"))
    return Settling(module.clocks(os.environ), clock) if module else None
