"""Stands in for Apptainer, which Debian has no package of: `exec`, `pull` and `--version`, as far as Cotejo uses them.

What it was told is appended, as JSON, to the file that STAND_IN_SAYS names. An image's file lists folders, which are
"in" it. Where this machine lets it, `exec` gives the command a root of those, of what is bound, and of /proc, /sys and
/dev: stricter than Apptainer, which shares /tmp too. Its process stays outside, hands on signals, and takes the command
with it when it dies, as Apptainer's does.
"""

import argparse
import ctypes
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

SAYS = "STAND_IN_SAYS"
CARRYING = "APPTAINERENV_"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"  # Apptainer's own, for images that say nothing
SYSTEM = ("/bin", "/etc", "/lib", "/lib64", "/sbin", "/usr")
SHARED = ("/dev", "/proc", "/sys")
ROOT = Path("/mnt")

_PR_SET_PDEATHSIG = 1
_CLONE_NEWNS = 0x20000
_MS_RDONLY, _MS_REMOUNT, _MS_BIND, _MS_REC, _MS_PRIVATE = 1, 32, 4096, 16384, 1 << 18
_libc = ctypes.CDLL(None, use_errno=True)


def install(folder: Path) -> Path:
    """Put a program `apptainer` into a folder, and an image beside it; gives the image's file."""
    folder.mkdir()
    program = folder / "apptainer"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} {__file__} "$@"\n')
    program.chmod(0o755)
    image = folder / "image.sif"
    image.write_text(contents())
    return image


def contents() -> str:
    """An image's file: of the interpreter that runs the tests, its packages, and the servers that tests bring."""
    return "\n".join([*SYSTEM, sys.base_prefix, sys.prefix, str(Path(__file__).parent)])


def can_contain() -> bool:
    """Whether a command can be given a root of its own here."""
    if os.geteuid() != 0:
        return False
    child = os.fork()
    if child == 0:
        os._exit(_libc.unshare(_CLONE_NEWNS) and 1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def main() -> None:
    if sys.argv[1:] == ["--version"]:
        print("apptainer version 1.3.4")
        return
    carried = {name: value for name, value in os.environ.items() if name.startswith(CARRYING)}
    with Path(os.environ[SAYS]).open("a") as stream:
        stream.write(json.dumps({"command": sys.argv, "carried": carried}) + "\n")
    parser = argparse.ArgumentParser()
    verbs = parser.add_subparsers(dest="verb", required=True)
    pull = verbs.add_parser("pull")
    pull.add_argument("--disable-cache", action="store_true")
    pull.add_argument("file", type=Path)
    pull.add_argument("reference")
    run = verbs.add_parser("exec")
    for flag in ("--nv", "--cleanenv"):
        run.add_argument(flag, action="store_true")
    run.add_argument("--no-mount")
    for flag in ("--home", "--pwd"):
        run.add_argument(flag, type=Path, required=True)
    run.add_argument("--bind", action="append", default=[])
    run.add_argument("image", type=Path)
    run.add_argument("command", nargs=argparse.REMAINDER)
    told = parser.parse_args()
    if told.verb == "pull":
        told.file.write_text(contents())
        return
    assert told.cleanenv and told.no_mount == "cwd"
    sys.exit(contained(told, carried))


def contained(told: argparse.Namespace, carried: dict[str, str]) -> int:
    """Run the command until it ends, and give its exit status; where a signal ended it, die by that too."""
    inside = {name.removeprefix(CARRYING): value for name, value in carried.items()}
    environment = {"LANG": "C", **inside, "HOME": str(told.home), "PATH": PATH}
    binds = [[str(told.home)] * 2, *(bind.split(":") for bind in told.bind)]
    for source, *_ in binds:
        if not Path(source).exists():
            sys.exit(f"FATAL:   container creation failed: mount {source}: no such file or directory")
    strict, parent = can_contain(), os.getpid()

    def enter() -> None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)
        if strict:
            make_root(told.image.read_text().splitlines(), binds)
        os.chdir(told.pwd)

    child = subprocess.Popen(told.command, env=environment, preexec_fn=enter)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda number, frame: child.send_signal(number))
    status = child.wait()
    if status < 0:
        signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    return status


def make_root(image: list[str], binds: list[list[str]]) -> None:
    """Give this process a root that holds nothing else."""
    called("unshare", _CLONE_NEWNS)
    mount(None, Path("/"), _MS_REC | _MS_PRIVATE)
    called("mount", b"tmpfs", os.fsencode(ROOT), b"tmpfs", 0, None)
    for folder in map(Path, [*image, *SHARED]):
        target = ROOT / folder.relative_to("/")
        if folder.is_symlink():
            target.symlink_to(folder.readlink())
        elif folder.is_dir():
            target.mkdir(parents=True, exist_ok=True)
            mount(folder, target, _MS_BIND | _MS_REC)
    (ROOT / "tmp").mkdir(exist_ok=True)
    for source, destination, *options in binds:
        target = ROOT / destination.lstrip("/")
        target.mkdir(parents=True, exist_ok=True)
        mount(Path(source), target, _MS_BIND | _MS_REC)
        if options == ["ro"]:
            mount(None, target, _MS_REMOUNT | _MS_BIND | _MS_RDONLY)
    os.chroot(ROOT)


def mount(source: Path | None, target: Path, flags: int) -> None:
    called("mount", source and os.fsencode(source), os.fsencode(target), None, flags, None)


def called(function: str, *arguments: object) -> None:
    if getattr(_libc, function)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{function}{arguments}: {os.strerror(number)}")


if __name__ == "__main__":
    main()
