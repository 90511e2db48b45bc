"""How far what ONNX Runtime computes on a device lies from what it computes on the CPU, of the same export.

The parity gate holds the export against PyTorch on the CPU; this is the rest of the way. It runs under the interpreter
that the run is measured under: `python -m cotejo.gpu_check.answers '<JSON>'`.
"""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cotejo.child import child_environment
from cotejo.code import SCRIPTS
from cotejo.command import run as command
from cotejo.files import read_json, write_json

BATCHES = 3


def apart(run: Mapping[str, Any], export: Path, python: Path, output: Path) -> float:
    """The largest relative error, ‖y - CPU's‖ / ‖CPU's‖, over some captioning steps."""
    told = {"run": run, "export": str(export), "output": str(output)}
    arguments = [str(python), "-m", "cotejo.gpu_check.answers", json.dumps(told)]
    subprocess.run(arguments, env=child_environment(1, SCRIPTS), check=True)
    return float(read_json(output)["error"])


def error_of(run: Mapping[str, Any], export: Path) -> float:
    import numpy as np

    from cotejo.backends import backend

    module, random = backend("onnxruntime"), np.random.default_rng(0)
    on_cpu = {key: value for key, value in run.items() if key not in ("provider", "accelerators", "split")}
    there, here = (module.load(each, export, export, 1) for each in (run, {**on_cpu, "device": "cpu"}))
    _, *sizes = here.image_shape
    errors = []
    for _ in range(BATCHES):
        pixels = random.standard_normal((1, *sizes), dtype=np.float32)
        tokens = random.integers(1000, 30000, (1, run["caption_tokens"]), dtype=np.int64)
        answered, expected = (engine.infer(pixels, tokens) for engine in (there, here))
        errors.append(float(np.linalg.norm(answered - expected) / np.linalg.norm(expected)))
    return max(errors)


def main() -> None:
    told = json.loads(sys.argv[1])
    write_json(Path(told["output"]), {"error": error_of(told["run"], Path(told["export"]))})


if __name__ == "__main__":
    command(main)
