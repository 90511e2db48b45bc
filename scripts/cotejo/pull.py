"""Images are pulled once into a folder that checkouts share, and whose users may be several."""

import os
import shutil
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

from cotejo.cache import alone, cache_folder
from cotejo.child import die_with
from cotejo.container import REMEDY, find_program
from cotejo.errors import CotejoError
from cotejo.files import read_json, remove, sha256_of, write_json
from cotejo.images import image_file, is_reference, slug, state

FOLDER = "COTEJO_IMAGES"  # the variable that names the folder
SIF, FACTS = "image.sif", "image.json"


def images_folder() -> Path:
    """Where images are pulled into: a folder that a group may share, else one in the user's cache."""
    return Path(os.environ.get(FOLDER) or cache_folder() / "images").expanduser().absolute()


def pull_or_look(image: str, folder: Path) -> dict[str, Any]:
    """What is to be known of an image: pulled into a folder of `folder` unless it is there, or looked at where it is a
    file of the user's. CotejoError where that fails.
    """
    if is_reference(image):
        pulled = _pulled(image, folder)
        file, kept = pulled / SIF, read_json(pulled / FACTS)
        if file.stat().st_size != kept["size_bytes"]:
            raise CotejoError(f"{file}: is not as large as when it was pulled. Delete {pulled}, and pull it anew")
        name, sha256, program = image, kept["sha256"], kept["pulled_by"]
    else:
        file = image_file(image)
        sha256, program = sha256_of(file), None
        name = f"{file.name}@sha256:{sha256}"
    return {"name": name, "file": str(file), "sha256": sha256, **state(file), "pulled_by": program}


def _pulled(reference: str, folder: Path) -> Path:
    """The folder of an image and of what was written down when it was pulled, both or none.

    It is filled under another name, and takes its own only whole. Where locks don't reach from machine to machine, both
    pull, and the first to be done wins.
    """
    target = folder / slug(reference)
    folder.mkdir(parents=True, exist_ok=True)
    lock = _lock(target)
    with alone(lock, f"another process pulls this image ({lock})"):
        if not target.is_dir():
            _remove_interrupted(target)
            temporary = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".tmp", dir=folder))
            try:
                _pull(reference, temporary)
                _put(temporary, target)
            finally:
                remove(temporary)
    return target


def _put(temporary: Path, target: Path) -> None:
    """Give a folder its name; a folder that holds something is never replaced, for another machine was quicker then."""
    try:
        temporary.rename(target)
    except OSError:
        if not target.is_dir():
            raise


def _pull(reference: str, folder: Path) -> None:
    """Fill a folder with an image and what is known of it."""
    program = find_program()
    if program is None:
        raise CotejoError(f"apptainer: there is no such program here to pull {reference} with. {REMEDY}")
    told = subprocess.run([program, "--version"], capture_output=True, text=True)
    # Without Apptainer's own cache, which would hold all of it a second time.
    command = [program, "pull", "--disable-cache", str(folder / SIF), reference]
    if _run(command) != 0:
        free_gib = shutil.disk_usage(folder).free / 2**30
        raise CotejoError(
            f"{' '.join(command)}: failed, see above. Is the registry reachable from here, and is it that image's "
            f"digest? {folder.parent} has {free_gib:.0f} GiB free ({FOLDER} names another folder); Apptainer unpacks "
            "in APPTAINER_TMPDIR, or else in /tmp, which must have room for it too. Then run this again"
        )
    file = folder / SIF
    write_json(
        folder / FACTS,
        {
            "reference": reference,
            "sha256": sha256_of(file),
            "size_bytes": file.stat().st_size,
            "pulled_by": told.stdout.strip(),
        },
    )
    mask = os.umask(0)
    os.umask(mask)
    folder.chmod(0o777 & ~mask)  # mkdtemp keeps it from all others


def _run(command: list[str]) -> int:
    """Run a command that is asked to end where this process is, so that it cleans up, and dies where this is killed."""
    parent = os.getpid()
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, preexec_fn=lambda: die_with(parent)) as process:
        try:
            return process.wait()
        except BaseException:
            process.terminate()
            raise


def _lock(target: Path) -> Path:
    """The file of an image's lock, which whoever may write into its folder may hold."""
    lock = target.with_name(f".{target.name}.lock")
    with suppress(FileExistsError):
        lock.touch(exist_ok=False)
        lock.chmod(0o666)
    return lock


def _remove_interrupted(target: Path) -> None:
    """Remove what this user's pulls that were killed have left of an image."""
    for folder in target.parent.glob(f".{target.name}.*.tmp"):
        if folder.stat().st_uid == os.getuid():
            remove(folder)
