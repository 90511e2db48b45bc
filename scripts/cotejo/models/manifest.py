"""model.json: what a model folder is and which bytes it holds."""

from pathlib import Path
from typing import Any

from cotejo.files import sha256_of_folder, write_json

NAME = "model.json"


def write(
    folder: Path, model: str, entry: dict[str, Any], weights: str, scale: str, source: dict[str, Any], parameters: int
) -> None:
    """Write the folder's model.json, with the SHA-256 of every other file; what writes last makes the folder whole."""
    manifest = {
        "model": model,
        "architecture": entry["architecture"],
        "task": entry["task"],
        "weights": weights,
        "scale": scale,
        "licence": entry["licence"],
        "source": source,
        "parameters": parameters,
        "files": sha256_of_folder(folder, without=(NAME,)),
    }
    write_json(folder / NAME, manifest)
