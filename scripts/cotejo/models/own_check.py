"""Whether a folder of the user's holds a model that can be measured, told before any job: no weight is read."""

import errno
import json
import os
import struct
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from cotejo import hub
from cotejo.errors import CotejoError
from cotejo.models import ARCHITECTURES
from cotejo.models.own import WEIGHTS, folder_of, is_gone, is_own, place

# What each task reads of a model besides its weights, any of the names of each line, and who writes it.
TOKENIZER = (("tokenizer.json",), "the tokenizer")
PROCESSOR = (("preprocessor_config.json", "processor_config.json"), "the processor")
READS = {
    "text-generation": (TOKENIZER,),
    "fine-tuning": (TOKENIZER,),
    "speech-recognition": (TOKENIZER, PROCESSOR),
    "image-captioning": (PROCESSOR,),
    "visual-question-answering": (TOKENIZER, PROCESSOR),
}
PICKLED = (".bin", ".pt", ".pth", ".ckpt", ".pkl")
INDEX = "model.safetensors.index.json"
_HEADER_MOST_BYTES = 100_000_000  # safetensors' own limit

_SYSTEM = {
    errno.ELOOP: "a symbolic link that leads back to itself. Mend it",
    errno.ENOENT: "a symbolic link to what isn't there. Mend it, or copy the file into the folder",
    errno.EACCES: "may not be read. `chmod u+rX` it, or ask its owner",
}


def check_folder(model: str, entry: Mapping[str, Any], weights: bool = True) -> None:
    """CotejoError, naming what is wrong and the remedy, unless the folder holds the model that the entry tells of.

    `weights`: whether those are needed, too, and not config.json alone, as for synthetic weights.
    """
    folder = folder_of(model, entry)
    try:
        problem = _problem(folder, entry, weights)
    except OSError as error:
        reason = _SYSTEM.get(error.errno or 0, f"{error.strerror}. Mend that")
        problem = f"{_named(error.filename, folder)}{reason}"
    if problem:
        raise CotejoError(f"{place(model, entry)}: {problem}")


def check_own(run: Mapping[str, Any], entry: Mapping[str, Any], made: Path) -> None:
    """As `check_folder` for the model of a run, where that is one of the user's own.

    Nothing of it is needed any more where what is measured is `made` and the folder is out of reach.
    """
    if is_own(entry) and not (made.exists() and is_gone(run["model"], entry)):
        check_folder(run["model"], entry, weights=run["weights"] == WEIGHTS)


