"""A server's command in a container of Apptainer: what it sees of this machine, and of this process's environment.

It runs as this user, and sees the job's folders (read-only but for those it writes to), /tmp, /dev and the GPUs, but no
home directory and no working directory. The namespaces of processes, of IPC and of the network stay the machine's, so
that all that holds of a process outside holds of one inside: its CPUs, its mark (`cotejo.ownership`), its ports. Where
it has no terminal Apptainer hands every signal on to the program inside, and the kernel kills that where Apptainer is
killed (its monitor_linux.go and starter.c).
"""

import shutil
from collections.abc import Mapping
from pathlib import Path

from cotejo import accelerators
from cotejo.code import SCRIPTS
from cotejo.command import OFFLINE
from cotejo.errors import CotejoError
from cotejo.servers.interface import Job, Launch

PROGRAMS = ("apptainer", "singularity")  # its name of old, under which some sites still have it
CARRYING = tuple(f"{name.upper()}ENV_" for name in PROGRAMS)
REMEDY = (
    "Load its module (often `module load apptainer`) before `snakemake`, or have it installed, or delete `image` under "
    "`environments` in config/config.yaml"
)

# Of this process's environment a server inside gets these and what Cotejo sets: the rest tells of this machine.
HANDED_ON = (*accelerators.variables(), *OFFLINE)
LOCALE = {"LANG": "C.UTF-8"}  # Apptainer's own choice is C
# Of Apptainer's own variables, those that say where it keeps its files: no others may change what is measured.
OWN_FOLDERS = ("CACHEDIR", "TMPDIR", "CONFIGDIR")


def find_program() -> str | None:
    """The name of the program that makes containers; None where this machine has none."""
    return next((name for name in PROGRAMS if shutil.which(name)), None)


def handed_on(environment: Mapping[str, str]) -> dict[str, str]:
    """What a server inside gets of this process's environment."""
    return LOCALE | {name: environment[name] for name in HANDED_ON if name in environment}


def around(program: str, inside: Mapping[str, str], outside: Mapping[str, str]) -> dict[str, str]:
    """The environment of Apptainer itself: `outside`, and each variable of `inside` by the prefix that carries it in.

    So nothing, the server's key above all, stands on a command line. The image has a PATH of its own.
    """
    own = (*CARRYING, *(f"{name.upper()}_" for name in PROGRAMS))
    folders = {f"{name.upper()}_{folder}" for name in PROGRAMS for folder in OWN_FOLDERS}
    kept = {name: value for name, value in outside.items() if name in folders or not name.startswith(own)}
    return kept | {f"{program.upper()}ENV_{name}": value for name, value in inside.items() if name != "PATH"}


def carried_in(environment: Mapping[str, str]) -> dict[str, str]:
    """Those variables of Apptainer's environment that it carries in."""
    return {name: value for name, value in environment.items() if name.startswith(CARRYING)}


def in_image(program: str, file: Path, launch: Launch, job: Job) -> list[str]:
    """The command line that runs a launch's command in a container of an image's file; its home is the job's scratch.

    Flags: https://apptainer.org/docs/user/main/cli/apptainer_exec.html
    """
    maker = accelerators.maker(job.run["device"])
    gpus = maker.IN_CONTAINER if maker else ()
    inside = ["--cleanenv", "--no-mount", "cwd", "--home", str(job.scratch), "--pwd", str(job.scratch)]
    bound = [part for bind in binds(job, launch) for part in ("--bind", bind)]
    return [program, "exec", *gpus, *inside, *bound, str(file), *launch.command]


def binds(job: Job, launch: Launch) -> list[str]:
    """What it sees beside its home: folders that are read, with what links in them lead to, and those that are written.

    A folder that comes from Snakemake's cache is one of links, or a link itself.
    """
    given = {job.artefact, job.model_folder, job.prepared, SCRIPTS}
    read = _outermost({name for folder in given for name in (folder, folder.resolve(), *_led_to(folder))})
    for folder in (*read, job.scratch, *launch.writes):
        if set(":,") & set(str(folder)):
            raise CotejoError(f"{folder}: Apptainer can bind no path with a colon or a comma in it. Rename the folder")
    return [*(f"{folder}:{folder}:ro" for folder in read), *(f"{folder}:{folder}" for folder in launch.writes)]


def _led_to(folder: Path) -> set[Path]:
    """The folders that links below a folder lead to, by every name on the way."""
    found = set()
    for path in folder.rglob("*"):
        while path.is_symlink():
            path = path.parent / path.readlink()
            found |= {path.parent, path.parent.resolve()}
    return found


def _outermost(folders: set[Path]) -> list[Path]:
    return sorted(folder for folder in folders if not any(folder.is_relative_to(other) for other in folders - {folder}))
