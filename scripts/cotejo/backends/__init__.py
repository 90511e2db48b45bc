"""Backends: what computes, in the measured process itself, one module each. Importing them is cheap.

A backend's module gives

- `FORMATS`: {architecture it can run: format of the export it loads, None for the model's own folder};
- `ARCHITECTURES`: the keys of FORMATS; `PRECISIONS` of the weights it can load;
- `DEVICES` that it computes on, and `SPLITS`, how it divides a model over several of them; `CPU_SPLITS`, where it
  divides one, or its work, on a CPU too;
- `OPTIONS`, where it has some: {option of a run: default}; one whose value is None is left out of a run;
- `USUAL`, where it has options that came after runs without them: {option: {device: what that does by itself}}; they
  are left out of a run where they say just that;
- `processes(run)`, only where a run may have several: how many on each node, which torchrun starts; and `NODES = True`
  where these may be several;
- `stack(run)`, only where some run needs packages that Cotejo's own environment hasn't: the stack, envs/<stack>.txt,
  under whose interpreter its processes then run, or None. The worker, the task and the backend must import there;
- `check(run)`, only where some settings don't go together: raises the CotejoError that says which;
- `check_model(run, config)`, only where the model's configuration may not go with them either: likewise;
- `missing(run, there)`, only where a machine or an environment may lack what a run needs: what, as `check` would say
  it, or an empty text. Asked of Surroundings before any job, and so often that nothing may be imported for it;
- `DISTRIBUTIONS`: the packages whose versions a record holds;
- `load(run, artefact, model_folder, threads)`: an engine for the run's architecture. What it must be able to do is
  written in the run's task; every engine has `properties()`, what the runtime made of its settings.
"""

from collections.abc import Mapping
from importlib import import_module
from types import ModuleType
from typing import Any

from cotejo.errors import CotejoError

BACKENDS = {
    "pytorch": "cotejo.backends.pytorch",
    "openvino": "cotejo.backends.openvino",
    "openvino-genai": "cotejo.backends.openvino_genai",
    "onnxruntime": "cotejo.backends.onnxruntime",
    "tensorrt": "cotejo.backends.tensorrt",
    "transformers-trainer": "cotejo.backends.transformers_trainer",
}


def backend(name: str) -> ModuleType:
    """A backend's module; CotejoError if there is none of that name."""
    if name not in BACKENDS:
        raise CotejoError(f"backend: {name}: unknown. One of {', '.join(BACKENDS)}")
    return import_module(BACKENDS[name])


def processes(run: Mapping[str, Any]) -> int:
    """How many processes a run in process has on each of its nodes; one where its backend doesn't say otherwise."""
    counted = None if run.get("server") else getattr(backend(run["backend"]), "processes", None)
    return int(counted(run)) if counted else 1


def together(run: Mapping[str, Any]) -> bool:
    """Whether several processes do a run's work."""
    return not run.get("server") and processes(run) * run.get("nodes", 1) > 1


def stack_of(run: Mapping[str, Any]) -> str | None:
    """The stack under whose interpreter the processes of a run in process run; None where it is Cotejo's own."""
    chosen = None if run.get("server") else getattr(backend(run["backend"]), "stack", None)
    return chosen(run) if chosen else None


def options() -> set[str]:
    """The options of all backends."""
    return {option for name in BACKENDS for option in options_of(name)}


def options_of(name: str) -> dict[str, Any]:
    """A backend's own options with their defaults."""
    return getattr(backend(name), "OPTIONS", {})
