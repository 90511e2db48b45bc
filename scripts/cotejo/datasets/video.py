"""Films: the user's own, or one rendered from photographs."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cotejo.datasets.sources import NOT_STATED, copy, describe, item_name, media_files, package_files
from cotejo.errors import CotejoError

if TYPE_CHECKING:
    from PIL.Image import Image

SUFFIXES = (".mp4", ".mov", ".mkv", ".webm", ".avi", ".m4v", ".mpg", ".mpeg", ".ts")
# A fixed number of threads: libx264's bytes depend on it.
X264 = {"preset": "veryfast", "crf": "23", "g": "50", "threads": "2"}
ZOOM = 0.6  # the share of the width that the camera sees at its closest


def prepare(entry: dict[str, Any], place: str, folder: Path) -> list[dict[str, Any]]:
    """Copy the films into the folder, or render one there. CotejoError names the file that can't be decoded."""
    licence = entry.get("licence", NOT_STATED)
    if "render" in entry["source"]:
        return [_rendered(entry["source"]["render"], f"{place}.render", folder)]
    items = []
    for index, (file, origin) in enumerate(media_files(entry, f"{place}.path", SUFFIXES)):
        facts = facts_of(file, f"{place}.path: {origin}")
        target = folder / item_name(index, file.name)
        copy(file, target)
        items.append(describe(target, licence, origin, **facts))
    return items


def facts_of(file: Path, place: str) -> dict[str, Any]:
    """Size, frames, rate and length of a video file, whose first frame is proven to decode."""
    import av

    try:
        with av.open(str(file)) as container:
            stream = container.streams.video[0]
            frames = sum(1 for packet in container.demux(stream) if packet.size)
            container.seek(0)
            first = next(container.decode(stream))
            rate = stream.average_rate or stream.guessed_rate
            if not rate:
                raise ValueError("it names no frame rate")
            return {
                "width": first.width,
                "height": first.height,
                "frames": frames,
                "rate_fps": round(float(rate), 6),
                "duration_s": round(frames / float(rate), 6),
            }
    except (av.FFmpegError, OSError, IndexError, StopIteration, ValueError) as error:
        raise CotejoError(f"{place}: not a readable video ({error}). Replace the file, or convert it to MP4") from error


def _rendered(render: dict[str, Any], place: str, folder: Path) -> dict[str, Any]:
    from PIL import Image

    files = package_files(render["photographs"], f"{place}.photographs")
    pictures = []
    for file, _, _ in files:
        with Image.open(file) as picture:
            pictures.append(picture.convert("RGB"))
    frames = max(1, round(render["duration_s"] * render["rate_fps"]))
    target = folder / item_name(0, "rendered.mp4")
    encode(filmed(pictures, frames, render["width"], render["height"]), render, target)
    licences = "; ".join(dict.fromkeys(licence for _, _, licence in files))
    origin = "rendered from " + ", ".join(origin for _, origin, _ in files)
    return describe(target, licences, origin, **facts_of(target, place))


def filmed(pictures: list["Image"], frames: int, width: int, height: int) -> Iterator["Image"]:
    """The frames of a camera that zooms into every other picture, and out of the rest, while it pans across.

    Each picture gets the same number of frames, give or take one.
    """
    from PIL.Image import Resampling

    for frame in range(frames):
        index = frame * len(pictures) // frames
        first, last = (-(-part * frames // len(pictures)) for part in (index, index + 1))
        progress = (frame - first) / max(1, last - first - 1)
        box = view(pictures[index].size, width / height, progress if index % 2 == 0 else 1 - progress)
        yield pictures[index].resize((width, height), Resampling.BICUBIC, box=box)


def view(size: tuple[int, int], aspect: float, progress: float) -> tuple[float, float, float, float]:
    """The part of a picture that the camera sees, as left, top, right, bottom in (fractions of) pixels.

    It shrinks from the largest view of that aspect to ZOOM of it, and moves from the top left to the bottom right, as
    progress goes from 0 to 1.
    """
    width, height = size
    seen_width = min(width, height * aspect) * (1 - (1 - ZOOM) * progress)
    seen_height = seen_width / aspect
    left, top = (width - seen_width) * progress, (height - seen_height) * progress
    return left, top, min(left + seen_width, width), min(top + seen_height, height)


def encode(pictures: Iterator["Image"], render: dict[str, Any], target: Path) -> None:
    """Write frames as H.264; the same frames give the same bytes with the same FFmpeg on the same machine."""
    import av

    with av.open(str(target), "w", options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream("libx264", rate=Fraction(render["rate_fps"]), options=X264)
        stream.width, stream.height, stream.pix_fmt = render["width"], render["height"], "yuv420p"
        for picture in pictures:
            container.mux(stream.encode(av.VideoFrame.from_image(picture)))
        container.mux(stream.encode())
