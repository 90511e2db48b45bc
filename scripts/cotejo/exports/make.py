"""The command that every format shares: from a model folder to an export folder, or to the reason why there is none."""

import argparse
from pathlib import Path
from typing import Any

from cotejo.artefact import EXPORT, MODEL, Failure
from cotejo.errors import CotejoError
from cotejo.exports import exporter
from cotejo.files import remove, replacing, sha256_of, sha256_of_folder, write_json
from cotejo.isolated import isolated
from cotejo.verified import verified
from cotejo.versions import versions


def command(name: str, description: str | None) -> None:
    """Parse the command line of export_<format>.py and make the export."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model-folder", required=True, type=Path, help="the folder that holds model.json")
    parser.add_argument("--precision", required=True, help="what the weights are stored in: fp32, fp16, int8 or int4")
    parser.add_argument("--output", required=True, type=Path, help="the export folder to make")
    source = getattr(exporter(name), "SOURCE", None)
    if source:
        help_text = f"the {source} export that it is made from"
        parser.add_argument("--source-folder", required=True, type=Path, help=help_text)
    arguments = parser.parse_args()
    source_folder = arguments.source_folder if source else None
    manifest = make(name, arguments.model_folder, arguments.precision, arguments.output, source_folder)
    if manifest["status"] == "failed":
        print(f"failed: {manifest['reason']}: {manifest['message']}")


def make(
    name: str, model_folder: Path, precision: str, output: Path, source_folder: Path | None = None
) -> dict[str, Any]:
    """Make an export folder and return its export.json; CotejoError where the model or the request is wrong.

    What the exporter fails at is the folder's result: status "failed", and no other file. So is what the export in
    `source_folder` failed at, where the format is made from another.
    """
    form = exporter(name)
    model = verified(model_folder, MODEL)
    architecture = model["architecture"]
    if precision not in form.PRECISIONS.get(architecture, ()):
        able = "; ".join(f"{kind}: {', '.join(precisions)}" for kind, precisions in form.PRECISIONS.items())
        raise CotejoError(f"{name}: {architecture} in {precision}: can't be exported. What can: {able}")
    source = None if source_folder is None else _source(form.SOURCE, source_folder, model_folder, precision)
    with replacing(output) as folder:
        folder.mkdir(parents=True)
        if source and source["status"] == "failed":
            failure: Failure | None = Failure(source["reason"], source["message"])
        else:
            arguments = (name, model_folder, folder, architecture, precision, source_folder)
            result = isolated(_export, *arguments, scratch=folder / ".scratch", reason="export")
            failure = result if isinstance(result, Failure) else None
        if failure:
            remove(folder)
            folder.mkdir()
        manifest = {
            "status": "failed" if failure else "ok",
            "reason": failure.reason if failure else None,
            "message": failure.message if failure else None,
            "format": name,
            "precision": precision,
            "architecture": architecture,
            "model": sha256_of(model_folder / MODEL),
            "packages": versions(form.DISTRIBUTIONS),
            **({"source": sha256_of(source_folder / EXPORT)} if source_folder else {}),
            "files": sha256_of_folder(folder),
        }
        write_json(folder / EXPORT, manifest)
    return manifest


def _source(form: str, folder: Path, model_folder: Path, precision: str) -> dict[str, Any]:
    """export.json of the export that another is made from; CotejoError unless it is whole, and of this model."""
    found = verified(folder, EXPORT)
    wanted = {"format": form, "precision": precision, "model": sha256_of(model_folder / MODEL)}
    for key, value in wanted.items():
        if found[key] != value:
            raise CotejoError(f"{folder / EXPORT}: {key}: {found[key]}: not {value}. Give the model's {form} export")
    return found


def _export(
    name: str, model_folder: Path, output: Path, architecture: str, precision: str, source_folder: Path | None
) -> None:
    source = [] if source_folder is None else [source_folder]
    exporter(name).export(model_folder, output, architecture, precision, *source)
