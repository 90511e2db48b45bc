"""Small models and their exports, each made once in a session, for every test that needs real ones."""

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from cotejo.command import OFFLINE, ROOT
from cotejo.exports import make as making
from cotejo.models.synthetic import write_model

os.environ.update(OFFLINE)

CATALOGUE: dict[str, Any] = yaml.safe_load((ROOT / "config" / "models.yaml").read_text(encoding="utf-8"))


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


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """model_folder(model, scale="small"): a model of the catalogue with made-up weights."""
    root = tmp_path_factory.mktemp("models")

    def made(model: str, scale: str = "small") -> Path:
        folder = root / f"{model}-{scale}"
        if not folder.exists():
            write_model(folder, model, CATALOGUE[model], scale, seed=0, headers_only=False)
        return folder

    return made


@pytest.fixture(scope="session")
def export_folder(
    tmp_path_factory: pytest.TempPathFactory, model_folder: Callable[..., Path]
) -> Callable[[str, str, str], Path]:
    """export_folder(model, format, precision): an export of the small model, by Cotejo's exporter."""
    root = tmp_path_factory.mktemp("exports")

    def made(model: str, form: str, precision: str) -> Path:
        folder = root / f"{model}-{form}-{precision}"
        if not folder.exists():
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(making, "isolated", inline)
                making.make(form, model_folder(model), precision, folder)
        return folder

    return made
