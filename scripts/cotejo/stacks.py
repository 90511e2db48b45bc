"""The environments of stacks: the files that pin them, and which of them one was made from. No package is needed."""

import re
from pathlib import Path

from cotejo.command import ROOT
from cotejo.files import read_json

STAMP = ".cotejo-stamp.json"  # in an environment: written last, so that one without was interrupted


def lock_files(stack: str, root: Path = ROOT) -> list[Path]:
    """What pins a stack: envs/<stack>.txt, and envs/<stack>-cpu.txt where there is one, for machines without a GPU."""
    files = [root / "envs" / f"{name}.txt" for name in (stack, f"{stack}-cpu")]
    return [file for file in files if file.is_file()]


def lock_sha256(python: Path) -> str | None:
    """The SHA-256 of the lock file that an interpreter's environment was made from; None where none of ours made it."""
    stamp = python.parent.parent / STAMP
    return read_json(stamp).get("lock_sha256") if stamp.is_file() else None


def pinned(lock: Path) -> dict[str, str]:
    """The version of each package of a lock file."""
    return dict(re.findall(r"^([A-Za-z0-9._-]+)==([^\s;]+)", lock.read_text(encoding="utf-8"), flags=re.MULTILINE))


def packages_folder(prefix: Path) -> Path | None:
    """Where an environment has its packages; None where it is none."""
    return next(prefix.glob("lib/python*/site-packages"), None)


def installed(prefix: Path) -> dict[str, str]:
    """The version of each package of an environment, by the names of its metadata's folders."""
    packages = packages_folder(prefix)
    entries = packages.glob("*.dist-info") if packages else ()
    parted = (entry.name.removesuffix(".dist-info").partition("-") for entry in entries)
    return {name: version for name, _, version in parted}
