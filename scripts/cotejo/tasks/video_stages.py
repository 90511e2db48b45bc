"""The video task's two load levels: frames through all stages at once, and inference alone."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from itertools import cycle, islice
from pathlib import Path
from queue import Queue, SimpleQueue
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import numpy as np

from cotejo.accelerators import settling
from cotejo.samples import Clock, Level, Sample
from cotejo.stopping import Stopping
from cotejo.tasks.video_frames import Encoder, Preparer, blank_input, endless_frames
from cotejo.tasks.video_masks import detections, draw

if TYPE_CHECKING:
    from av import VideoFrame

T = TypeVar("T")

FRAMES_WAITING = 4  # between two stages: enough that neither starves, few enough that frames stay in the cache
FRAMES_IN_MEMORY = 16  # prepared for inference alone


class Engine(Protocol):
    """A network that works on `slots` images at once, each float32 [1, 3, image_size, image_size].

    `start(slot, image)` returns at once; `completed()` waits until any started slot is done and gives it with the
    seconds it took; `outputs(slot)` are then its predictions and prototypes, valid until it is started again, or
    raises what went wrong.
    """

    slots: int
    image_size: int
    threads: int  # also for decoding and for encoding

    def start(self, slot: int, image: np.ndarray) -> None: ...
    def completed(self) -> tuple[int, float]: ...
    def outputs(self, slot: int) -> tuple[np.ndarray, np.ndarray]: ...
    def properties(self) -> dict[str, Any]: ...


@dataclass(frozen=True)
class Film:
    """Video files to go through one after another; the first one's size and rate hold for all."""

    files: Sequence[tuple[str, Path]]  # each with its name in the data set
    width: int
    height: int
    rate_fps: Fraction

    def frames(self, threads: int) -> Iterator[tuple[str, "VideoFrame"]]:
        """Decoded frames, each with the name of its file, without end."""
        return endless_frames(self.files, self.width, self.height, threads)


@dataclass
class Frame:
    """A frame on its way: as decoded, as the picture that is drawn on and encoded, and the slot that works on it."""

    decoded: "VideoFrame"
    picture: np.ndarray
    sample: Sample
    slot: int = -1


class Window:
    """The part of a steady stream that counts: from the first completion after the warm-up, until the level is over.

    The warm-up lasts as long as the run says, and on GPUs until their clocks have settled (cotejo.accelerators).

    Frames on their way when it opens count once they are done, in place of those on their way when it closes, so that
    neither filling nor emptying the stages is measured. Their `sent_s` lies a little before the level's start.

    It is over after the run's duration, or once the time between two finished frames is known as narrowly as the run's
    stop_width asks (cotejo.stopping.Stopping). That, and not the time that a frame spends in the stages, is what a
    stream's pace shows in; where frames come in bursts its median may lie between two kinds of pause and never be known
    narrowly, and then the duration ends the level.
    """

    def __init__(self, level: str, run: Mapping[str, Any], clock: Clock) -> None:
        self.level = Level(level)
        self._warmup_s, self._stopping, self._clock = run["warmup_s"], Stopping.of(run), clock
        self._begun_s, self._clocks = clock(), settling(run, clock)
        self._open = False

    def count(self, sample: Sample) -> bool:
        """Take in what is just done, its `sent_s` being an instant of the clock; whether more is wanted."""
        now_s, level = self._clock(), self.level
        if not self._open:
            level.warmup_requests += 1
            level.start_monotonic_s, level.warmup_s = now_s, now_s - self._begun_s
            self._open = level.warmup_s >= self._warmup_s and (self._clocks is None or self._clocks.over())
            if self._open and self._clocks:
                level.clocks = self._clocks.facts()
            return True
        done_before_s, level.duration_s = level.duration_s, now_s - level.start_monotonic_s
        self._stopping.add(level.duration_s - done_before_s)
        sent_s = sample["sent_s"] - level.start_monotonic_s
        instants = {"scheduled_s": sent_s, "sent_s": sent_s, "done_s": level.duration_s}
        level.samples.append({**sample, "level": level.level, "index": len(level.samples), "ok": 1, **instants})
        if not self._stopping.over(level.duration_s):
            return True
        level.ended_by, level.stopping = self._stopping.ended_by, self._stopping.facts()
        return False


