"""Frames of tiny films, and what a network finds in them."""

from fractions import Fraction
from itertools import islice

import av
import numpy as np
import pytest
from film_example import FRAMES, HEIGHT, WIDTH, predicted, write_film

from cotejo.errors import CotejoError
from cotejo.tasks import video_masks
from cotejo.tasks.video_frames import ENCODERS, Encoder, Preparer, blank_input, endless_frames, film_size, letterbox
from cotejo.tasks.video_masks import chroma, detections, draw
from cotejo.tasks.video_stages import Film


@pytest.fixture
def film(tmp_path):
    file = write_film(tmp_path / "a.mp4")
    return Film([("a.mp4", file)], *film_size(file))


# Frames


@pytest.mark.parametrize(
    ("width", "height", "expected"),
    [(1280, 720, (640, 360, 0, 140)), (480, 640, (480, 640, 80, 0)), (64, 64, (640, 640, 0, 0))],
)
def test_a_frame_keeps_its_shape_in_the_middle_of_the_input(width, height, expected):
    box = letterbox(width, height, 640)

    assert (box.width, box.height, box.left, box.top) == expected


def test_an_input_is_rgb_in_0_to_1_with_grey_around(film):
    _, frame = next(film.frames(1))
    image = blank_input(64)

    Preparer(WIDTH, HEIGHT, 64).fill(frame, image)

    assert image.shape == (1, 3, 64, 64)
    assert image[0, :, 32, 48] == pytest.approx(np.array([200, 40, 90]) / 255, abs=0.03)
    assert np.all(image[0, :, :8] == np.float32(114 / 255))
    assert np.all(image[0, :, 56:] == np.float32(114 / 255))


def test_films_follow_one_another_without_end_and_take_the_first_ones_size(tmp_path):
    files = [("a", write_film(tmp_path / "a.mp4")), ("b", write_film(tmp_path / "b.mp4", 80, 32))]

    frames = list(islice(endless_frames(files, WIDTH, HEIGHT, 1), 2 * FRAMES + 3))

    once = [f"{name}#{number}" for name in "ab" for number in range(FRAMES)]
    assert [name for name, _ in frames] == [*once, "a#0", "a#1", "a#2"]
    assert {(frame.width, frame.height, frame.format.name) for _, frame in frames} == {(WIDTH, HEIGHT, "yuv420p")}


def test_an_odd_size_becomes_even(tmp_path):
    file = write_film(tmp_path / "odd.mp4", 65, 49)

    assert film_size(file) == (64, 48, Fraction(25))
    _, frame = next(endless_frames([("odd", file)], 64, 48, 1))
    assert frame.to_ndarray().shape == (72, 64)


def test_a_file_without_video_is_named(tmp_path):
    file = tmp_path / "sound.wav"
    with av.open(str(file), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), format="s16", layout="mono")
        silence.rate = 8000
        container.mux(stream.encode(silence))

    with pytest.raises(CotejoError, match=r"sound\.wav: holds no video"):
        film_size(file)


@pytest.mark.parametrize("codec", ENCODERS)
def test_every_codec_writes_a_film_that_can_be_read(tmp_path, codec, film):
    pictures = [frame.to_ndarray() for _, frame in islice(film.frames(1), FRAMES)]

    with Encoder(tmp_path / "out.mkv", codec, WIDTH, HEIGHT, Fraction(25), 1) as encoder:
        for picture in pictures:
            encoder.write(picture)

    with av.open(str(tmp_path / "out.mkv")) as container:
        written = [frame.to_ndarray(format="yuv420p") for frame in container.decode(video=0)]
    assert len(written) == FRAMES
    assert np.abs(written[0].astype(int) - pictures[0]).mean() < 6


def test_an_unknown_codec_is_refused_with_the_known_ones(tmp_path):
    with pytest.raises(CotejoError, match=r"libx265: unknown\. One of libx264, mpeg4, mjpeg"):
        Encoder(tmp_path / "out.mkv", "libx265", WIDTH, HEIGHT, Fraction(25), 1)


# Masks


def test_detections_are_the_certain_ones_best_first_and_once_each():
    found = detections(
        predicted(
            (20, 20, 10, 10, 0, 0.6),
            (20, 21, 10, 10, 0, 0.9),  # the same object, more certain
            (20, 20, 10, 10, 1, 0.7),  # there too, of another class
            (50, 50, 8, 4, 1, 0.8),
            (40, 10, 8, 4, 1, 0.2),  # uncertain
        ),
        masks=4,
        confidence=0.25,
    )

    assert found.scores == pytest.approx([0.9, 0.8, 0.7])
    assert list(found.classes) == [0, 1, 1]
    assert found.boxes[1] == pytest.approx([46, 48, 54, 52])
    assert found.coefficients.shape == (3, 4)


def test_nothing_found_is_no_detection():
    found = detections(np.zeros((1, 10, 8), np.float32), masks=4, confidence=0.25)

    assert found.boxes.shape == (0, 4)
    assert len(found.scores) == 0


def drawn(found, prototypes):
    """Where U differs from grey after drawing on a grey frame, as rows and columns of the chroma planes."""
    picture = np.full((HEIGHT * 3 // 2, WIDTH), 128, dtype=np.uint8)

    draw(picture, found, prototypes, letterbox(WIDTH, HEIGHT, 64))  # eight rows of padding above

    assert (picture[:HEIGHT] == 128).all()  # brightness is left
    return np.argwhere(chroma(picture)[0] != 128), picture


def test_a_mask_colours_inside_its_box_and_nowhere_else():
    found = detections(predicted((32, 32, 16, 16, 0, 0.9)), masks=4, confidence=0.25)
    prototypes = np.ones((1, 4, 16, 16), np.float32)
    prototypes[:, :, :, 8:] = -1  # inside on the left only

    changed, picture = drawn(found, prototypes)

    assert changed.min(axis=0).tolist() == [8, 12]
    assert changed.max(axis=0)[0] == 15
    assert 14 <= changed.max(axis=0)[1] <= 16  # half the box, but for interpolation
    assert tuple(int(plane[10, 13]) for plane in chroma(picture)) == video_masks.HUES[0]


def test_a_box_that_leaves_the_frame_is_cut_at_its_edge():
    found = detections(predicted((60, 60, 30, 30, 0, 0.9), (200, 200, 4, 4, 1, 0.8)), masks=4, confidence=0.25)

    changed, _ = drawn(found, np.ones((1, 4, 16, 16), np.float32))

    assert changed.max(axis=0).tolist() == [HEIGHT // 2 - 1, WIDTH // 2 - 1]
    assert changed.min(axis=0).tolist() == [18, 22]


def test_where_two_masks_overlap_the_more_certain_one_is_seen():
    found = detections(predicted((32, 32, 20, 20, 1, 0.6), (32, 32, 20, 20, 0, 0.9)), masks=4, confidence=0.25)

    _, picture = drawn(found, np.ones((1, 4, 16, 16), np.float32))

    assert tuple(int(plane[12, 16]) for plane in chroma(picture)) == video_masks.HUES[0]
