"""The entries of config/datasets.yaml, and the folder that is made of one."""

import importlib
from pathlib import Path
from typing import Any

from cotejo.datasets import MANIFEST
from cotejo.datasets.sources import resolved
from cotejo.errors import CotejoError
from cotejo.files import digest, replacing, sha256_of, write_json
from cotejo.schema import did_you_mean, load_yaml, shown

# Beside the keys of an entry whose files are missing: the digest that records of it have.
RECORDED = "recorded_digest"


def load_entries(path: Path) -> dict[str, dict[str, Any]]:
    """The data sets of config/datasets.yaml by name; CotejoError where one doesn't follow the schema."""
    return load_yaml(path, "datasets")


def entry_digest(entry: dict[str, Any]) -> str:
    """What identifies a data set before it is made: its entry, and the content of the JSON and JSONL files it names.

    The same on every machine for the same entry, where the bytes of a video encoded there may differ. Where the files
    are missing it is that of records that are there, if `cotejo.datasets.absent` found some.
    """
    if RECORDED in entry:
        return str(entry[RECORDED])
    return digest([entry, [sha256_of(path) for path in texts_of(entry) if path.is_file()]])


def texts_of(entry: dict[str, Any]) -> list[Path]:
    """The JSON and JSONL files that an entry names."""
    named = [value for value in entry["source"].values() if isinstance(value, str)]
    return [resolved(value) for value in named if value.endswith((".json", ".jsonl"))]


def check_source(name: str, entry: dict[str, Any], datasets: Path) -> None:
    """CotejoError where a file or folder that the entry names is missing, before any job would find that out."""
    for key in ("path", "tables", "speak", "annotations", "images", "questions"):
        named = entry["source"].get(key, [])
        for path in [named] if isinstance(named, str) else named:
            if not resolved(path).exists():
                remedy = entry.get("if_missing", "Mend the path")
                raise CotejoError(f"{shown(datasets)}: {name}.source.{key}: {path}: no such file or folder. {remedy}")


def prepare(datasets: Path, name: str, output: Path) -> None:
    """Make the folder of one data set: its items as files, and dataset.json; an older folder is replaced.

    CotejoError, and no folder, where the entry or anything that it names is missing or unreadable.
    """
    entries = load_entries(datasets)
    if name not in entries:
        raise CotejoError(f"{shown(datasets)}: {name}: no such data set{did_you_mean(name, entries)}")
    entry = entries[name]
    kind = importlib.import_module(f"cotejo.datasets.{entry['kind'].replace('-', '_')}")
    with replacing(output) as folder:
        folder.mkdir()
        items = kind.prepare(entry, f"{shown(datasets)}: {name}.source", folder)
        made_up = {"synthetic": True} if "generate" in entry["source"] else {}
        write_json(folder / MANIFEST, {"dataset": name, "kind": entry["kind"], **made_up, "items": items})
