"""Where what a run is measured from lies, below the checkout, and whose interpreter its programs run under."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from cotejo import exports
from cotejo.backends import stack_of
from cotejo.clients import client
from cotejo.errors import CotejoError
from cotejo.images import facts_file
from cotejo.servers import server

Run = Mapping[str, Any]


class Stack(NamedTuple):
    """The interpreter of a stack, and what config has in its place: an image, or a program of the user's."""

    python: Path
    image: str | None = None  # as config has it: a file, or a reference to one of a registry
    program: Path | None = None
    made: str | None = None  # the stack that create_environment is to make; None: nothing is to be made

    @property
    def stamp(self) -> str | None:
        """The file that tells that it is there, which a rule makes; None where it is the user's own affair."""
        if self.image:
            return facts_file(self.image).as_posix()
        return f"resources/environments/{self.made}/made" if self.made else None


def model_folder(run: Run) -> str:
    """Where the run's model lies."""
    return f"resources/models/{run['model']}/{run['weights']}-{run['scale']}"


def export_folder(run: Run) -> str:
    """Where the run's export lies; the model's own folder for a backend that needs none."""
    if run["format"] is None:
        return model_folder(run)
    on = f"-on-{run['system']}" if exports.of_machine(run["format"]) else ""
    return f"resources/exports/{run['model']}/{run['weights']}-{run['scale']}/{run['format']}-{run['precision']}{on}"


def dataset_folder(run: Run) -> str:
    """Where the run's data set lies."""
    return f"resources/datasets/{run['dataset']}"


def server_stack(run: Run, environments: Mapping[str, Mapping[str, str]]) -> Stack:
    """What a run's server runs under, `environments` being config's."""
    return _stack(server(run["server"]).STACK, run["server"], environments)


def client_stack(run: Run, environments: Mapping[str, Mapping[str, str]]) -> Stack:
    """What a run's client runs under, likewise. Clients run in no image: a server's is not theirs.

    One that brings the engine itself runs as a server does.
    """
    module = client(run["client"])
    if hasattr(module, "ENGINES"):
        return server_stack(run, environments)
    own = {stack: there for stack, there in environments.items() if "image" not in there}
    return _stack(module.STACK, run["client"], own)


def worker_stack(run: Run, environments: Mapping[str, Mapping[str, str]]) -> Stack:
    """What the measured processes of a run in process run under, likewise; CotejoError where that would be an image."""
    return _without_image(stack_of(run), environments, "is measured in process")


def export_stack(form: str, environments: Mapping[str, Mapping[str, str]]) -> Stack:
    """What a format is exported and computed under, likewise."""
    return _without_image(exports.stack(form), environments, "is exported")


def _without_image(stack: str | None, environments: Mapping[str, Mapping[str, str]], what: str) -> Stack:
    if stack is None:
        return Stack(Path(sys.executable))
    if "image" in environments.get(stack, {}):
        raise CotejoError(
            f"config/config.yaml: environments: {stack}: image: {environments[stack]['image']}: what {what} runs in no "
            "image. Name an interpreter (`python`), or leave it out"
        )
    return _stack(stack, stack, environments)


def _stack(stack: str | None, name: str, environments: Mapping[str, Mapping[str, str]]) -> Stack:
    own = environments.get(stack or name, {})
    program = Path(own["program"]) if "program" in own else None
    if "image" in own:
        return Stack(Path(own.get("python", "python3")), image=own["image"], program=program)
    if "python" in own:
        return Stack(Path(own["python"]), program=program)
    if stack is None:
        return Stack(Path(sys.executable), program=program)
    return Stack(Path("resources", "environments", stack, "bin", "python"), program=program, made=stack)
