"""The video task on a tiny film and a fake engine: the window, the levels, and threads that end."""

import sys
import threading
import time
from itertools import count, islice

import av
import numpy as np
import pandas as pd
import pytest
from film_example import FRAMES, predicted, write_film
from nvml_example import FakeNvml

from cotejo.tasks import video_segmentation
from cotejo.tasks.video_frames import film_size
from cotejo.tasks.video_stages import Film, Window, end_to_end, inference_alone, overlapped


@pytest.fixture
def film(tmp_path):
    file = write_film(tmp_path / "a.mp4")
    return Film([("a.mp4", file)], *film_size(file))


@pytest.fixture(autouse=True)
def no_thread_stays():
    """Whatever a test does, afterwards there are the threads that there were."""
    before = threading.enumerate()
    yield
    assert threading.enumerate() == before


class Engine:
    """Answers at once, with what the test says; slots complete in the order in which they were started."""

    slots, image_size, threads = 3, 64, 2

    def __init__(self, predictions=None, failing=()):
        self.predictions = np.zeros((1, 4 + 2 + 4, 5), np.float32) if predictions is None else predictions
        self.prototypes = np.ones((1, 4, 16, 16), np.float32)
        self.failing = set(failing)
        self.started = []
        self.asked = 0
        self.running = []
        self.completions = threading.Semaphore(0)

    def start(self, slot, image):
        assert slot not in self.running
        assert image.shape == (1, 3, 64, 64)
        self.started.append(image.mean())
        self.running.append(slot)
        self.completions.release()

    def completed(self):
        self.completions.acquire()
        return self.running.pop(0), 0.25

    def outputs(self, slot):
        self.asked += 1
        if self.asked in self.failing:
            raise RuntimeError("the runtime gave up")
        return self.predictions, self.prototypes


def lasting(duration_s, warmup_s=0.0, **stopping):
    """The settings of a run that its window needs."""
    return {"duration_s": duration_s, "warmup_s": warmup_s, "stop_width": None, **stopping}


# The window


def test_the_window_opens_after_the_warm_up_and_counts_completions():
    now = [0.0]
    window = Window("inference", lasting(2.0, warmup_s=1.0), lambda: now[0])
    wanted = []
    for number in range(1, 8):
        now[0] = number * 0.5
        wanted.append(window.count({"sent_s": now[0] - 0.6, "item": number}))

    level = window.level
    assert wanted == [True, True, True, True, True, False, False]
    assert (level.warmup_requests, level.warmup_s, level.start_monotonic_s) == (2, 1.0, 1.0)
    assert [s["item"] for s in level.samples[:4]] == [3, 4, 5, 6]
    assert level.samples[0]["sent_s"] == pytest.approx(-0.1)  # it was on its way when the window opened
    assert level.samples[3]["done_s"] == pytest.approx(2.0)
    assert (level.concurrency, level.ended_by, level.stopping) == (None, "duration", None)


def test_on_gpus_the_window_opens_once_their_clocks_have_settled(monkeypatch):
    now = [0.0]
    rising = {"ClockInfo": lambda gpu, kind: 210 if now[0] < 3 else 1440}
    monkeypatch.setitem(sys.modules, "pynvml", FakeNvml(1, **rising))
    window = Window("inference", {**lasting(2.0, warmup_s=1.0), "device": "cuda"}, lambda: now[0])
    while not window.level.samples:
        now[0] += 0.25
        assert window.count({"sent_s": now[0] - 0.1, "item": 0})
    assert window.level.warmup_s == 6.0
    assert window.level.summary()["clocks"] == {"settled": True, "waited_s": 5.0}


def test_the_window_closes_once_the_time_between_two_frames_is_known():
    now = [0.0]
    run = lasting(1000.0, warmup_s=1.0, stop_width=0.1, stop_percentile=50, stop_least_s=0.0)
    window = Window("inference", run, clock=lambda: now[0])
    more = True
    while more:
        now[0] += 0.25
        more = window.count({"sent_s": now[0] - 5.0})  # the time in the stages counts for nothing

    level = window.level
    assert (level.ended_by, level.duration_s) == ("interval", 0.25 * len(level.samples))
    assert {key: level.stopping[key] for key in ("percentile", "value_s", "width")} == {
        "percentile": 50,
        "value_s": pytest.approx(0.25),
        "width": pytest.approx(0.0, abs=1e-9),
    }


# Stages in threads


