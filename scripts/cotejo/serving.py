"""By what a run is served, and what its preparation and its launch have left."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cotejo.artefact import Failure
from cotejo.errors import CotejoError
from cotejo.files import read_json, sha256_of
from cotejo.images import Image, image_at_hand
from cotejo.places import Stack
from cotejo.repeat import Inputs
from cotejo.servers.interface import Job


@dataclass(frozen=True)
class Serving:
    """By what a run is served."""

    prepared: Path  # the folder that prepare_server fills
    python: Path  # the interpreter of the server's stack
    image: Image | None = None  # of an Apptainer container that the server runs in
    program: Path | None = None  # the user's own; in an image, its name or path in there


@dataclass(frozen=True)
class Driving:
    """By what load is put on it, and what is known of the server."""

    launch: Path  # what launch_server has found out: launch.json
    python: Path  # the interpreter of the client's stack


def serving(prepared: Path, stack: Stack) -> Serving:
    """By what a run is served whose server runs under a stack."""
    return Serving(prepared, stack.python, image_at_hand(stack.image) if stack.image else None, stack.program)


def job_of(inputs: Inputs, given: Serving, threads: int, scratch: Path) -> Job:
    """What the server's module is told; `scratch` is made."""
    scratch.mkdir(parents=True, exist_ok=True)
    return Job(
        run=inputs.run,
        artefact=(inputs.export_folder or inputs.model_folder).absolute(),
        model_folder=inputs.model_folder.absolute(),
        prepared=given.prepared.absolute(),
        python=given.python if given.image else given.python.absolute(),
        threads=threads,
        scratch=scratch,
        program=given.program,
        contained=given.image is not None,
    )


def prepared_files(folder: Path) -> dict[str, str]:
    """The SHA-256 of each file that was rendered; links lead to what has a manifest of its own."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file() and not path.is_symlink())
    return {
        name: sha256_of(path) for path in files if not (name := path.relative_to(folder).as_posix()).startswith(".")
    }


def launch_failure(file: Path, prepared: Path, run: dict[str, Any]) -> Failure | None:
    """Why a server may not be measured, by what its launch wrote down; None where it may."""
    launch = read_json(file)
    for key, value in (("run", run["digest"]), ("prepared", prepared_files(prepared))):
        if launch.get(key) != value:
            raise CotejoError(
                f"{file}: {key}: is not that of what lies in {prepared}. Delete {file} and run the same command again"
            )
    return None if launch["status"] == "ok" else Failure(launch["reason"], launch["message"])
