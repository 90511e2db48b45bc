"""Files that are either whole or absent, and what identifies their contents."""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cotejo.errors import CotejoError


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def sha256_of_folder(folder: Path, without: tuple[str, ...] = ()) -> dict[str, str]:
    """The SHA-256 of every file below a folder by its relative POSIX path.

    Names that begin with a dot (Snakemake's time stamps among them) and those in `without` are left out. Links are
    followed: what comes from Snakemake's cache is a folder of links.
    """
    walk = os.walk(folder, followlinks=True)
    files = sorted(path for parent, _, names in walk for name in names if (path := Path(parent) / name).is_file())
    names = {path.relative_to(folder).as_posix(): path for path in files}
    return {
        name: sha256_of(path)
        for name, path in names.items()
        if name not in without and not any(part.startswith(".") for part in name.split("/"))
    }


def digest(data: Any, length: int = 10) -> str:
    """A short digest of plain data: the first hexadecimal digits of the SHA-256 of its canonical JSON."""
    text = json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:length]


def read_json(path: Path) -> Any:
    """A JSON file's content; CotejoError where it is missing or not JSON."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise CotejoError(
            f"{path}: no such file. Mend the path, or have the command that writes it run again"
        ) from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise CotejoError(f"{path}: not valid JSON ({error}). Delete it and run the same command again") from error


def write_json(path: Path, data: Any) -> None:
    """Write JSON under a temporary name, then rename: readers see the old file or the whole new one."""
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(data, indent=1, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary sibling to fill, a file or a folder, which replaces `path` if the block ends without error."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    remove(temporary)
    try:
        yield temporary
        if temporary.is_file():
            with temporary.open("rb") as stream:
                os.fsync(stream.fileno())
        else:
            remove(path)  # a folder that holds something can't be replaced
        temporary.replace(path)
    finally:
        remove(temporary)


def remove(path: Path) -> None:
    """Remove a file, a link or a whole folder; nothing happens where there is none."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