def end_to_end(
    engine: Engine, film: Film, window: Window, confidence: float, codec: str, output: Path, clock: Clock
) -> Level:
    """Decode, prepare, infer, find and draw, encode: each stage in its own thread, at work on different frames."""
    import cv2

    cv2.setNumThreads(1)  # drawing has a thread already; more of them would wait for cores that other stages use
    preparer = Preparer(film.width, film.height, engine.image_size)
    # One more than slots: it is filled while they are at work. Slots come free in order, so that the next is then idle.
    inputs = cycle([blank_input(engine.image_size) for _ in range(engine.slots + 1)])
    free: SimpleQueue[int] = SimpleQueue()
    for slot in range(engine.slots):
        free.put(slot)
    frames = film.frames(engine.threads)
    inference_s: dict[int, float] = {}  # of slots that are done

    def decode() -> Frame:
        begun_s = clock()
        item, decoded = next(frames)
        picture = decoded.to_ndarray()
        return Frame(decoded, picture, {"item": item, "sent_s": begun_s, "decode_ms": (clock() - begun_s) * 1000})

    def prepare(frame: Frame) -> Frame:
        begun_s = clock()
        image = next(inputs)
        preparer.fill(frame.decoded, image)
        frame.sample["preprocess_ms"] = (clock() - begun_s) * 1000
        frame.slot = free.get()
        try:
            engine.start(frame.slot, image)
        except BaseException:
            free.put(frame.slot)
            raise
        return frame

    def finish(frame: Frame) -> Frame:
        while frame.slot not in inference_s:
            slot, slot_s = engine.completed()
            inference_s[slot] = slot_s
        frame.sample["inference_ms"] = inference_s.pop(frame.slot) * 1000
        begun_s = clock()
        try:
            predictions, prototypes = engine.outputs(frame.slot)
            found = detections(predictions, prototypes.shape[1], confidence)
            draw(frame.picture, found, prototypes, preparer.box)
        finally:
            free.put(frame.slot)
        frame.sample |= {"postprocess_ms": (clock() - begun_s) * 1000, "detections": len(found.scores)}
        return frame

    with (
        Encoder(output, codec, film.width, film.height, film.rate_fps, engine.threads) as encoder,
        overlapped(decode, [prepare, finish]) as finished,
    ):
        for frame in finished:
            begun_s = clock()
            encoder.write(frame.picture)
            frame.sample["encode_ms"] = (clock() - begun_s) * 1000
            if not window.count(frame.sample):
                break
    return window.level


def inference_alone(engine: Engine, film: Film, window: Window, clock: Clock) -> Level:
    """The network on frames prepared beforehand, every slot started again as soon as it is done."""
    preparer = Preparer(film.width, film.height, engine.image_size)
    images = []
    for item, decoded in islice(film.frames(engine.threads), FRAMES_IN_MEMORY):
        image = blank_input(engine.image_size)
        preparer.fill(decoded, image)
        images.append((item, image))
    waiting = cycle(images)
    samples: dict[int, Sample] = {}

    def start(slot: int) -> None:
        item, image = next(waiting)
        samples[slot] = {"item": item, "sent_s": clock()}
        engine.start(slot, image)

    for slot in range(engine.slots):
        start(slot)
    more = True
    while samples:
        slot, slot_s = engine.completed()
        engine.outputs(slot)
        sample = samples.pop(slot)
        if more:
            start(slot)
            more = window.count(sample | {"inference_ms": slot_s * 1000})
    return window.level


@contextmanager
def overlapped(source: Callable[[], T], stages: Sequence[Callable[[T], T]]) -> Iterator[Iterator[T]]:
    """Call `source` over and over and pass what it gives through the stages, all in threads of their own.

    Yields the results in order. Ends when the block does, and raises what a thread raised.
    """
    stop = threading.Event()
    errors: list[Exception] = []
    queues: list[Queue[T | None]] = [Queue(FRAMES_WAITING) for _ in range(len(stages) + 1)]

    def produce() -> None:
        try:
            while not stop.is_set():
                queues[0].put(source())
        except Exception as error:
            errors.append(error)
        queues[0].put(None)

    def work(stage: Callable[[T], T], inlet: "Queue[T | None]", outlet: "Queue[T | None]") -> None:
        for item in iter(inlet.get, None):
            try:
                outlet.put(stage(item))
            except Exception as error:
                errors.append(error)
                stop.set()
        outlet.put(None)

    threads = [threading.Thread(target=produce)]
    threads += [threading.Thread(target=work, args=parts) for parts in zip(stages, queues, queues[1:], strict=False)]
    for thread in threads:
        thread.start()
    results = iter(queues[-1].get, None)
    try:
        yield results
    finally:
        stop.set()
        for _ in results:
            pass  # what is still on its way is done with, so that every thread comes to its end
        for thread in threads:
            thread.join()
    if errors:
        raise errors[0]