def test_overlapped_stages_keep_the_order_and_work_at_the_same_time():
    meeting = threading.Barrier(3, timeout=10)

    def add(stage):
        def work(item):
            if item[0] == 3 - stage:  # items 3, 2 and 1 must be in stages 0, 1 and 2 at once
                meeting.wait()
            return [*item, stage]

        return work

    numbers = count()
    with overlapped(lambda: add(0)([next(numbers)]), [add(1), add(2)]) as results:
        first = list(islice(results, 20))

    assert first == [[number, 0, 1, 2] for number in range(20)]


@pytest.mark.parametrize("broken", [0, 1, 2])
def test_what_a_stage_raises_is_raised_and_every_thread_ends(broken):
    numbers = count()

    def stage(place):
        def work(item):
            if place == broken and item == 5:
                raise ValueError(f"stage {place}")
            return item

        return work

    seen = []
    with (
        pytest.raises(ValueError, match=f"stage {broken}"),
        overlapped(lambda: stage(0)(next(numbers)), [stage(1), stage(2)]) as results,
    ):
        seen.extend(results)

    assert seen[:5] == [0, 1, 2, 3, 4]


def test_an_error_of_the_reader_ends_the_threads():
    numbers = count()
    with pytest.raises(KeyError), overlapped(lambda: next(numbers), [lambda item: item]):
        raise KeyError("reader")


# Levels


def ticking():
    """A clock that goes a hundredth of a second each time it is read."""
    ticks = count()
    return lambda: next(ticks) / 100


def test_end_to_end_writes_every_frame_and_a_sample_each(film, tmp_path):
    engine = Engine(predicted((32, 32, 16, 16, 0, 0.9)))
    window = Window("end-to-end", lasting(2.0, warmup_s=0.1), ticking())

    level = end_to_end(engine, film, window, 0.25, "mpeg4", tmp_path / "out.mkv", ticking())

    frames = level.samples
    assert len(frames) > 2 * FRAMES  # it began again at its end
    assert all({f"{stage}_ms" for stage in video_segmentation.STAGES} <= set(frame) for frame in frames)
    assert {(frame["inference_ms"], frame["detections"]) for frame in frames} == {(250.0, 1)}
    assert {frame["item"] for frame in frames} == {f"a.mp4#{number}" for number in range(FRAMES)}
    with av.open(str(tmp_path / "out.mkv")) as container:
        assert sum(1 for _ in container.decode(video=0)) == len(frames) + level.warmup_requests


def test_what_the_runtime_raises_ends_the_level(film, tmp_path):
    window = Window("end-to-end", lasting(60), time.monotonic)

    with pytest.raises(RuntimeError, match="gave up"):
        end_to_end(Engine(failing={7}), film, window, 0.25, "mpeg4", tmp_path / "out.mkv", time.monotonic)


def test_inference_alone_keeps_every_slot_at_work_on_the_films_frames(film):
    engine = Engine()
    window = Window("inference", lasting(1.0, warmup_s=0.1), ticking())

    level = inference_alone(engine, film, window, ticking())

    assert len(engine.started) == level.warmup_requests + len(level.samples) + engine.slots
    assert engine.running == []
    assert len({round(float(brightness), 4) for brightness in engine.started}) == FRAMES
    assert {sample["inference_ms"] for sample in level.samples} == {250.0}


def test_a_runtimes_error_in_inference_alone_is_raised(film):
    with pytest.raises(RuntimeError, match="gave up"):
        inference_alone(Engine(failing={5}), film, Window("inference", lasting(60), time.monotonic), time.monotonic)


@pytest.mark.parametrize("level", video_segmentation.LEVELS)
def test_the_task_measures_each_of_its_levels(film, tmp_path, level):
    run = lasting(0.1, warmup_s=0.05) | {"seed": 0, "confidence": 0.25, "codec": "libx264"}
    requests = [video_segmentation.Video(*film.files[0])]

    measured = video_segmentation.measure(Engine(), requests, run, level, tmp_path)

    assert measured.level == level
    assert measured.samples
    assert measured.duration_s >= 0.1
    assert (tmp_path / video_segmentation.FILM).exists() is (level == "end-to-end")


def test_video_metrics_of_known_samples():
    stages = {
        f"{stage}_ms": [float(place), place + 1.0, place + 5.0] for place, stage in enumerate(video_segmentation.STAGES)
    }
    samples = pd.DataFrame(stages)

    found = video_segmentation.metrics(samples, {"level": "end-to-end", "duration_s": 0.5}, {})

    assert [(m.name, m.value) for m in found] == [
        ("frames_per_s", 6.0),
        *((f"{stage}_p50_ms", pytest.approx(place + 1.0)) for place, stage in enumerate(video_segmentation.STAGES)),
    ]
    alone = video_segmentation.metrics(samples, {"level": "inference", "duration_s": 0.5}, {})
    assert [m.name for m in alone] == ["frames_per_s", "inference_p50_ms"]
