"""Makes the tritonserver that nvidia-pytriton's wheel carries, and tritonclient's perf_analyzer, run by themselves.

- The python backend looks for its stub beside itself; the wheel keeps one for each version of Python elsewhere.
- The stub needs the interpreter as a shared library, and perf_analyzer needs libb64 and libcudart, which pytriton's
  wheel holds under other names. All three are linked into the environment's `lib`, to be named in LD_LIBRARY_PATH.
- The stub would write bytecode beside the model that it runs, into a folder that is only to be read, and heeds no
  variable of Python's: a line in the environment tells it not to. The packages' own is there already.
"""

import json
import shutil
import subprocess
from pathlib import Path

from cotejo.errors import CotejoError

LIBRARIES = {"libb64.so.0d": "libb64-*.so.0d", "libcudart.so.12": "libcudart-*.so.12*"}
STUB = "triton_python_backend_stub"
NO_BYTECODE = "import sys; sys.dont_write_bytecode = True\n"

# Where distributions keep the shared library of a Python that is itself linked without it.
ASK = """import json, sys, sysconfig
get = sysconfig.get_config_var
print(json.dumps({"version": "%d.%d" % sys.version_info[:2], "folders": [get("LIBDIR"), get("LIBPL")]}))"""


def repair(prefix: Path) -> None:
    """Put the stub and the libraries of an environment made of envs/triton.txt into their places."""
    asked = subprocess.run([prefix / "bin" / "python", "-c", ASK], capture_output=True, text=True, check=True)
    said = json.loads(asked.stdout)
    packages = prefix / "lib" / f"python{said['version']}" / "site-packages"
    server = packages / "pytriton" / "tritonserver"
    shutil.copy2(server / "python_backend_stubs" / said["version"] / STUB, server / "backends" / "python" / STUB)
    (packages / "no_bytecode.pth").write_text(NO_BYTECODE, encoding="utf-8")
    for name, pattern in LIBRARIES.items():
        link(prefix / "lib" / name, next((packages / "nvidia_pytriton.libs").glob(pattern)))
    library = interpreter_library(said["version"], [Path(folder) for folder in said["folders"] if folder])
    link(prefix / "lib" / library.name, library)


def interpreter_library(version: str, folders: list[Path]) -> Path:
    """The interpreter as a shared library, from the folders that it names itself, or their subfolders."""
    name = f"libpython{version}.so.1.0"
    found = [path for folder in folders for path in (folder / name, *sorted(folder.glob(f"*-linux-gnu/{name}")))]
    library = next((path for path in found if path.is_file()), None)
    if library is None:
        raise CotejoError(
            f"{name}: this Python has no shared library, which Triton's python backend needs. Install it (Debian, "
            f"Ubuntu: apt-get install libpython{version}; Rocky: dnf install python{version}-libs), or use a Python "
            "that has it (uv python install, conda-forge)"
        )
    return library


def link(place: Path, target: Path) -> None:
    """A link that an earlier one doesn't hinder."""
    place.unlink(missing_ok=True)
    place.symlink_to(target.absolute())
