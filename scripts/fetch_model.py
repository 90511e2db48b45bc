"""Fetch a model's published weights, at the commit (or with the checksum) that config/models.yaml pins.

Every file is verified by its checksum. An interrupted fetch goes on where it stopped: what has come so far
waits in a hidden folder beside the output, and the output appears only once it is whole. Gated models need access,
asked for on their page, and `export HF_TOKEN=…`; HF_ENDPOINT names a mirror. On a cluster, run it where there is
internet.
"""

import argparse
import os
import shutil
from pathlib import Path
from typing import Any

from cotejo import hub
from cotejo.command import run
from cotejo.errors import CotejoError
from cotejo.files import remove, replacing
from cotejo.models import manifest, own, pickled
from cotejo.models.catalogue import read_entry


def fetch_model(model: str, entry: dict[str, Any], output: Path) -> None:
    """Fill the model folder `output` from the hub; CotejoError with the remedy where that can't be done."""
    if own.is_own(entry):
        raise CotejoError(f"{own.place(model, entry)}: nothing is to be fetched. Use scripts/copy_model.py")
    repository, revision = entry["repository"], entry["revision"]
    if revision is None:
        raise CotejoError(
            f"config/models.yaml: {model}.revision: null: no commit is pinned. Set it to the newest of "
            f"https://huggingface.co/{repository}/commits/main (40 hexadecimal digits), or use `weights: synthetic`"
        )
    hub.refuse_offline()
    hub.quiet_unless_watched()
    if hub.is_address(repository):
        files = [hub.look_up(repository, entry["files"][0], sha256=revision)]
    else:
        files = hub.wanted(hub.list_files(repository, revision), entry.get("files"))
    if not any(is_weights(file.name) for file in files):
        raise CotejoError(f"{repository}@{revision[:12]}: no weights among its files. Name them under `files`")
    partial = output.with_name(f".{output.name}.{revision[:12]}.partial")
    partial.mkdir(parents=True, exist_ok=True)
    hub.require_space(partial, files, sum(file.size for file in files if is_pickled(file.name)))
    for file in files:
        hub.fetch(repository, revision, file, partial)
    paths = [partial / file.name for file in files]
    with replacing(output) as folder:
        folder.mkdir()
        lay_out(paths, entry, partial, folder)
        source = {"repository": repository, "revision": revision}
        manifest.write(folder, model, entry, "hub", "full", source, entry["parameters"])
    remove(partial)


def lay_out(paths: list[Path], entry: dict[str, Any], partial: Path, folder: Path) -> None:
    """Put the fetched files into the model folder, pickled weights as safetensors."""
    pickles = [path for path in paths if is_pickled(path.name)]
    for path in paths:
        if path not in pickles:
            place(path, folder / path.relative_to(partial))
    if entry["architecture"] == "yolo":
        pickled.convert_ultralytics(pickles[0], entry["full"], folder)
    else:
        pickled.convert_transformers(pickles, folder)


def place(source: Path, target: Path) -> None:
    """Link a file, which takes no space and leaves the source for another try; copy it where links are unknown."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def is_weights(name: str) -> bool:
    return name.endswith((".safetensors", ".bin", ".pt"))


def is_pickled(name: str) -> bool:
    return name.endswith((".bin", ".pt", ".bin.index.json"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=Path, default=Path("config/models.yaml"), help="the catalogue of models")
    parser.add_argument("--model", required=True, help="an entry of the catalogue")
    parser.add_argument("--output", required=True, type=Path, help="the model folder to make")
    arguments = parser.parse_args()
    fetch_model(arguments.model, read_entry(arguments.models, arguments.model), arguments.output)


if __name__ == "__main__":
    run(main, online=True)
