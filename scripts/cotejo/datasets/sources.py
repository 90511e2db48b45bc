"""Finding the files that an entry's source names, and describing what is made of them."""

import importlib.metadata
import importlib.util
import json
import shutil
from pathlib import Path
from typing import Any

from cotejo.command import ROOT
from cotejo.errors import CotejoError
from cotejo.files import sha256_of
from cotejo.schema import short

NOT_STATED = "not stated"


def resolved(path: str) -> Path:
    """A path of the configuration: `~` is the home, and relative paths start at the project's folder."""
    return ROOT / Path(path).expanduser()


def item_name(index: int, name: str) -> str:
    """The name of an item's file: its number from 1, which keeps the order and tells equal names apart, and its own."""
    return f"{index + 1:05}-{name}"


def describe(file: Path, licence: str, source: str, **more: Any) -> dict[str, Any]:
    """An item of dataset.json for a file in the data set's folder."""
    return {"file": file.name, "sha256": sha256_of(file), "licence": licence, "source": source} | more


def media_files(entry: dict[str, Any], place: str, suffixes: tuple[str, ...]) -> list[tuple[Path, str]]:
    """The files that `source.path` names, as (path, how to call it), in order and no more than `limit`.

    Of a folder: every file below it that has one of the suffixes, by name. `place` is how messages call the key.
    CotejoError where there is no such file.
    """
    named = entry["source"]["path"]
    found = [
        file
        for name in ([named] if isinstance(named, str) else named)
        for file in _files_at(name, f"{place}: {name}", suffixes, entry.get("if_missing"))
    ]
    return found[: entry.get("limit")]


def _files_at(name: str, place: str, suffixes: tuple[str, ...], if_missing: str | None) -> list[tuple[Path, str]]:
    path = resolved(name)
    if path.is_file():
        return [(path, name)]
    if not path.is_dir():
        raise CotejoError(f"{place}: no such file or folder. {if_missing or 'Mend the path'}")
    files = sorted(file for file in path.rglob("*") if file.suffix.lower() in suffixes and file.is_file())
    if not files:
        raise CotejoError(f"{place}: no file here ends in {' '.join(suffixes)}. Put some there, or mend the path")
    return [(file, f"{name.rstrip('/')}/{file.relative_to(path).as_posix()}") for file in files]


def package_files(photographs: list[dict[str, str]], place: str) -> list[tuple[Path, str, str]]:
    """The files that installed packages carry, as (path, how to call it, licence)."""
    distributions = importlib.metadata.packages_distributions()
    files = []
    for photograph in photographs:
        package, file = photograph["package"], photograph["file"]
        spec = importlib.util.find_spec(package)
        if spec is None or spec.origin is None:
            raise CotejoError(f"{place}: {package}: this package is not installed. Run `make setup`")
        path = Path(spec.origin).parent / file
        if not path.is_file():
            raise CotejoError(
                f"{place}: {package}: {file}: the package holds no such file. Mend the name, or run `make setup`"
            )
        distribution = distributions[package][0]
        origin = f"{distribution} {importlib.metadata.version(distribution)}: {file}"
        files.append((path, origin, photograph["licence"]))
    return files


def read_texts(path: str, place: str) -> list[tuple[int, str]]:
    """The texts of a JSONL file with their line numbers; blank lines are passed over.

    CotejoError names the line that is no object with the key `text`.
    """
    remedy = 'Each line must be an object with the key "text", such as {"text": "Why is the sky blue?"}'
    texts = []
    for number, line in enumerate(read_text_file(path, place).split("\n"), start=1):
        if not line.strip():
            continue
        at = f"{place}: {path}, line {number}"
        try:
            record = json.loads(line)
        except json.JSONDecodeError as error:
            raise CotejoError(f"{at}: not valid JSON ({error.msg} at column {error.colno}). {remedy}") from error
        text = record.get("text") if isinstance(record, dict) else None
        if not isinstance(text, str) or not text.strip():
            raise CotejoError(f"{at}: {short(line)}: has no text. {remedy}")
        texts.append((number, text))
    if not texts:
        raise CotejoError(f"{place}: {path}: the file is empty. {remedy}")
    return texts


def read_text_file(path: str, place: str) -> str:
    """A text file's content; CotejoError where there is none or it isn't UTF-8."""
    try:
        return resolved(path).read_text(encoding="utf-8-sig")
    except (FileNotFoundError, IsADirectoryError) as error:
        raise CotejoError(f"{place}: {path}: no such file. Mend the path") from error
    except UnicodeDecodeError as error:
        raise CotejoError(
            f"{place}: {path}: not UTF-8 text ({error.reason} at byte {error.start}). Save it as UTF-8"
        ) from error


def copy(source: Path, target: Path) -> None:
    """Copy a file's bytes: a link would let a later change of the original change what was recorded."""
    shutil.copyfile(source, target)
