"""Adds LLaVA's own source to its environment, unmodified, at one commit: it was never published as a package.

GitHub promises to make the same archive of a commit again, but not the same bytes of it: what is checked is the content
of every module.
"""

import shutil
import tarfile
import urllib.request
from pathlib import Path

from cotejo.cache import cache_folder
from cotejo.errors import CotejoError
from cotejo.files import digest, remove, replacing, sha256_of_folder

COMMIT = "c121f0432da27facab705978f83c4ada465e46fd"
ARCHIVE = f"LLaVA-{COMMIT}.tar.gz"
URL = f"https://github.com/haotian-liu/LLaVA/archive/{COMMIT}.tar.gz"
PACKAGE = "llava"
# Of {path: SHA-256} of its Python modules.
SOURCE_DIGEST = "ef187d437bb30a89496fcad8841092fd6c8ad29565d9863eb5ce5e55b6dbbce4"


def repair(prefix: Path) -> None:
    """Unpack the modules beside the installed packages, once their content is the pinned one."""
    archive = cache_folder() / ARCHIVE
    if not archive.is_file():
        download(archive)
    packages = next(prefix.glob("lib/python*/site-packages"))
    with replacing(packages / PACKAGE) as folder:
        unpack(archive, folder)
        if source_digest(folder) != SOURCE_DIGEST:
            remove(archive)
            raise CotejoError(f"{archive}: holds another source than commit {COMMIT}. It was deleted; try again")


def download(archive: Path) -> None:
    """Fetch the archive; CotejoError, with the way round, where GitHub can't be reached."""
    print(f"fetching {URL}", flush=True)
    try:
        with (
            urllib.request.urlopen(URL, timeout=60) as answer,
            replacing(archive) as temporary,
            temporary.open("wb") as file,
        ):
            shutil.copyfileobj(answer, file)
    except OSError as error:  # urllib's own is one
        raise CotejoError(
            f"{URL}: {error}. Without a network, fetch it elsewhere and put it at {archive}; then run the same again"
        ) from error


def unpack(archive: Path, folder: Path) -> None:
    """Write the package's Python modules into a folder: nothing else of the archive, and no link, is touched."""
    top = f"LLaVA-{COMMIT}/{PACKAGE}/"
    try:
        with tarfile.open(archive) as members:
            for member in members:
                name = member.name.removeprefix(top)
                if member.isfile() and member.name.startswith(top) and name.endswith(".py") and ".." not in name:
                    file = members.extractfile(member)
                    if file is not None:
                        (folder / name).parent.mkdir(parents=True, exist_ok=True)
                        (folder / name).write_bytes(file.read())
    except (tarfile.TarError, EOFError, OSError) as error:
        remove(archive)
        raise CotejoError(f"{archive}: can't be read ({error}). It was deleted; try again") from error


def source_digest(folder: Path) -> str:
    """What a package's modules are, by their content."""
    modules = {name: sha for name, sha in sha256_of_folder(folder).items() if name.endswith(".py")}
    return digest({f"{PACKAGE}/{name}": sha for name, sha in modules.items()}, 64)
