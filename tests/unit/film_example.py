"""A tiny film, and a network's predictions, for tests to read."""

import av
import numpy as np

WIDTH, HEIGHT = 64, 48
FRAMES = 10


def write_film(file, width=WIDTH, height=HEIGHT, colour=(200, 40, 90)):
    """A film of one colour (red, green, blue), whose left half darkens frame by frame."""
    with av.open(str(file), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"crf": "5"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv444p"
        for number in range(FRAMES):
            picture = np.full((height, width, 3), colour, dtype=np.uint8)
            picture[:, : width // 2] //= number + 1
            for packet in stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return file


def predicted(*objects):
    """Predictions of two classes with four mask coefficients, from (centre x, y, width, height, class, score)."""
    columns = []
    for x, y, width, height, kind, score in objects:
        scores = [score, 0.0] if kind == 0 else [0.0, score]
        columns.append([x, y, width, height, *scores, 1, 1, 1, 1])
    return np.array(columns, dtype=np.float32).T[None]
