"""Pictures: a folder or a list of the user's own, or photographs that installed packages carry."""

from pathlib import Path
from typing import Any

from cotejo.datasets.sources import NOT_STATED, copy, describe, item_name, media_files, package_files
from cotejo.errors import CotejoError

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")


def prepare(entry: dict[str, Any], place: str, folder: Path) -> list[dict[str, Any]]:
    """Copy the images into the folder, each proven to decode. CotejoError names the file that doesn't."""
    if "packages" in entry["source"]:
        place = f"{place}.packages"
        files = package_files(entry["source"]["packages"], place)[: entry.get("limit")]
    else:
        place, licence = f"{place}.path", entry.get("licence", NOT_STATED)
        files = [(file, origin, licence) for file, origin in media_files(entry, place, SUFFIXES)]
    items = []
    for index, (file, origin, licence) in enumerate(files):
        width, height = size_of(file, f"{place}: {origin}")
        target = folder / item_name(index, file.name)
        copy(file, target)
        items.append(describe(target, licence, origin, width=width, height=height))
    return items


def size_of(file: Path, place: str) -> tuple[int, int]:
    """The width and height of an image in pixels, as stored (an EXIF rotation is not applied), after decoding it."""
    from PIL import Image

    try:
        with Image.open(file) as image:
            image.load()
            return image.size
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise CotejoError(f"{place}: not a readable image ({error}). Replace the file, or take it out") from error
