"""Samples and the single-stream loop, on an injected clock."""

import csv
import sys
from typing import NamedTuple

import pytest
from nvml_example import FakeNvml

from cotejo.samples import (
    COLUMNS,
    Level,
    in_seeded_order,
    one_after_another,
    write_samples,
)
from cotejo.stopping import first_look, next_look


class Clock:
    """Stands still until told otherwise."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Request(NamedTuple):
    item: str
    takes_s: float


RUN = {"seed": 3, "warmup_s": 1.0, "duration_s": 2.0, "stop_width": None}
REQUESTS = [Request("a", 0.4), Request("b", 0.4), Request("c", 0.4)]


@pytest.fixture
def clock() -> Clock:
    return Clock()


def performer(clock):
    def perform(request):
        clock.now += request.takes_s
        return {"first_token_s": clock.now - 0.1, "tokens_out": 8}

    return perform


def test_the_window_holds_whole_requests_and_no_warm_up(clock):
    level = one_after_another(performer(clock), REQUESTS, RUN, "single-stream", clock)

    assert level.warmup_requests == 3  # the third ends after 1.0 s
    assert level.warmup_s == pytest.approx(1.2)
    assert level.start_monotonic_s == pytest.approx(101.2)
    assert [sample["done_s"] for sample in level.samples] == pytest.approx([0.4, 0.8, 1.2, 1.6, 2.0])
    assert level.duration_s == pytest.approx(2.0)
    assert all(sample["scheduled_s"] == sample["sent_s"] for sample in level.samples)
    assert level.samples[1]["first_token_s"] == pytest.approx(0.7)
    assert [sample["index"] for sample in level.samples] == [0, 1, 2, 3, 4]
    assert (level.concurrency, level.ended_by, level.stopping) == (1, "duration", None)


def test_a_request_longer_than_warm_up_and_duration_is_measured_once(clock):
    level = one_after_another(performer(clock), [Request("long", 60.0)], RUN, "single-stream", clock)

    assert (level.warmup_requests, len(level.samples), level.duration_s) == (1, 1, pytest.approx(60.0))


def test_without_warm_up_time_one_request_still_warms_up(clock):
    level = one_after_another(performer(clock), REQUESTS, RUN | {"warmup_s": 0}, "single-stream", clock)

    assert level.warmup_requests == 1


def test_on_gpus_the_warm_up_goes_on_until_their_clocks_have_settled(clock, monkeypatch):
    rising = {"ClockInfo": lambda gpu, kind: 210 if clock.now < 103 else 1440}
    monkeypatch.setitem(sys.modules, "pynvml", FakeNvml(1, **rising))
    level = one_after_another(performer(clock), REQUESTS, RUN | {"device": "cuda"}, "single-stream", clock)
    assert level.warmup_s == pytest.approx(6.0)  # until 3 s after it had risen
    assert level.summary()["clocks"] == {"settled": True, "waited_s": pytest.approx(4.8)}
    assert (level.samples[0]["sent_s"], level.duration_s) == (0, pytest.approx(2.0))

    monkeypatch.setitem(sys.modules, "pynvml", None)
    blind = one_after_another(performer(clock), REQUESTS, RUN | {"device": "cuda"}, "single-stream", clock)
    assert blind.summary()["clocks"] == {"settled": None, "waited_s": 0.0}
    assert blind.warmup_s == pytest.approx(1.2)


def test_on_a_cpu_no_clock_of_a_gpu_is_waited_for(clock, monkeypatch):
    monkeypatch.setitem(sys.modules, "pynvml", FakeNvml(1, ClockInfo=lambda gpu, kind: 1440))
    level = one_after_another(performer(clock), REQUESTS, RUN | {"device": "cpu"}, "single-stream", clock)
    assert level.warmup_s == pytest.approx(1.2) and "clocks" not in level.summary()


def test_items_come_in_one_order_drawn_from_the_seed(clock):
    def items(seed, count=6):
        endless = in_seeded_order("abcdefgh", seed)
        return [next(endless) for _ in range(count)]

    assert items(1) == items(1)
    assert len({tuple(items(seed)) for seed in range(20)}) > 10
    assert sorted(items(1, 8)) == list("abcdefgh")
    assert items(1, 16)[:8] == items(1, 16)[8:]

    first = one_after_another(performer(clock), REQUESTS, RUN, "single-stream", clock)
    again = one_after_another(performer(clock), REQUESTS, RUN, "single-stream", clock)
    assert [s["item"] for s in first.samples] == [s["item"] for s in again.samples]


def test_a_failure_while_measuring_is_a_sample_that_counts(clock):
    calls = []

    def perform(request):
        calls.append(request)
        clock.now += request.takes_s
        if len(calls) == 5:
            raise ValueError("first line\nwhat it was")
        return {}

    level = one_after_another(perform, REQUESTS, RUN, "single-stream", clock)

    assert [sample["ok"] for sample in level.samples] == [1, 0, 1, 1, 1]
    assert level.samples[1]["error"] == "ValueError: what it was"
    assert level.samples[1]["done_s"] == pytest.approx(0.8)
    assert level.summary()["requests"] == 5
    assert level.summary()["failed_requests"] == 1
    assert "samples" not in level.summary()


def test_a_failure_in_the_warm_up_is_raised(clock):
    def perform(request):
        raise ValueError("no such model")

    with pytest.raises(ValueError, match="no such model"):
        one_after_another(perform, REQUESTS, RUN, "single-stream", clock)


def test_a_lack_of_memory_while_measuring_is_raised(clock):
    calls = []

    def perform(request):
        calls.append(request)
        clock.now += request.takes_s
        if len(calls) > 4:
            raise RuntimeError(
                "[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"
            )
        return {}

    with pytest.raises(RuntimeError, match="can't allocate"):
        one_after_another(perform, REQUESTS, RUN, "single-stream", clock)


def test_a_level_ends_once_the_time_of_successful_requests_is_known(clock):
    sent = []

    def perform(request):
        sent.append(request)
        if len(sent) % 2 == 0:  # failures last as long as they like
            clock.now += len(sent)
            raise ValueError("no")
        clock.now += 0.5
        return {}

    run = RUN | {"warmup_s": 0, "duration_s": 1e6, "stop_width": 0.02, "stop_percentile": 50, "stop_least_s": 0.0}
    level = one_after_another(perform, REQUESTS, run, "single-stream", clock)

    assert (level.ended_by, len(level.samples)) == ("interval", 2 * next_look(first_look(50)))
    assert level.summary()["stopping"] == {
        "percentile": 50,
        "value_s": pytest.approx(0.5),
        "low_s": pytest.approx(0.5),
        "high_s": pytest.approx(0.5),
        "width": pytest.approx(0.0, abs=1e-6),
        "peeks": 2,
    }


def test_passes_go_through_all_requests_however_long_it_takes(clock):
    sent = []

    def perform(request):
        sent.append(request.item)
        clock.now += 100
        if len(sent) == 4:
            raise ValueError("no")
        return {}

    run = {key: value for key, value in RUN.items() if key != "duration_s"} | {"warmup_s": 0, "passes": 2}
    level = one_after_another(perform, REQUESTS, run, "single-stream", clock)

    measured = sent[level.warmup_requests :]
    assert (level.ended_by, level.duration_s) == ("passes", 100 * len(measured))
    # Each request twice, in one order, the one that failed included.
    assert measured == 2 * measured[: len(REQUESTS)]
    assert sorted(measured[: len(REQUESTS)]) == sorted(request.item for request in REQUESTS)
    assert level.summary()["failed_requests"] == 1


def test_samples_csv_has_a_row_per_request_and_blanks_where_nothing_applies(tmp_path):
    level = Level(
        "single-stream", samples=[{"level": "single-stream", "index": 0, "sent_s": 0.25, "ok": 1, "own_ms": 2.0}]
    )

    write_samples(tmp_path / "samples.csv", [level, Level("other")], ["own_ms"])

    with (tmp_path / "samples.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert list(rows[0]) == [*COLUMNS, "own_ms"]
    assert len(rows) == 1
    assert rows[0]["sent_s"] == "0.2500000"
    assert (rows[0]["first_token_s"], rows[0]["error"], rows[0]["ok"]) == ("", "", "1")
    assert [path.name for path in tmp_path.iterdir()] == ["samples.csv"]
