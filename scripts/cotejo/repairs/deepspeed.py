"""Has DeepSpeed's Adam for CPUs compiled before anything is measured; cotejo/cpu_adam.py says why.

It is compiled for a kind of CPU and lies in the user's cache: an environment that several machines share is right
already, and `make env-deepspeed` on each kind of them compiles what lacks there.
"""

from pathlib import Path

from cotejo.cpu_adam import compile_for


def repair(prefix: Path) -> None:
    """The packages are whole as they are."""


def fit(prefix: Path) -> None:
    """Compile the operator for this CPU, unless it is there."""
    compile_for(prefix / "bin" / "python")
