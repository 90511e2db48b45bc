"""What an export answers under another interpreter than this one: that of the stack which has the export's runtime.

Started by `answers` as `python -m cotejo.exports.elsewhere`; tensors go there and back in files of NumPy's.
"""

import argparse
import os
import subprocess
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from cotejo.child import child_environment, die_with
from cotejo.code import SCRIPTS
from cotejo.command import run
from cotejo.exports import exporter

Tensors = dict[str, np.ndarray]


def answers(
    python: Path, form: str, export_folder: Path, architecture: str, inputs: Sequence[Tensors]
) -> list[Tensors]:
    """A format's `outputs`, computed by another interpreter; RuntimeError with its last line where it can't.

    Its files go where this process has its temporary ones.
    """
    with tempfile.TemporaryDirectory() as folder:
        asked, answered = Path(folder, "inputs.npz"), Path(folder, "outputs.npz")
        write(asked, inputs)
        command = [python, "-m", "cotejo.exports.elsewhere", "--format", form, "--export-folder", export_folder]
        command += ["--architecture", architecture, "--inputs", asked, "--outputs", answered]
        ran = subprocess.run(
            list(map(str, command)),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            env=child_environment(len(os.sched_getaffinity(0)), SCRIPTS),
            preexec_fn=partial(die_with, os.getpid()),
            check=False,
        )
        print(ran.stdout, ran.stderr, sep="", flush=True)
        if ran.returncode != 0:
            lines = ran.stderr.strip().splitlines() or ["it wrote nothing"]
            raise RuntimeError(f"{python}: {lines[-1]}")
        return read(answered)


def write(file: Path, tensors: Sequence[Tensors]) -> None:
    """Several sets of named tensors in one file."""
    named: Any = {f"{number}.{name}": values for number, given in enumerate(tensors) for name, values in given.items()}
    np.savez(file, **named)


def read(file: Path) -> list[Tensors]:
    """The sets of tensors in a file, in their order."""
    found: dict[int, Tensors] = {}
    with np.load(file) as tensors:
        for key in tensors.files:
            number, _, name = key.partition(".")
            found.setdefault(int(number), {})[name] = tensors[key]
    return [found[number] for number in sorted(found)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--format", required=True, help="the export's format")
    parser.add_argument("--export-folder", required=True, type=Path, help="the export")
    parser.add_argument("--architecture", required=True, help="the model's architecture")
    parser.add_argument("--inputs", required=True, type=Path, help="the tensors to compute")
    parser.add_argument("--outputs", required=True, type=Path, help="the file to write")
    arguments = parser.parse_args()
    inputs = read(arguments.inputs)
    write(
        arguments.outputs, exporter(arguments.format).outputs(arguments.export_folder, arguments.architecture, inputs)
    )


if __name__ == "__main__":
    run(main)
