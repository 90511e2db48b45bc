"""What is told of one level of one record: from samples to halves, trend, stalls and Little's law."""

import pickle

import numpy as np
import pytest

from cotejo.changes import changes, correlation_time
from cotejo.steadiness import (
    LEAST_RECURRENCES,
    LEAST_REQUESTS,
    LEAST_REQUESTS_FOR_STALLS,
    excess_over_item,
    find_stalls,
    steadiness,
    steadiness_of_times,
)
from tests.method.workloads import autoregressive, items, normal, ramp, single_stream, stalled


@pytest.fixture
def rng():
    return np.random.default_rng(40)


def test_excess_is_over_the_median_of_the_other_requests_of_the_item():
    values = np.array([1.0, 5, 2, 9, 4, 10, 20, 30, 7])
    of_items = np.array([0, 0, 0, 0, 0, 1, 1, 1, 1])
    found = excess_over_item(values, of_items)
    for place, value in enumerate(values):
        others = (of_items == of_items[place]) & (np.arange(9) != place)
        assert found[place] == value - np.median(values[others])


def test_correlation_time_is_that_of_the_series(rng):
    """Of AR(1) it is (1 + r)/(1 - r); 20,000 values."""
    assert correlation_time(rng.standard_normal(20_000)) == pytest.approx(1, abs=0.1)
    assert correlation_time(autoregressive(rng, 20_000, 0.5, 0.05)) == pytest.approx(3, rel=0.15)
    assert correlation_time(autoregressive(rng, 20_000, 0.8, 0.05)) == pytest.approx(9, rel=0.15)


def test_neither_a_drift_nor_a_stall_looks_like_correlation(rng):
    times = normal(rng, 2000, 0.05)
    assert correlation_time(np.log(ramp(times, 0.3))) == pytest.approx(1, abs=0.15)
    assert correlation_time(np.log(stalled(times, 50, 10))) == pytest.approx(1, abs=0.15)


def test_halves_and_trend_of_a_ramp_without_noise():
    halves, trend = changes(np.linspace(0, np.log(1.2), 200))
    assert halves.ratio == pytest.approx(1.2**0.5, rel=0.01)
    assert trend.ratio == pytest.approx(1.2, rel=0.01)


def test_p_values_are_those_of_perfect_order():
    """A steep ramp: twenty segments, all in order."""
    times = ramp(normal(np.random.default_rng(1), 200, 0.02), 3)
    halves, trend = changes(np.log(times))
    assert halves.p == pytest.approx(2 / 184756)  # 20 over 10
    assert trend.p is not None and trend.p < 1e-15


def test_times_without_noise_do_not_drift_and_do_not_stall():
    found = steadiness_of_times(np.full(200, 0.5), items(200))
    assert found.halves == (1, 1) and found.trend == (1, 1)
    assert found.stalls is not None and found.stalls[:3] == (0, None, 0)


def test_p_values_are_uniform_without_a_drift(rng):
    """1,000 trials: as often as they say at 10, 5 and 1 %, plus three standard errors; the tests are exact."""
    found = [changes(np.log(normal(rng, 200, 0.1))) for _ in range(1000)]
    for kind in zip(*found, strict=True):
        ps = np.array([change.p for change in kind if change.p is not None])
        assert len(ps) > 950
        for alarm in (0.1, 0.05, 0.01):
            assert (ps <= alarm).mean() <= alarm + 3 * np.sqrt(alarm * (1 - alarm) / len(ps))


def test_what_resembles_itself_too_much_has_no_p_value(rng):
    """Of a hundred requests with a correlation time of nine: eleven independent ones, and most times too few."""
    found = [changes(np.log(autoregressive(rng, 100, 0.8, 0.05)))[0].p for _ in range(200)]
    assert np.mean([p is None for p in found]) > 0.8


def test_work_is_no_drift(rng):
    """A long item that comes last, and one that comes every other time."""
    work = np.where(items(200) == 4, 30.0, 1.0)
    found = steadiness_of_times(work * normal(rng, 200, 0.02), items(200))
    assert found.recurring
    assert found.halves is not None and found.halves.ratio == pytest.approx(1, abs=0.01)
    assert found.stalls is not None and found.stalls.requests == 0


def test_items_that_seldom_recur_are_compared_to_all(rng):
    times, once = normal(rng, 200, 0.02), np.arange(200)
    times[7] *= 10
    found = steadiness_of_times(times, once)
    assert not found.recurring
    assert found.stalls is None  # the long one may have had more to do
    assert found.halves is not None and found.halves.p is not None


def test_a_few_items_that_seldom_recur_are_left_out(rng):
    times, of_items = normal(rng, 203, 0.02), items(203)
    times[-3:], of_items[-3:] = 50.0, [90, 91, 92]
    found = steadiness_of_times(times, of_items)
    assert found.recurring and found.requests == 200
    assert found.stalls is not None and found.stalls.requests == 0


@pytest.mark.parametrize(("recurrences", "recurring"), [(LEAST_RECURRENCES, True), (LEAST_RECURRENCES - 1, False)])
def test_an_item_recurs_from_its_fourth_time_on(recurrences, recurring):
    times = np.ones(10 * recurrences)
    assert steadiness_of_times(times, np.arange(len(times)) % 10).recurring is recurring


def test_too_few_requests_tell_nothing():
    for n in (0, LEAST_REQUESTS - 1):
        found = steadiness_of_times(np.ones(n), np.zeros(n, dtype=int))
        assert (found.requests, found.halves, found.trend, found.stalls) == (n, None, None, None)
    few = LEAST_REQUESTS_FOR_STALLS - 1
    found = steadiness_of_times(np.ones(few), np.zeros(few, dtype=int))
    assert found.halves is not None and found.stalls is None


