"""Pairs of an image and a question that stand for those that blind people take and ask: photographs as a phone held
blindly might see them, each with a question that need not fit.
"""

import random
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cotejo.datasets.sources import describe, item_name, package_files

if TYPE_CHECKING:
    from PIL.Image import Image

CLOSEST = 0.5  # the share of a photograph's width, or height, that is seen at least
MOST_TILT = 20  # degrees
MOST_BLUR = 3  # pixels: the radius
QUALITY = 90  # of JPEG


def prepare(generate: Mapping[str, Any], questions: list[str], place: str, folder: Path) -> list[dict[str, Any]]:
    """Write `pairs` images of `width` by `height` pixels, of each photograph in turn; all else is the seed's."""
    from PIL import Image

    files = package_files(generate["photographs"], f"{place}.photographs")
    photographs = []
    for file, _, _ in files:
        with Image.open(file) as image:
            photographs.append(image.convert("RGB"))
    draw = random.Random(generate["seed"])
    items = []
    for index in range(generate["pairs"]):
        _, origin, licence = files[index % len(files)]
        picture = taken(photographs[index % len(files)], generate["width"], generate["height"], draw)
        target = folder / item_name(index, "taken.jpg")
        picture.save(target, "JPEG", quality=QUALITY)
        facts = {"question": draw.choice(questions), "width": picture.width, "height": picture.height}
        items.append(describe(target, licence, f"made up from {origin}", **facts))
    return items


def taken(photograph: "Image", width: int, height: int, draw: random.Random) -> "Image":
    """A part of a photograph, tilted, and out of focus, in an image of that size."""
    from PIL import Image, ImageFilter

    seen = draw.uniform(CLOSEST, 1) * min(photograph.width / width, photograph.height / height)
    left = draw.uniform(0, photograph.width - seen * width)
    top = draw.uniform(0, photograph.height - seen * height)
    tilted = photograph.rotate(draw.uniform(-MOST_TILT, MOST_TILT), Image.Resampling.BICUBIC)
    box = (left, top, left + seen * width, top + seen * height)
    view = tilted.resize((width, height), Image.Resampling.BICUBIC, box=box)
    return view.filter(ImageFilter.GaussianBlur(draw.uniform(0, MOST_BLUR)))
