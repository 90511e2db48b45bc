"""Images of containers that servers run in: what config may name, where they are kept, and what is known of them.

An image is a file (.sif), or a reference to one of a registry by its digest, which `cotejo.pull` pulls once. What a
checkout knows of it stands in resources/images.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from cotejo.errors import CotejoError
from cotejo.files import digest, read_json

REFERENCE = re.compile(r"(?:docker|oras)://(?P<name>[^\s@]+)@sha256:(?P<digest>[0-9a-f]{64})")
TAGGED = re.compile(r":[^/:]+$")


class Image(NamedTuple):
    """An image that is there."""

    name: str  # that records know it by: it ends in a digest, so that no two images share it
    file: Path
    sha256: str  # the file's: pulled twice, one reference gives files that differ in their time stamps


def check_image(image: str, where: str) -> None:
    """CotejoError, which `where` (file and key) begins, unless it is a file's name or a reference by digest."""
    scheme, separator, rest = image.partition("://")
    if not separator:
        return
    if scheme not in ("docker", "oras"):
        raise CotejoError(
            f"{where}: {image}: can't be had by its digest. Take docker://…@sha256:… or oras://…@sha256:…, or pull it "
            "yourself and name its file (.sif)"
        )
    untagged = TAGGED.sub("", rest.partition("@")[0])
    fit = REFERENCE.fullmatch(image)
    if not fit or TAGGED.search(fit["name"]):
        raise CotejoError(
            f"{where}: {image}: must name the image by its digest alone, for a tag moves on to other images. Take "
            f"{scheme}://{untagged}@sha256:<64 hexadecimal digits>: `skopeo inspect --format '{{{{.Digest}}}}' "
            f"docker://{rest.partition('@')[0]}` prints them, and so does the registry's page of that tag"
        )


def is_reference(image: str) -> bool:
    """Whether config names an image of a registry, not a file."""
    return "://" in image


def image_file(image: str) -> Path:
    """The file that config names an image by, absolute."""
    return Path(image).expanduser().absolute()


def slug(image: str) -> str:
    """A file name for an image, as readable as can be."""
    found = REFERENCE.fullmatch(image)
    if found:
        name, number = found["name"].rpartition("/")[2], found["digest"][:12]
    else:
        name, number = image_file(image).stem, digest(str(image_file(image)))
    return f"{re.sub('[^A-Za-z0-9._-]+', '-', name).lstrip('._-') or 'image'}-{number}"


def facts_file(image: str) -> Path:
    """Where pull_image writes what a checkout knows of an image."""
    return Path("resources", "images", f"{slug(image)}.json")


def image_at_hand(image: str) -> Image:
    """The image that pull_image has pulled or looked at; CotejoError where it is not there, or another one by now."""
    facts = facts_file(image)
    if not facts.is_file():
        raise CotejoError(f"{facts}: no such file: the image is not there yet. Run `snakemake --cores 1 {facts}`")
    known = read_json(facts)
    file, again = Path(known["file"]), f"Delete {facts}, and the next `snakemake`"
    if not file.is_file():
        raise CotejoError(f"{facts}: file: {file}: no such file. {again} pulls it anew")
    if state(file) != {key: known[key] for key in ("size_bytes", "modified_s")}:
        raise CotejoError(f"{facts}: file: {file}: was changed since its digest was taken. {again} takes it anew")
    return Image(known["name"], file, known["sha256"])


def state(file: Path) -> dict[str, int]:
    """What tells cheaply that a file has changed: whole seconds, for not all file systems keep more on all machines."""
    seen = file.stat()
    return {"size_bytes": seen.st_size, "modified_s": int(seen.st_mtime)}


def refuse_missing_image(image: str, environments: Mapping[str, Mapping[str, str]]) -> None:
    """CotejoError where an image of config's `environments` is no file that is there, or was pulled and is gone."""
    if is_reference(image):
        if facts_file(image).is_file():
            image_at_hand(image)
    elif not image_file(image).is_file():
        stack = next(stack for stack, own in environments.items() if own.get("image") == image)
        raise CotejoError(
            f"config/config.yaml: environments.{stack}.image: {image}: no such file as {image_file(image)}. Name an "
            "image's file (.sif) that is there, or a registry's image by its digest (docker://…@sha256:…), which is "
            "then pulled"
        )
