"""Finding uv, the installer, and telling it what pip has been told."""

import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from cotejo.errors import CotejoError
from cotejo.files import replacing
from cotejo.torch_build import find_links


def base_python() -> str:
    """The interpreter that runs this, or the one its virtual environment was made from."""
    return getattr(sys, "_base_executable", None) or sys.executable


def uv_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment for uv: what the user has set for uv, and from pip's settings what uv has not been told."""
    equivalents = {
        "UV_FIND_LINKS": ",".join(find_links(environment)),
        "UV_DEFAULT_INDEX": environment.get("UV_INDEX_URL") or environment.get("PIP_INDEX_URL"),
        "UV_INDEX": environment.get("UV_EXTRA_INDEX_URL") or environment.get("PIP_EXTRA_INDEX_URL"),
        "SSL_CERT_FILE": environment.get("PIP_CERT"),
        "UV_HTTP_TIMEOUT": environment.get("PIP_DEFAULT_TIMEOUT") or "300",
    }
    # Compiling all bytecode takes about a minute, and uv's own limit for one file is 60 s.
    equivalents["UV_COMPILE_BYTECODE_TIMEOUT"] = "600"
    known = {name: value for name, value in equivalents.items() if value and not environment.get(name)}
    return {**environment, **known, "UV_PYTHON_DOWNLOADS": "never"}


def find_uv(version: str, environment: Mapping[str, str]) -> Path:
    """uv at that version or newer: the user's, or one that pip installs into the user's cache folder."""
    users = shutil.which("uv", path=environment.get("PATH"))
    if users and _version_of(users) >= _numbers(version):
        return Path(users)
    cache = Path(environment.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "cotejo" / f"uv-{version}"
    if not (folder / "bin" / "uv").is_file():
        _install(version, folder, environment)
    return folder / "bin" / "uv"


def _install(version: str, folder: Path, environment: Mapping[str, str]) -> None:
    print(f"installing uv {version} into {folder}", flush=True)
    with replacing(folder) as temporary:
        made = subprocess.run([base_python(), "-m", "venv", str(temporary)], capture_output=True, text=True)
        if made.returncode != 0:
            raise CotejoError(
                f"{base_python()}: venv: makes no virtual environment. Install Python's venv (Debian, Ubuntu: apt-get "
                "install python3-venv) or uv (https://docs.astral.sh/uv), and run `make setup` again"
            )
        pip = [str(temporary / "bin" / "python"), "-m", "pip", "--quiet", "--disable-pip-version-check"]
        done = subprocess.run(
            [*pip, "install", f"uv=={version}"], env=dict(environment), capture_output=True, text=True
        )
        if done.returncode != 0:
            raise CotejoError(
                f"pip: uv=={version}: {_last_line(done.stderr)}. Without network, put its wheel into a folder, name it "
                "in PIP_FIND_LINKS and set PIP_NO_INDEX=1, or install uv yourself (https://docs.astral.sh/uv)"
            )


def _version_of(program: str) -> tuple[int, ...]:
    answer = subprocess.run([program, "--version"], capture_output=True, text=True)
    return _numbers(answer.stdout) if answer.returncode == 0 else ()


def _numbers(text: str) -> tuple[int, ...]:
    found = re.search(r"\d+(\.\d+)+", text)
    return tuple(int(part) for part in found.group().split(".")) if found else ()


def _last_line(text: str) -> str:
    lines = [line for line in text.strip().splitlines() if line.strip()]
    return lines[-1].removesuffix(".") if lines else "failed"