def headers(folder: Path, names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """{tensor: {"dtype", "shape", "data_offsets"}} of safetensors files; ValueError, naming it, where one is none.

    The format: https://huggingface.co/docs/safetensors, "Format".
    """
    found: dict[str, dict[str, Any]] = {}
    for name in names:
        try:
            found |= _header(folder / name)
        except (ValueError, struct.error) as error:
            raise ValueError(f"{name}: {error}") from error
    return found


def weight_files(names: Iterable[str]) -> list[str]:
    """The safetensors among the names of a folder's files."""
    return sorted(name for name in names if hub.SAFETENSORS.fullmatch(name) and name.endswith(".safetensors"))


def _problem(folder: Path, entry: Mapping[str, Any], weights: bool) -> str:
    """What is wrong, with the remedy; empty where nothing is. OSError where something can't be read."""
    if not os.path.lexists(folder):
        return (
            "no such folder. Mend the path (a relative one starts at the checkout, ~ is your home), or put the model "
            "there"
        )
    names = _list(folder)
    if names is None:
        return "is no folder. Name the one that `save_pretrained` was given"
    if entry["architecture"] == "yolo":
        return _wrong_checkpoint(folder, names) if weights else ""
    return (
        _wrong_config(folder, names, entry["architecture"])
        or (_wrong_weights(folder, names) if weights else "")
        or (_lacking(names, entry["task"]) if weights else "")
    )


def _list(folder: Path) -> list[str] | None:
    try:
        return sorted(path.name for path in folder.iterdir())
    except NotADirectoryError:
        return None


def _named(name: Any, folder: Path) -> str:
    """How a message calls the file that the system speaks of; nothing where that is the folder."""
    path = Path(os.fsdecode(name)) if name else folder
    return f"{path.name}: " if path != folder else ""


def _wrong_checkpoint(folder: Path, names: Iterable[str]) -> str:
    found = [name for name in names if name.endswith(".pt")]
    if len(found) != 1:
        held = f"holds {', '.join(found)}" if found else "holds no .pt file"
        return f"{held}. Leave exactly one ultralytics checkpoint there, such as best.pt"
    with (folder / found[0]).open("rb") as stream:
        stream.read(1)
    return ""


def _wrong_config(folder: Path, names: Iterable[str], architecture: str) -> str:
    if "config.json" not in names:
        if "adapter_config.json" in names:
            return (
                "holds an adapter (adapter_config.json), not a model. Merge it: "
                "`model.merge_and_unload().save_pretrained(…)`, and name that folder"
            )
        return "holds no config.json. Write the model there by `model.save_pretrained(…)`"
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except ValueError as error:
        return f"config.json: not valid JSON ({error}). Save the model again"
    if not isinstance(config, dict):
        return "config.json: must be a mapping. Save the model again"
    if "auto_map" in config:
        return (
            f"config.json: auto_map: {', '.join(map(str, config['auto_map']))}: wants code of its own to be run, which "
            f"Cotejo never does. Take a model of an architecture that transformers itself has: {_architectures()}"
        )
    kind = config.get("model_type")
    if kind != architecture:
        remedy = f"Set `architecture: {kind}`" if kind in ARCHITECTURES else f"Measurable: {_architectures()}"
        return f"config.json: model_type: {kind}: but the entry says `architecture: {architecture}`. {remedy}"
    if config.get("quantization_config"):
        method = config["quantization_config"].get("quant_method", "some method")
        return (
            f"config.json: quantization_config: {method}: its weights are quantised already. Name the folder of the "
            "model before that: a run's `precision` quantises it, and checks what that changes"
        )
    return ""


def _architectures() -> str:
    return ", ".join(ARCHITECTURES)


def _wrong_weights(folder: Path, names: Iterable[str]) -> str:
    files = weight_files(names)
    if INDEX in names:
        try:
            listed = {*json.loads((folder / INDEX).read_text(encoding="utf-8"))["weight_map"].values()}
        except (ValueError, KeyError, TypeError, AttributeError):
            return f"{INDEX}: doesn't say which file holds which tensor. Save the model again"
        gone = sorted(listed - {*files})
        if gone:
            return f"{gone[0]}: is missing ({INDEX} lists {len(listed)} files, {len(gone)} of them gone). Copy it there"
    elif files and files != ["model.safetensors"]:
        return f"{INDEX}: is missing, which tells what {files[0]} and the others hold. Copy it there"
    if not files:
        pickles = [name for name in names if name.endswith(PICKLED)]
        if pickles:
            return (
                f"{pickles[0]}: its weights are pickled, and opening a pickle can run anything. Where you trust it, "
                "save it again: `model.save_pretrained(…)` writes model.safetensors"
            )
        return "holds no model.safetensors. Write the model there by `model.save_pretrained(…)`"
    try:
        headers(folder, files)
    except ValueError as error:
        return f"{error}. Copy it again, or save the model again"
    return ""


def _header(path: Path) -> dict[str, dict[str, Any]]:
    size = path.stat().st_size
    with path.open("rb") as stream:
        (length,) = struct.unpack("<Q", stream.read(8))
        if length > _HEADER_MOST_BYTES or length + 8 > size:
            raise ValueError("no safetensors file, or cut short")
        header: dict[str, dict[str, Any]] = json.loads(stream.read(length))
    header.pop("__metadata__", None)
    end = max((tensor["data_offsets"][1] for tensor in header.values()), default=0)
    if size != 8 + length + end:
        raise ValueError(f"holds {size} bytes of {8 + length + end}")
    return header


def _lacking(names: Iterable[str], task: str) -> str:
    for allowed, what in READS.get(task, ()):
        if not {*allowed} & {*names}:
            return (
                f"holds no {' and no '.join(allowed)}, which {task} needs. Write {what} there, too, by "
                f"`{what.removeprefix('the ')}.save_pretrained(…)`"
            )
    return ""
