"""What tests of exports share: the catalogue of models, and exporting without a process for each."""

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from cotejo.command import ROOT
from cotejo.errors import CotejoError
from cotejo.exports import make as making
from cotejo.llama_server import find_llama_server

CATALOGUE: dict[str, Any] = yaml.safe_load((ROOT / "config" / "models.yaml").read_text(encoding="utf-8"))


def no_llama_server() -> str | None:
    """Why what needs llama-server can't be tested here, and the remedy; None where it can."""
    try:
        find_llama_server(cuda=False)
    except CotejoError as error:
        return str(error)
    return None


def inline(function: Callable[..., Any], *arguments: Any, scratch: Path, reason: str) -> Any:
    """Stands in for cotejo.isolated.isolated: the same work in this process, which pays for slow imports only once.

    What fails is raised, for tests to show.
    """
    scratch.mkdir(parents=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(scratch))
        result = function(*arguments)
    shutil.rmtree(scratch)
    return result


def make(form: str, model_folder: Path, precision: str, folder: Path) -> None:
    """Make an export in this process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(making, "isolated", inline)
        making.make(form, model_folder, precision, folder)
