"""Whether what a run is about to measure is what was made and passed its gate."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cotejo.errors import CotejoError
from cotejo.files import read_json, sha256_of
from cotejo.verified import verified

MODEL, EXPORT, DATASET = "model.json", "export.json", "dataset.json"


@dataclass(frozen=True)
class Failure:
    """Why there is no measurement: a slug that tables show, and a sentence that helps."""

    reason: str
    message: str


def manifest(folder: Path, name: str, expected: Mapping[str, Any]) -> dict[str, Any]:
    """A folder's manifest; CotejoError where it is missing or describes something else than `expected`."""
    data: dict[str, Any] = read_json(folder / name)
    for key, value in expected.items():
        if data.get(key) != value:
            raise CotejoError(
                f"{folder / name}: {key}: {data.get(key)!r}: the run has {value!r}. Give the run's folder"
            )
    return data


def gate_failure(export_folder: Path, parity_file: Path, model_digest: str) -> Failure | None:
    """Why an export may not be measured, by what its export and its parity gate wrote down; None where it may."""
    export, parity = read_json(export_folder / EXPORT), read_json(parity_file)
    if export["status"] != "ok":
        return Failure(export["reason"], export["message"])
    if export["model"] != model_digest:
        return _corrupt(f"{export_folder / EXPORT}: was made from another model than the one in the model folder")
    if parity["export"] != sha256_of(export_folder / EXPORT):
        return _corrupt(f"{export_folder / EXPORT}: is not the one that the parity gate saw, by {parity_file}")
    if parity["status"] != "ok":
        return Failure(parity["reason"], parity["message"])
    return None


def corruption(folder: Path, name: str) -> Failure | None:
    """Why a folder may not be measured: its files are not those that its manifest `name` lists; None where they are."""
    try:
        verified(folder, name)
    except CotejoError as error:
        return _corrupt(str(error))
    return None


def _corrupt(what: str) -> Failure:
    return Failure("corrupt-export", f"{what.rstrip('.')}. `make retry` deletes that folder and this record")
