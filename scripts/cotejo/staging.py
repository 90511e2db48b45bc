"""What a run is measured from, on the node's own disk: copied there before the clock starts, deleted at the end.

Each process has a folder of its own below `cotejo-<user's number>`, and holds a lock beside it for as long as it lives.
The kernel drops the lock however its holder ends: a folder whose lock nobody holds was left by one that was killed.
"""

import fcntl
import os
import secrets
import shutil
import stat
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from cotejo.errors import CotejoError
from cotejo.files import remove, sha256_of
from cotejo.lock import to_stderr
from cotejo.verified import TWICE

MOUNTS = Path("/proc/self/mounts")
LOCK = ".lock"
REMEDY = "Give another `scratch` in the system's file, or leave `stage` out there"


@dataclass(frozen=True)
class Copies:
    """Folders that were copied; by default none was."""

    folders: Mapping[Path, Path] = field(default_factory=dict)  # each original, and its copy
    facts: dict[str, Any] | None = None  # the record's `staged`
    files: Mapping[Path, Path] = field(default_factory=dict)  # each file that was copied, links resolved, and its copy

    def of(self, folder: Path) -> Path:
        """Where a folder is to be read."""
        return self.folders.get(folder, folder)

    def require_alike(self, folders: Collection[Path]) -> None:
        """CotejoError unless the files copied to these folders, of those in `folders`, hold what they are copies of."""
        chosen = [self.folders[folder] for folder in folders]
        for original, copy in self.files.items():
            if any(map(copy.is_relative_to, chosen)) and sha256_of(original) != sha256_of(copy):
                raise CotejoError(f"{copy}: is not what was written there just now, {original}. {REMEDY}")


@contextmanager
def staged(folders: Mapping[str, Path], under: str | None, say: Callable[[str], None] = to_stderr) -> Iterator[Copies]:
    """Copy folders, given by what they hold, below `under`, which may name variables; nothing where it is None.

    The copies are gone at the end, however it comes. For those who hold the machine's lock: copying disturbs others.
    CotejoError where there is no room for them, or they can't be written.
    """
    if under is None:
        yield Copies()
        return
    ours = _own_folder(under)
    _remove_abandoned(ours, say)
    with _claimed(ours) as own:
        begun_s = time.monotonic()
        copies = _copied(folders, own)
        size, took_s = sum(copy.stat().st_size for copy in copies.files.values()), time.monotonic() - begun_s
        say(f"copied {size / (1 << 20):.0f} MiB to {own} in {took_s:.1f} s")
        facts = {
            "file_system": file_system(own),
            "size_mib": round(size / (1 << 20), 3),
            "duration_s": round(took_s, 3),
        }
        yield replace(copies, facts=facts)


def _copied(folders: Mapping[str, Path], own: Path) -> Copies:
    """Each folder's copy, links resolved; a file that several of them lead to is copied once."""
    planned: dict[Path, Path] = {}  # each file, and its copy
    again: dict[Path, Path] = {}  # a copy to be, and the one that it is a link to
    copies = {folder: own / name / folder.name for name, folder in folders.items()}
    for folder, copy in copies.items():
        for name, file in _files(folder).items():
            if file in planned:
                again[copy / name] = planned[file]
            else:
                planned[file] = copy / name
    try:
        _require_room(own, sum(file.stat().st_size for file in planned))
        for file, copy in planned.items():
            copy.parent.mkdir(parents=True, exist_ok=True)
            _copy(file, copy)
        for copy, target in again.items():
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.symlink_to(target)
    except OSError as error:
        raise CotejoError(f"{own}: can't be filled: {error}. {REMEDY}") from error
    return Copies(copies, files=planned)


def _files(folder: Path) -> dict[Path, Path]:
    """Every file below a folder by its relative path, links resolved; but for what no manifest lists: names that begin
    with a dot, and what Snakemake's cache has put there twice.
    """
    walk = os.walk(folder, followlinks=True)
    paths = sorted(Path(parent, name) for parent, _, names in walk for name in names)
    named = {path.relative_to(folder): path for path in paths if path.is_file()}
    return {
        name: path.resolve()
        for name, path in named.items()
        if not any(part.startswith(".") for part in name.parts) and not TWICE.match(name.as_posix())
    }


def _copy(file: Path, copy: Path) -> None:
    """Copy a file and wait until the disk has it: what the kernel writes later, it would write beside a measurement."""
    shutil.copyfile(file, copy)
    with copy.open("rb") as stream:
        os.fsync(stream.fileno())


def _require_room(folder: Path, size: int) -> None:
    free = shutil.disk_usage(folder).free
    if size > free:
        raise CotejoError(f"{folder}: {free / 1e9:.1f} GB free, {size / 1e9:.1f} GB to be copied there. {REMEDY}")


def _own_folder(under: str) -> Path:
    """The user's own folder below `under`, made if need be; nobody else may write there, not even by a link."""
    place = Path(os.path.expandvars(under))
    if not place.is_absolute() or "$" in str(place):
        raise CotejoError(f"--stage: {under}: is {place} here: no absolute path, or a variable isn't set. {REMEDY}")
    own = place / f"cotejo-{os.getuid()}"
    try:
        place.mkdir(parents=True, exist_ok=True)
        own.mkdir(mode=0o700, exist_ok=True)
        found = own.lstat()
    except OSError as error:
        raise CotejoError(f"{own}: can't be made: {error.strerror}. {REMEDY}") from error
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o022:
        raise CotejoError(f"{own}: isn't a folder that only you may write to. {REMEDY}")
    return own


@contextmanager
def _claimed(ours: Path) -> Iterator[Path]:
    """A new folder, with a lock beside it; both are gone at the end."""
    while True:
        own = ours / f"{os.getpid()}-{secrets.token_hex(4)}"
        lock = own.with_suffix(LOCK)
        with lock.open("x") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            if not lock.exists():  # another has found it while nobody held it yet
                continue
            try:
                own.mkdir()
                yield own
            finally:
                remove(own)
                lock.unlink()
            return


def _remove_abandoned(ours: Path, say: Callable[[str], None]) -> None:
    """Delete what was left by those that were killed."""
    for lock in ours.glob(f"*{LOCK}"):
        try:
            with lock.open() as stream:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
                say(f"deleting what a measurement that was killed had copied: {lock.with_suffix('')}")
                remove(lock.with_suffix(""))
                lock.unlink(missing_ok=True)
        except (FileNotFoundError, BlockingIOError):  # it has ended just now, or it lives
            continue


def file_system(folder: Path, mounts: Path = MOUNTS) -> str:
    """The type of the file system that a folder lies on, as the kernel names it: xfs, tmpfs, nfs4."""
    place = folder.resolve()
    lines = [line.split() for line in mounts.read_text().splitlines()]
    # The kernel writes the blanks of a path as \040.
    found = [(Path(words[1].encode().decode("unicode_escape")), words[2]) for words in lines]
    # Of several at one place the last one hides the others.
    over = [(len(mount.parts), kind) for mount, kind in found if place.is_relative_to(mount)]
    return max(reversed(over), key=lambda each: each[0])[1]
