"""Models of the user's own: an entry of config/models.yaml that names a folder instead of a repository.

What is measured is a copy, so that a folder which changes meanwhile can't change a result. What a run is known by are
the checksums of the folder's files: other weights are another run, and the records of the former ones stay theirs.
Nothing heavy is imported here: this is looked at before any job.
"""

import json
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from cotejo import hub
from cotejo.command import ROOT
from cotejo.errors import CotejoError
from cotejo.files import digest, sha256_of

Entry = dict[str, Any]
Stamp = tuple[str, int, int, int]  # a file's name, its size in bytes, and when it and its inode changed, in ns

WEIGHTS = "own"
# In the copy: which files it was made of, as the folder then had them, so that they need not be read at every start.
ORIGIN = ".origin.json"
# Beside the keys of an entry: where its copy is, and what records know its runs by where neither is on this machine.
COPY, RECORDED = "copy", "recorded_digests"

_OF_THE_FILE = ("architectures", "model_type", "transformers_version", "_name_or_path", "dtype", "torch_dtype")


def is_own(entry: Mapping[str, Any]) -> bool:
    """Whether an entry's weights lie in a folder of the user's."""
    return "folder" in entry


def usual_weights(entry: Mapping[str, Any]) -> str:
    """The weights of a run that doesn't say which."""
    return WEIGHTS if is_own(entry) else "hub"


def place(model: str, entry: Mapping[str, Any]) -> str:
    """How messages call the key that names the folder."""
    return f"config/models.yaml: {model}.folder: {entry['folder']}"


def folder_of(model: str, entry: Mapping[str, Any]) -> Path:
    """The folder: `~` is the home, and a relative path starts at the checkout."""
    try:
        return ROOT / Path(entry["folder"]).expanduser()
    except RuntimeError as error:
        raise CotejoError(f"{place(model, entry)}: {error}. Write the path without ~") from error


def taken(names: Iterable[str], architecture: str) -> list[str]:
    """What is taken of the files of a folder: ultralytics' checkpoint; else the safetensors, and what belongs to them.

    Training logs, optimizer states and pictures for a model card are left behind, and change no run.
    """
    if architecture == "yolo":
        return sorted(name for name in names if name.endswith(".pt"))
    beside = [name for name in names if not hub.PICKLED.fullmatch(name)]
    return sorted(hub.wanted_names(beside, None))


def stamps(model: str, entry: Mapping[str, Any]) -> list[Stamp]:
    """What tells that the folder's files are those of before, without reading them; OSError where nothing tells."""
    folder = folder_of(model, entry)
    names = taken([path.name for path in folder.iterdir()], entry["architecture"])
    found = [(name, (folder / name).stat()) for name in names]
    return [(name, told.st_size, told.st_mtime_ns, told.st_ctime_ns) for name, told in found]


def size_bytes(model: str, entry: Mapping[str, Any]) -> int:
    """How large the folder's files are; 0 where it isn't in reach."""
    return 0 if is_gone(model, entry) else sum(size for _, size, *_ in stamps(model, entry))


def content_digest(checksums: Mapping[str, str]) -> str:
    """What identifies the content of a folder whose files have these SHA-256: 64 hexadecimal digits."""
    return digest(dict(checksums), length=64)


def identity(model: str, entry: Mapping[str, Any]) -> str | None:
    """The content digest of the folder's files, or of those that its copy was made of where the folder isn't in reach;
    None where neither is there.
    """
    noted = _origin(entry)
    try:
        found = stamps(model, entry)
        if not found:
            return noted.get("sha256")
        if [list(stamp) for stamp in found] == noted.get("stamps"):
            return str(noted["sha256"])
        return _read(folder_of(model, entry), tuple(found))
    except OSError:
        return noted.get("sha256")


@cache
def _read(folder: Path, found: tuple[Stamp, ...]) -> str:
    return content_digest({name: sha256_of(folder / name) for name, *_ in found})


def is_gone(model: str, entry: Mapping[str, Any]) -> bool:
    """Whether none of the folder's files are in reach."""
    try:
        return not stamps(model, entry)
    except OSError:
        return True


def is_absent(model: str, entry: Mapping[str, Any]) -> bool:
    """Whether neither the folder's files nor their copy are in reach."""
    return is_gone(model, entry) and not _origin(entry)


def config_of(model: str, entry: Mapping[str, Any]) -> dict[str, Any] | None:
    """What shapes the network, as the folder's config.json has it, with `torch_dtype`; None where there is none to
    read.
    """
    if "full" in entry:
        return dict(entry["full"])
    try:
        config = json.loads((folder_of(model, entry) / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        config = _origin(entry).get("config")
    return shaping(config) if isinstance(config, dict) else None


def shaping(config: Mapping[str, Any]) -> dict[str, Any]:
    """A config.json without what tells of the file and not of the network, with `torch_dtype`."""
    kept = {key: value for key, value in config.items() if key not in _OF_THE_FILE}
    return kept | {"torch_dtype": config.get("dtype") or config.get("torch_dtype") or "float32"}


def model_digest(model: str, entry: Mapping[str, Any], weights: str, scale: str) -> str:
    """What a run is known by of its model."""
    if weights == "synthetic":
        config = config_of(model, entry)
        if config:
            return digest({"full": config, "small": entry.get("small", {}) if scale == "small" else {}})
    else:
        content = identity(model, entry)
        if content:
            return digest({"sha256": content})
    # To measure it anyway is refused with what is wrong; records of it are still told apart from others.
    return str(entry.get(RECORDED, {}).get(f"{weights}-{scale}", digest({"folder": entry["folder"]})))


def _origin(entry: Mapping[str, Any]) -> dict[str, Any]:
    """What the copy was made of; nothing where there is none."""
    try:
        noted: dict[str, Any] = json.loads((Path(entry[COPY]) / ORIGIN).read_text(encoding="utf-8"))
    except (KeyError, OSError, ValueError):
        return {}
    return noted