def test_stalls_are_counted_sized_and_summed(rng):
    """A stall of 2 s in every twentieth request of 0.1 s: 21 times as long."""
    times = 0.1 * normal(rng, 200, 0.02)
    times[::20] += 2
    found = steadiness_of_times(times, items(200)).stalls
    assert found is not None
    assert found.requests == 10
    assert found.ratio == pytest.approx(21, rel=0.02)
    assert found.lost_s == pytest.approx(20, rel=0.01)
    assert found.busy_s == pytest.approx(times.sum())


@pytest.mark.parametrize("sigma", [0.3, 0.5])
def test_a_long_tail_is_not_far_out(rng, sigma):
    """A hundred thousand requests: of none is time lost worth a thousandth."""
    logs = sigma * rng.standard_normal(100_000)
    found = find_stalls(np.exp(logs), logs)
    assert found.lost_s / found.busy_s < 0.001


def test_exponential_times_are_not_far_out(rng):
    times = rng.exponential(size=100_000)
    assert find_stalls(times, np.log(times / np.log(2))).requests == 0


def test_samples_in_any_order_amount_to_the_same(rng):
    samples, level = single_stream(normal(rng, 200, 0.05), items(200))
    found = steadiness(samples, level)
    assert steadiness(samples.sample(frac=1, random_state=1), level) == found
    assert found.requests == 200
    assert found.littles_law == pytest.approx(1)
    assert pickle.loads(pickle.dumps(found)) == found


def test_items_may_have_names(rng):
    times = normal(rng, 200, 0.05)
    samples, level = single_stream(times, [f"clip-{item}.wav" for item in items(200)])
    named = steadiness(samples, level)
    assert named.order.startswith("clip-0.wav clip-1.wav ")
    assert named._replace(order="") == steadiness(*single_stream(times, items(200)))._replace(order="")


def test_idle_time_between_requests_shows_in_littles_law(rng):
    samples, level = single_stream(normal(rng, 100, 0.05), items(100))
    samples["scheduled_s"] += 0.2
    assert steadiness(samples, level).littles_law == pytest.approx(0.8, abs=0.01)


def test_requests_at_once_are_all_in_flight():
    """Three clients whose requests take a second each: three a second."""
    times, level = np.ones(300), single_stream(np.ones(300), items(300))[1]
    samples = single_stream(times, items(300))[0]
    samples["scheduled_s"] = np.repeat(np.arange(100.0), 3)
    samples["done_s"] = samples["scheduled_s"] + 1
    assert steadiness(samples, {**level, "concurrency": 3, "duration_s": 100.0}).littles_law == pytest.approx(1)


def test_failed_requests_are_left_out_but_were_in_flight(rng):
    samples, level = single_stream(normal(rng, 200, 0.05), items(200))
    samples.loc[::10, "ok"] = 0
    found = steadiness(samples, level)
    assert found.requests == 180
    assert found.littles_law == pytest.approx(1)


def test_a_pipeline_is_judged_by_the_time_between_completions(rng):
    """Frames spend ever longer in it, but come out at one rate; nothing is known of when they were due."""
    samples, level = single_stream(normal(rng, 200, 0.02), items(200))
    samples["scheduled_s"] = np.nan
    found = steadiness(samples, {**level, "concurrency": None})
    assert found.requests == 199 and found.littles_law is None
    assert found.halves is not None and found.halves.ratio == pytest.approx(1, abs=0.01)


def test_a_pipelines_failed_frame_makes_its_successor_no_stall(rng):
    samples, level = single_stream(normal(rng, 200, 0.02), items(200))
    samples.loc[100, "ok"] = 0
    found = steadiness(samples, {**level, "concurrency": None})
    assert found.requests == 198
    assert found.stalls is not None and found.stalls.requests == 0


def test_completions_at_one_instant_are_no_error(rng):
    samples, level = single_stream(normal(rng, 200, 0.02), items(200))
    samples.loc[101, "done_s"] = samples.loc[100, "done_s"]
    assert steadiness(samples, {**level, "concurrency": None}).requests == 199


def test_a_level_without_a_good_request_has_only_its_law():
    samples, level = single_stream(np.ones(10), items(10))
    samples["ok"] = 0
    found = steadiness(samples, level)
    assert found[:5] == (0, False, None, None, None)
    assert found.littles_law == pytest.approx(1)


@pytest.mark.parametrize("noise", [5e-4, 5e-3])
@pytest.mark.parametrize("n", [100, 255])
def test_a_drift_far_above_its_noise_is_sure_though_items_go_round(rng, n, noise):
    times_s = ramp(normal(rng, n, noise), 0.3)

    found = steadiness_of_times(times_s, items(n))

    assert found.trend.ratio == pytest.approx(1.3, rel=0.02)
    assert found.trend.p < 1e-4


def test_a_step_is_as_large_as_it_is(rng):
    times_s = normal(rng, 100, 0.001)
    times_s[50:] *= 1.04

    assert steadiness_of_times(times_s, items(100)).halves.ratio == pytest.approx(1.04, rel=0.002)


def test_a_film_seen_once_is_not_tested_for_drift(rng):
    """Its frames become more work: nobody can tell that from a machine that becomes slower."""
    samples, level = single_stream(ramp(normal(rng, 200, 0.02), 1), np.arange(200))

    pipeline, single = (steadiness(samples, {**level, "concurrency": number}) for number in (None, 1))

    assert (pipeline.recurring, pipeline.halves, pipeline.trend) == (False, None, None)
    assert single.trend is not None and single.trend.p < 1e-6  # its order is drawn, so that work has no trend
