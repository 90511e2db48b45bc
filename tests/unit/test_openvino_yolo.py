"""The time that an inference takes, apart from its wait for a stream."""

import pytest

from cotejo.backends.openvino_yolo import ServiceTimes


def test_a_request_that_finds_an_idle_stream_is_worked_on_at_once():
    times = ServiceTimes(streams=2)
    times.started(0, 1.0)
    times.started(1, 1.5)

    assert times.completed(0, 3.0) == pytest.approx(2.0)
    assert times.completed(1, 3.5) == pytest.approx(2.0)


def test_a_request_that_waits_is_worked_on_from_the_next_completion():
    times = ServiceTimes(streams=2)
    for slot, now_s in ((0, 0.0), (1, 0.1), (2, 0.2), (3, 0.3)):
        times.started(slot, now_s)

    assert times.completed(1, 1.0) == pytest.approx(0.9)  # 2 begins
    assert times.completed(0, 1.2) == pytest.approx(1.2)  # 3 begins
    times.started(1, 1.3)
    assert times.completed(2, 2.5) == pytest.approx(1.5)  # 1 begins
    assert times.completed(3, 2.7) == pytest.approx(1.5)
    assert times.completed(1, 3.0) == pytest.approx(0.5)


def test_an_idle_stream_is_remembered():
    times = ServiceTimes(streams=1)
    times.started(0, 0.0)
    times.completed(0, 1.0)
    times.started(0, 5.0)

    assert times.completed(0, 5.25) == pytest.approx(0.25)
