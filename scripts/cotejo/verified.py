"""Folders with a manifest: nothing in them is used before every byte is known to be the one that was written."""

import re
from pathlib import Path
from typing import Any

from cotejo.errors import CotejoError
from cotejo.files import read_json, sha256_of_folder

# What lies in a folder that Snakemake's cache has put into the one that it is a second copy of.
TWICE = re.compile(r"[0-9a-f]{64}/")


def verified(folder: Path, manifest: str) -> dict[str, Any]:
    """A folder's manifest (model.json, export.json, dataset.json), once its files match the digests under `files`.

    CotejoError, naming the first file that is missing, extra or different, with the remedy. Nothing extra is what
    Snakemake's cache has put inside where two made the same folder at once, under the name that it has for both.
    """
    content: dict[str, Any] = read_json(folder / manifest)
    expected: dict[str, str] = content["files"]
    files = sha256_of_folder(folder, without=(manifest,))
    found = {name: digest for name, digest in files.items() if not TWICE.match(name)}
    for name in sorted(expected.keys() | found.keys()):
        if expected.get(name) != found.get(name):
            wrong = "is missing" if name not in found else "is not in" if name not in expected else "differs from"
            raise CotejoError(
                f"{folder / name}: {wrong} what {manifest} lists. Delete the folder {folder} and run the same command "
                f"again, so that it is made anew"
            )
    return content
