"""Snakemake's between-workflow cache: the folder in which checkouts and users share exports and made-up models."""

import os
from pathlib import Path

from cotejo.errors import CotejoError

VARIABLE = "SNAKEMAKE_OUTPUT_CACHE"


def check_output_cache(place: str | None) -> None:
    """CotejoError unless exports can be shared in this folder, what `VARIABLE` says.

    Snakemake itself finds that out once the first export is made, and then deletes it.
    """
    if not place:
        raise CotejoError(f"--cache: {VARIABLE} is not set, so exports can't be shared. Set it to a folder")
    if not Path(place).is_absolute():
        # Exports become links into it, from folders at several depths.
        raise CotejoError(f"{VARIABLE}: {place}: is no absolute path. Write it out")
    if not Path(place).is_dir():
        raise CotejoError(f"{VARIABLE}: {place}: no such folder. Make it, or unset the variable")
    if not os.access(place, os.R_OK | os.W_OK | os.X_OK):
        raise CotejoError(f"{VARIABLE}: {place}: can't be written to. Ask its owner for it, or unset the variable")


def check_linked(folder: Path) -> None:
    """CotejoError where a folder that comes from the cache has lost what it links to: someone has cleaned up there."""
    there = folder.iterdir() if folder.is_dir() else ()
    lost = next((path for path in there if path.is_symlink() and not path.exists()), None)
    if lost:
        raise CotejoError(
            f"{lost}: links to {lost.readlink()}, which is there no more. Delete the folder {folder}: it is made anew"
        )


def check_told(rules: list[str]) -> None:
    """CotejoError unless rules are named to Slurm's jobs: they aren't told of a `--cache` without any."""
    if not rules:
        raise CotejoError(
            f"--cache: without the names of rules it does nothing on Slurm. Leave it out: --profile slurm shares "
            f"exports wherever {VARIABLE} is set"
        )
