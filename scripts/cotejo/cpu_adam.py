"""DeepSpeed's Adam for CPUs (`cpu_adam`), compiled once for a kind of CPU into the user's cache folder.

DeepSpeed itself would compile it when a training first needs it: in the middle of a measurement, in every process at
once, behind a lock file that an interrupted one leaves behind, for a CPU that its folder's name doesn't tell. So it is
compiled when the environment is made, by the flags that DeepSpeed's own builder has, but for -g. No package is needed.
"""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Mapping
from importlib.machinery import ExtensionFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from typing import Any

from cotejo.cache import alone, cache_folder
from cotejo.command import ROOT
from cotejo.cpu_kind import cpu_digest
from cotejo.errors import CotejoError
from cotejo.files import digest, replacing, write_json
from cotejo.stacks import installed

NAME = "cpu_adam"
PACKAGES = ("deepspeed", "torch")  # whose versions it is compiled for

# What DeepSpeed would compile, and how: asked of its builder in the environment's own interpreter. The flags are those
# that torch.utils.cpp_extension adds.
ASK = """
import json, sysconfig
from deepspeed.ops.op_builder.cpu import CPUAdamBuilder
from torch.utils.cpp_extension import include_paths, library_paths
op = CPUAdamBuilder()
of = lambda paths: [op.deepspeed_src_path(path) for path in paths]
print(json.dumps({
    "sources": of(op.sources()), "flags": [flag for flag in op.cxx_args() if flag not in ("-g", "")],
    "includes": [*of(op.include_paths()), *include_paths(), sysconfig.get_path("include")],
    "libraries": library_paths(),
}))
"""
USUAL = (f"-DTORCH_EXTENSION_NAME={NAME}", "-DTORCH_API_INCLUDE_EXTENSION_H", "-fPIC", "-std=c++20", "-UC10_USE_GLOG")
LINKED = ("-shared", "-lc10", "-ltorch_cpu", "-ltorch", "-ltorch_python")
# One step whose result is known: the first of Adam moves a weight by the learning rate, against its gradient's sign.
PROVE = """
import sys, torch
from pathlib import Path
from cotejo.cpu_adam import loaded
op = loaded(Path(sys.argv[1]))
weight, gradient, first, second = torch.ones(1000), torch.full((1000,), 2.0), torch.zeros(1000), torch.zeros(1000)
op.create_adam(0, 0.1, 0.9, 0.999, 1e-8, 0.0, True, False)
op.adam_update(0, 1, 0.1, 0.9, 0.999, 1e-8, 0.0, True, weight, gradient, first, second)
assert torch.allclose(weight, torch.full((1000,), 0.9)), weight
"""


def place(versions: Mapping[str, str]) -> Path:
    """Where it lies, or would, for these versions of PACKAGES and this CPU; beside it a .json of how it was made."""
    return cache_folder() / f"{NAME}-{versions['deepspeed']}-{digest([versions, cpu_digest()])}" / f"{NAME}.so"


def compile_for(python: Path) -> Path:
    """Compile it for an interpreter's packages and this CPU unless it is there, and give its place.

    It appears there only whole, and proven to compute. CotejoError where a compiler is missing or fails.
    """
    target = place(versions_of(python))
    target.parent.mkdir(parents=True, exist_ok=True)
    with alone(target.with_suffix(".lock"), f"another process compiles {target}"):
        if not target.is_file():
            compiler = find_compiler()
            print(f"compiling DeepSpeed's {NAME} into {target.parent}: about a minute", flush=True)
            begun_s = time.monotonic()
            with replacing(target) as temporary:
                asked = json.loads(_run([str(python), "-c", ASK]).splitlines()[-1])  # DeepSpeed may say something too
                command, source = compilation(compiler, asked, temporary)
                _run(command, source)
                _run([str(python), "-c", PROVE, str(temporary)])
                how = {"compiler": _run([compiler, "--version"]).splitlines()[0], "flags": asked["flags"]}
                write_json(target.with_suffix(".json"), how | {"compile_s": time.monotonic() - begun_s})
    return target


def versions_of(python: Path) -> dict[str, str]:
    """The installed versions of PACKAGES beside an interpreter, whose site-packages tell them."""
    there = installed(python.absolute().parent.parent)
    return {name: there[name] for name in PACKAGES}


def find_compiler(environment: Mapping[str, str] = os.environ) -> str:
    """The user's C++ compiler: CXX, or c++ on PATH."""
    asked = environment.get("CXX", "c++")
    found = shutil.which(asked, path=environment.get("PATH"))
    if found is None:
        raise CotejoError(f"{asked}: there is no such C++ compiler, which DeepSpeed's {NAME} needs. {REMEDY}")
    return found


def compilation(compiler: str, asked: Mapping[str, Any], target: Path) -> tuple[list[str], str]:
    """The command that compiles and links it, from what ASK has said, and what it reads: all sources as one, for the
    headers of torch are most of the work.
    """
    folders = [f"-L{folder}" for folder in asked["libraries"]]
    includes = [f"-I{folder}" for folder in asked["includes"]]
    command = [compiler, *asked["flags"], *USUAL, *includes, "-x", "c++", "-", "-o", str(target), *folders, *LINKED]
    return command, "".join(f'#include "{source}"\n' for source in asked["sources"])


def loaded(file: Path) -> Any:
    """The compiled module."""
    loader = ExtensionFileLoader(NAME, str(file))
    spec = spec_from_loader(NAME, loader)
    assert spec
    module = module_from_spec(spec)
    loader.exec_module(module)
    return module


REMEDY = (
    "Install one that knows C++20, GCC 10 or newer (Debian, Ubuntu: apt-get install g++; Rocky 8: dnf install "
    "gcc-toolset-13; on a cluster a module), or name yours in CXX, and run `make env-deepspeed` again"
)


def _run(command: list[str], given: str | None = None) -> str:
    """What a step says; CotejoError where it fails."""
    # As DeepSpeed's own launcher has it, whatever accelerator is here: no CUDA toolkit is needed for it.
    environment = {**os.environ, "DS_ACCELERATOR": "cpu", "PYTHONPATH": str(ROOT / "scripts")}
    done = subprocess.run(command, input=given, capture_output=True, text=True, env=environment)
    if done.returncode != 0:
        said = [line for line in done.stderr.splitlines() if "error" in line.lower()] or done.stderr.splitlines()[-1:]
        raise CotejoError(f"{Path(command[0]).name}: can't compile DeepSpeed's {NAME}: {' '.join(said[:1])}. {REMEDY}")
    return done.stdout
