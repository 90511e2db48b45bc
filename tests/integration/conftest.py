"""Small models and their exports, each made once in a session, for every test that needs real ones; and a bench."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from bench import Bench
from exporting import CATALOGUE, make
from serving_bench import ServingBench

from cotejo.command import OFFLINE
from cotejo.models.synthetic import write_model

os.environ.update(OFFLINE)

# Files of minutes come first, so that none of them is what all wait for at the end.
LONGEST = ("test_zero.py", "test_exports.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.path.name not in LONGEST)


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
            make(form, model_folder(model), precision, folder)
        return folder

    return made


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@pytest.fixture
def serving_bench(tmp_path: Path) -> ServingBench:
    return ServingBench(tmp_path)
