"""Data sets: one module for each kind, and here the light reader of what they made (standard library only)."""

from pathlib import Path
from typing import Any

from cotejo.errors import CotejoError
from cotejo.files import read_json

MANIFEST = "dataset.json"
QUESTION = "What is shown in this image?"  # about images that come without one


def load_items(dataset_folder: Path, *kinds: str) -> list[dict[str, Any]]:
    """The items of a prepared data set, in order, each with its file's absolute `path` added.

    `kinds` are the kinds of data set that the caller can read. CotejoError where the folder holds another kind, or
    where a file is gone.
    """
    manifest = read_json(dataset_folder / MANIFEST)
    if manifest["kind"] not in kinds:
        raise CotejoError(
            f"{dataset_folder / MANIFEST}: kind: {manifest['kind']}: here only {' or '.join(kinds)} can be read. "
            "Name a data set of that kind in the study"
        )
    items = [item | {"path": dataset_folder.absolute() / item["file"]} for item in manifest["items"]]
    gone = next((item["path"] for item in items if not item["path"].is_file()), None)
    if gone is not None:
        raise CotejoError(f"{gone}: no such file. Delete {dataset_folder} and run the same command again")
    return items
