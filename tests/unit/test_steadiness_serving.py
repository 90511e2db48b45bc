"""Servers' levels, in which requests wait for each other: what is called unsteady there, and what must not be."""

import numpy as np
import pandas as pd
import pytest
from serving_example import NO_SAMPLES, aggregates

from cotejo.steadiness import arrivals_of, kept_in_flight, steadiness, steadiness_of_times
from cotejo.verdict import THRESHOLDS, Evidence
from cotejo.verdict.steady import untested
from tests.method.queues import (
    CLEAN,
    WARMUP,
    Level,
    alarms,
    closed_level,
    exponential,
    held_up,
    open_level,
    steady,
    table_of,
    unsteady,
)

RUNS = 60  # docs/method.md has the rates of more


@pytest.fixture
def rng():
    return np.random.default_rng(60)


@pytest.mark.parametrize("n", [100, 1000])
@pytest.mark.parametrize("name", CLEAN)
def test_clean_levels_are_not_called_unsteady(name, n):
    found = alarms(CLEAN[name], n, RUNS if n == 100 else RUNS // 3, seed=n)
    assert len(found) <= 2, found


# Open loads.


def test_an_overloaded_open_level_drifts(rng):
    """Half as much again as the server can do, 300 requests a repeat: found in nine of ten cases or more."""
    found = [unsteady([open_level(rng, 300, 1.5, exponential, warmup=60) for _ in range(6)]) for _ in range(20)]
    assert sum(any(reason.startswith("drift: ") for reason in reasons) for reasons in found) >= 18


def test_the_same_arrivals_in_all_repeats_are_no_drift_of_theirs_and_are_said(rng):
    """A schedule that happens to end in a busy period does so in each repeat."""
    gaps = rng.exponential(1 / 0.7, size=300 + WARMUP)
    repeats = [open_level(rng, 300, 0.7, steady, gaps) for _ in range(6)]
    found = [steadiness(*table_of(level)) for level in repeats]
    assert len({one.arrivals for one in found}) == 1
    assert unsteady(repeats) == []
    (finding,) = untested(Evidence([], "", found, [], ""), THRESHOLDS)
    assert finding == ("smoke", "untested for drift: repeats had the same arrivals")


def test_arrivals_of_their_own_are_tested(rng):
    found = [steadiness(*table_of(open_level(rng, 300, 0.7, steady))) for _ in range(6)]
    assert len({one.arrivals for one in found}) == 6
    assert untested(Evidence([], "", found, [], ""), THRESHOLDS) == []


def test_waiting_in_a_queue_is_no_stall(rng):
    """At a fifth of its load a server is mostly idle, and a request that is not served at once lies far out."""
    samples, level = table_of(open_level(rng, 500, 0.2, steady))
    assert steadiness(samples, level).stalls is None
    assert steadiness(samples, {**level, "load": "single-stream", "concurrency": 1}).stalls.requests > 50


def test_arrivals_are_known_again_whatever_a_clock_adds(rng):
    due_s = np.cumsum(rng.exponential(size=50))
    assert arrivals_of(due_s) == arrivals_of(due_s + 1e-9 * rng.standard_normal(50))
    assert arrivals_of(due_s) != arrivals_of(np.cumsum(rng.exponential(size=50)))


def test_a_constant_rate_is_never_the_same_arrivals(rng):
    ticks = [np.arange(50) / 5 + 1e-5 * rng.standard_normal(50) for _ in range(2)]
    assert arrivals_of(ticks[0]) != arrivals_of(ticks[1])


# Closed loads.


def test_a_slower_and_slower_server_drifts_with_eight_at_once(rng):
    slowing = [closed_level(rng, 400, 8, 2, lambda rng, n: steady(rng, n) * np.linspace(1, 1.3, n)) for _ in range(6)]
    assert unsteady(slowing)[0].startswith("drift: ")


def test_a_server_that_stands_still_is_found_with_eight_at_once(rng):
    repeats = [closed_level(rng, 800, 8, 8, steady) for _ in range(6)]
    stalled = [held_up(held_up(level, 30.0, 5.0), 60.0, 5.0) for level in repeats]
    (reason,) = unsteady(stalled)
    assert reason.startswith("stalls: 12 times 8 requests took ")
    assert "% of all time (bound 2 %)" in reason


def test_too_few_rounds_are_not_tested_for_stalls(rng):
    assert steadiness(*table_of(closed_level(rng, 300, 8, 8, steady))).stalls is None
    assert steadiness(*table_of(closed_level(rng, 400, 8, 8, steady))).stalls is not None


def test_the_first_and_the_last_requests_of_a_closed_level_are_no_drift():
    """The first find an idle server, and the last one that others left."""
    times_s = np.concatenate([np.full(8, 0.5), np.full(64, 1.0), np.full(8, 0.5)])
    found = steadiness_of_times(times_s, np.zeros(80, dtype=int), together=8)
    assert found.halves.ratio == pytest.approx(1)


@pytest.mark.parametrize("n", [8, 9, 20])
def test_a_few_requests_at_once_are_no_error(n):
    samples, level = table_of(closed_level(np.random.default_rng(0), n, 8, 8, exponential))
    assert steadiness(samples, level).halves is None


# Little's law.


def test_slots_are_full_until_the_last_request_is_sent(rng):
    """Few requests at a time: throughput times mean latency would miss a twentieth of them."""
    level = closed_level(rng, 80, 8, 8, exponential)
    samples, facts = table_of(level)
    assert steadiness(samples, facts).littles_law == pytest.approx(1)
    assert len(samples) * (level.done_s - level.due_s).mean() / level.done_s.max() / 8 < 0.95


def test_slots_that_stand_empty_show_in_littles_law(rng):
    level = closed_level(rng, 400, 4, 4, steady)
    samples, facts = table_of(level)
    assert steadiness(samples, {**facts, "concurrency": 5}).littles_law == pytest.approx(0.8)
    late = samples.assign(sent_s=samples["sent_s"] + 0.2 * (samples["index"] >= 4))
    assert steadiness(late, facts).littles_law == pytest.approx(0.8, abs=0.01)


def test_requests_of_the_warm_up_that_still_run_are_no_empty_slots(rng):
    """As of a client whose window follows on its warm-up: at its start, eight requests of the warm-up are under way."""
    level = closed_level(rng, 120, 8, 8, steady)
    within = level.due_s >= 5.5
    due_s, done_s = level.due_s[within] - 5.5, level.done_s[within] - 5.5
    assert kept_in_flight(due_s, done_s, 8) == pytest.approx(1)
    assert (np.minimum(done_s, due_s.max()) - due_s).sum() / due_s.max() / 8 < 0.96


@pytest.mark.parametrize("n", [1, 2])
def test_no_more_requests_than_slots_have_no_time_to_be_in_flight(n):
    assert kept_in_flight(np.zeros(n), np.ones(n), 2) is None


@pytest.mark.parametrize(("concurrency", "mean_ms", "law"), [(1, 92.589, 0.949), (2, 184.6, 0.946)])
def test_littles_law_holds_of_what_a_client_reports(concurrency, mean_ms, law):
    facts = {**aggregates(60, requests_per_s=10.2532, latency_mean_ms=mean_ms), "concurrency": concurrency}
    assert steadiness(NO_SAMPLES, facts).littles_law == pytest.approx(law, abs=0.001)


def test_aggregates_that_tell_too_little_have_no_law():
    assert steadiness(NO_SAMPLES, aggregates(60, requests_per_s=10.0)).littles_law is None
    facts = {**aggregates(60, requests_per_s=10.0, latency_mean_ms=1.0), "concurrency": None}
    assert steadiness(NO_SAMPLES, facts).littles_law is None


def test_a_level_is_the_same_in_any_order_of_its_rows(rng):
    samples, facts = table_of(Level(*closed_level(rng, 200, 8, 3, exponential)))
    mixed = samples.sample(frac=1, random_state=1)
    assert steadiness(mixed, facts).trend == steadiness(samples, facts).trend
    assert isinstance(samples, pd.DataFrame)
