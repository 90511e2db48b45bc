"""A film's frames: decoded to YUV 4:2:0, made into a network's input, and encoded again.

Frames stay in the film's own YUV from end to end: converting a picture to RGB and back costs more than decoding it.
"""

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple, Self, cast

import numpy as np

from cotejo.errors import CotejoError

if TYPE_CHECKING:
    from av import VideoFrame

# What `codec` may name: the pixel format that it takes, and its settings.
ENCODERS: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "libx264": ("yuv420p", {"preset": "veryfast"}),
    "mpeg4": ("yuv420p", {"qscale": "3"}),
    "mjpeg": ("yuvj420p", {"qscale": "3"}),
}

GREY = 114 / 255  # what ultralytics pads frames with, and so what its models have seen


class Letterbox(NamedTuple):
    """Where a frame lies in a square input of `size` pixels: scaled to width x height, with padding around it."""

    size: int
    scale: float
    width: int
    height: int
    left: int
    top: int


def letterbox(width: int, height: int, size: int) -> Letterbox:
    """The placement of a frame in the middle of a square of `size` pixels, its shape kept."""
    scale = size / max(width, height)
    inner_width, inner_height = round(width * scale), round(height * scale)
    return Letterbox(size, scale, inner_width, inner_height, (size - inner_width) // 2, (size - inner_height) // 2)


def blank_input(size: int) -> np.ndarray:
    """A network's input without a picture: float32 [1, 3, size, size], grey all over."""
    return np.full((1, 3, size, size), GREY, dtype=np.float32)


class Preparer:
    """Makes frames of one size into a network's inputs. Not to be used by two threads at once."""

    def __init__(self, width: int, height: int, size: int) -> None:
        from av.video.reformatter import VideoReformatter

        self.box = letterbox(width, height, size)
        self._scaler = VideoReformatter()  # kept, and in this thread: by default each frame gets new ones

    def fill(self, frame: "VideoFrame", image: np.ndarray) -> None:
        """Put a frame into `image`, float32 [1, 3, size, size], as RGB in 0…1; the padding is left as it is."""
        box = self.box
        # Scaling, colour and the change to 0…1 in one pass over the frame; the planes are green, blue, red.
        planar = self._scaler.reformat(frame, box.width, box.height, "gbrpf32le", interpolation="BILINEAR", threads=1)
        for channel, plane in zip((1, 2, 0), planar.planes, strict=True):
            rows = np.frombuffer(memoryview(plane), dtype=np.float32).reshape(box.height, -1)
            image[0, channel, box.top : box.top + box.height, box.left : box.left + box.width] = rows[:, : box.width]


def film_size(file: Path) -> tuple[int, int, Fraction]:
    """A film's width and height in pixels, made even as YUV 4:2:0 needs, and its frames per second."""
    import av

    with av.open(str(file)) as container:
        if not container.streams.video:
            raise CotejoError(f"{file}: holds no video. Take it out of the data set")
        stream = container.streams.video[0]
        return stream.width // 2 * 2, stream.height // 2 * 2, stream.average_rate or Fraction(25)


def endless_frames(
    files: Sequence[tuple[str, Path]], width: int, height: int, threads: int
) -> Iterator[tuple[str, "VideoFrame"]]:
    """The films' frames in YUV 4:2:0 at width x height, film after film, over and over, each with a name of its own.

    That is its film's and its number, from 0: frames differ in work, and one is to be compared only with itself.
    """
    import av
    from av.video.reformatter import VideoReformatter

    scaler = VideoReformatter()
    while True:
        for name, file in files:
            with av.open(str(file)) as container:
                stream = container.streams.video[0]
                stream.thread_type = "AUTO"
                stream.codec_context.thread_count = threads
                for number, frame in enumerate(container.decode(stream)):
                    yield f"{name}#{number}", scaler.reformat(frame, width, height, "yuv420p", threads=threads)


class Encoder:
    """A film file being written. Frames are uint8 [height * 3 / 2, width]: all of Y, then of U, then of V."""

    def __init__(self, file: Path, codec: str, width: int, height: int, rate: Fraction, threads: int) -> None:
        import av

        if codec not in ENCODERS:
            raise CotejoError(f"codec: {codec}: unknown. One of {', '.join(ENCODERS)}")
        pixel_format, options = ENCODERS[codec]
        self._container = av.open(str(file), "w")
        self._stream = cast(Any, self._container.add_stream(codec, rate=rate, options=dict(options)))
        self._stream.width, self._stream.height, self._stream.pix_fmt = width, height, pixel_format
        self._stream.codec_context.thread_count = threads
        self._time_base = 1 / rate
        self._frames = 0

    def __enter__(self) -> Self:
        return self

    def write(self, picture: np.ndarray) -> None:
        from av import VideoFrame

        frame = VideoFrame.from_ndarray(picture, format="yuv420p")
        frame.pts, frame.time_base = self._frames, self._time_base
        self._frames += 1
        for packet in self._stream.encode(frame):
            self._container.mux(packet)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self._frames:
                for packet in self._stream.encode():
                    self._container.mux(packet)
        finally:
            self._container.close()
