"""The environments of stacks: the files that pin them, and which of them one was made from. No package is needed."""

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
