"""Whether a level is called unsteady: where it should be, where it should not, and how often by chance."""

import math

import numpy as np
import pandas as pd
import pytest

from cotejo.changes import Change
from cotejo.command import ROOT
from cotejo.steadiness import Stalls, Steadiness, steadiness, steadiness_of_times
from cotejo.tasks.image_captioning import metrics
from cotejo.verdict import THRESHOLDS, Evidence, level_findings
from cotejo.verdict.steady import (
    COLD_ALARMS,
    DRIFT_ALARMS,
    cold_first_repeat,
    drift,
    littles_law,
    stalls,
    untested,
    zero_mean_p,
)
from tests.method.workloads import CLEAN, LEVEL, alarms, evidence, items, normal, ramp, single_stream, stalled, unsteady

RUNS = 200


@pytest.fixture
def rng():
    return np.random.default_rng(50)


def reasons(check, steadiness=(), values=(), better="higher"):
    """What one check says of these repeats."""
    return [tuple(finding) for finding in check(Evidence([], LEVEL, steadiness, values, better), THRESHOLDS)]


def repeat(half=1.0, half_p=1.0, trend=1.0, trend_p=1.0, recurring=True, **others):
    return Steadiness(100, recurring, Change(half, half_p), Change(trend, trend_p), **others)


# Clean runs.


@pytest.mark.parametrize("n", [20, 100, 2000])
@pytest.mark.parametrize("name", CLEAN)
def test_clean_runs_are_not_called_unsteady(name, n):
    """At most 2 % of 200 runs of six repeats; docs/method.md has the rates of more runs."""
    found = alarms(CLEAN[name], n, RUNS, seed=n)
    assert len(found) <= 0.02 * RUNS, found


# Drift.


def test_a_drift_that_all_repeats_share_is_found(rng):
    """10 % over the window at 5 % noise and 100 requests a repeat: in at least 95 % of 200 runs."""
    found = [unsteady([ramp(normal(rng, 100, 0.05), 0.1) for _ in range(6)]) for _ in range(RUNS)]
    assert sum(any(reason.startswith("drift: ") for reason in one) for one in found) >= 0.95 * RUNS


def test_a_drift_shared_by_repeats_of_few_requests_is_found(rng):
    """20 requests a repeat, too few for a test of one: 20 % over the window at 5 % noise, in 90 % of 200 runs."""
    assert steadiness_of_times(ramp(normal(rng, 20, 0.05), 0.2), items(20)).halves.p is None
    found = [unsteady([ramp(normal(rng, 20, 0.05), 0.2) for _ in range(6)]) for _ in range(RUNS)]
    assert sum(any(reason.startswith("drift: ") for reason in one) for one in found) >= 0.9 * RUNS


def test_one_repeat_may_drift_by_itself(rng):
    """As where a processor throttled in one of six: 20 % over the window at 5 % noise, in 95 % of 200 runs."""
    repeats = [[normal(rng, 200, 0.05) for _ in range(6)] for _ in range(RUNS)]
    found = [unsteady([*five, ramp(last, 0.2)]) for *five, last in repeats]
    assert sum(any("in 1 of 6 repeats" in reason for reason in one) for one in found) >= 0.95 * RUNS


def test_a_single_repeat_is_tested_too(rng):
    assert unsteady([ramp(normal(rng, 200, 0.05), 0.3)])[0].startswith("drift: second half ")


@pytest.mark.parametrize(("growth", "sentence"), [(0.3, "% slower"), (-0.3, "% faster")])
def test_a_drift_says_its_direction_its_size_and_its_bound(rng, growth, sentence):
    reason = unsteady([ramp(normal(rng, 200, 0.02), growth) for _ in range(6)])[0]
    assert reason.startswith("drift: second half ") and reason.endswith(f"{sentence} (bound 5 %)")


def test_a_tiny_trend_is_no_finding_however_sure(rng):
    """2 % over 2,000 requests at 2 % noise: beyond chance, and within the bound."""
    repeats = [ramp(normal(rng, 2000, 0.02), 0.02) for _ in range(6)]
    assert all(steadiness_of_times(times, items(2000)).trend.p < 1e-4 for times in repeats)
    assert unsteady(repeats) == []


def test_a_warm_up_that_was_not_left_out_is_found(rng):
    warm = 1 + np.exp(-np.arange(100) / 20)
    assert unsteady([warm * normal(rng, 100, 0.02) for _ in range(6)])[0].startswith("drift: second half")


def test_sizes_of_shared_drifts():
    apart = [repeat(half=half) for half in (1.06, 1.08, 1.07, 1.09, 1.06, 1.08)]
    assert reasons(drift, apart) == [("unsteady", "drift: second half 7.3 % slower (bound 5 %)")]
    faster = [repeat(trend=1 / half.halves.ratio) for half in apart]
    assert reasons(drift, faster) == [
        ("unsteady", "drift: from start to end 6.8 % faster (bound 5 %)")
    ]  # fmt: skip
    assert reasons(drift, [repeat(half=half) for half in (1.03, 1.04, 1.03, 1.05, 1.04, 1.03)]) == []
    assert reasons(drift, [repeat(half=half) for half in (1.3, 0.9, 1.3, 0.8, 1.2, 1.4)]) == []  # no common direction


def test_p_values_of_single_repeats_are_divided_among_them():
    sure = DRIFT_ALARMS / 4 / 6
    found = reasons(drift, [repeat()] * 5 + [repeat(half=1.2, half_p=0.99 * sure)])
    assert found == [("unsteady", "drift: second half 20.0 % slower in 1 of 6 repeats (bound 5 %)")]
    assert reasons(drift, [repeat()] * 5 + [repeat(half=1.2, half_p=1.01 * sure)]) == []
    assert reasons(drift, [repeat()] * 5 + [repeat(half=1.04, half_p=0.0)]) == []


def test_items_that_do_not_recur_share_no_drift():
    """They come in the same order in each repeat: the last ones may have more to do."""
    apart = [repeat(half=half, recurring=False) for half in (1.06, 1.08, 1.07, 1.09, 1.06, 1.08)]
    assert reasons(drift, apart) == []
    found = reasons(drift, [one._replace(halves=Change(1.07, 1e-9)) for one in apart])
    assert found == [("unsteady", "drift: second half 7.0 % slower in 6 of 6 repeats (bound 5 %)")]


def test_a_repeat_without_requests_hides_no_drift_of_the_others():
    apart = [repeat(half=half) for half in (1.06, 1.08, 1.07, 1.09, 1.06)]
    assert len(reasons(drift, [*apart, steadiness_of_times(np.ones(0), np.zeros(0, dtype=int))])) == 1


def test_three_repeats_cannot_share_a_drift():
    assert reasons(drift, [repeat(half=half) for half in (1.2, 1.2001, 1.2)]) == []


def test_zero_mean_p_is_students():
    """Student's own data, of the additional sleep by one drug over another: t = 4.06 at 9 degrees of freedom."""
    sleep = [1.2, 2.4, 1.3, 1.3, 0.0, 1.0, 1.8, 0.8, 4.6, 1.4]
    assert zero_mean_p(sleep) == pytest.approx(0.00283, abs=1e-5)
    assert zero_mean_p([0.0] * 6) == 1
    assert zero_mean_p([0.1] * 6) < 1e-9


# Stalls.


@pytest.mark.parametrize("request_s", [0.01, 0.05, 0.1])
def test_a_stall_of_200_ms_every_5_s_is_unsteady(rng, request_s):
    """And shows in p99 where requests take 50 ms or more: shorter ones come too often, and few of them wait."""
    clean = [request_s * normal(rng, round(100 / request_s), 0.05) for _ in range(6)]
    slowed = [stalled(times, every_s=5, stall_s=0.2) for times in clean]
    assert unsteady(clean) == []
    (reason,) = unsteady(slowed)
    assert reason.startswith("stalls: 1") and reason.endswith("% of all time (bound 2 %)")
    before, after = (p99_ms(times) for times in (clean[0], slowed[0]))
    if request_s >= 0.05:
        assert after > 2 * before
    else:
        assert after == pytest.approx(before, rel=0.02)


def p99_ms(times):
    """As the task's own metrics have it."""
    samples, level = single_stream(times, items(len(times)))
    return next(metric.value for metric in metrics(samples, level, {}) if metric.name == "latency_p99_ms")


@pytest.mark.parametrize("name", ["exponential", "log-normal, sigma 0.5"])
@pytest.mark.parametrize("n", [40, 100, 500])
def test_a_long_tail_of_service_times_is_no_stall(rng, name, n):
    """200 runs of six repeats: at most 1 %."""
    runs = ([steadiness_of_times(CLEAN[name](rng, n), items(n)) for _ in range(6)] for _ in range(RUNS))
    assert sum(bool(reasons(stalls, found)) for found in runs) <= 0.01 * RUNS


def test_stalls_are_summed_over_the_repeats():
    found = [repeat(stalls=Stalls(3, 5.0, 3.0, 100.0)), repeat(stalls=Stalls(0, None, 0.0, 20.0)), repeat()]
    assert reasons(stalls, found) == [
        ("unsteady", "stalls: 3 requests took 5 times as long as others of their item, 2.5 % of all time (bound 2 %)")
    ]
    assert reasons(stalls, [repeat(stalls=Stalls(3, 5.0, 2.0, 100.0))]) == []


# What cannot be tested.


def test_what_is_not_tested_is_said_and_costs_nothing(rng):
    few = [steadiness_of_times(np.ones(3), np.zeros(3, dtype=int))] * 6
    assert reasons(untested, few) == [("publishable", "untested for drift and stalls: 3 requests")]
    short = [steadiness_of_times(np.ones(20), items(20))] * 6
    assert reasons(untested, short) == [("publishable", "untested for stalls: 20 requests")]
    once = [steadiness_of_times(normal(rng, 200, 0.02), np.arange(200))] * 6
    assert reasons(untested, once) == [("publishable", "untested for stalls: 200 requests of items that seldom recur")]
    assert reasons(untested, [steadiness_of_times(np.ones(200), items(200))]) == []
    assert reasons(untested) == []


def test_a_reason_is_not_lost_between_the_checks(rng):
    """Through all of them: drift, stalls and Little's law of one level, of what a worker writes."""
    times = ramp(0.05 * normal(rng, 2000, 0.02), 0.5)
    samples, level = single_stream(stalled(times, every_s=5, stall_s=0.5), items(2000))
    found = steadiness(samples, {**level, "duration_s": 1.5 * level["duration_s"]})
    said = level_findings(evidence([times] * 6, [found] * 6), THRESHOLDS)
    assert [reason.partition(":")[0] for word, reason in said if word == "unsteady"] == [
        "drift", "stalls", "Little's law",
    ]  # fmt: skip


# Little's law.


def test_littles_law_names_the_worst_repeat():
    laws = [repeat(littles_law=law) for law in (1.0, 0.97, 0.8, 1.06)]
    assert reasons(littles_law, laws) == [
        ("unsteady", "Little's law: 80.0 % of the requests in flight accounted for, in 2 of 4 repeats (bound 5 %)")
    ]
    assert reasons(littles_law, laws[:2]) == []


def test_littles_law_is_not_asked_of_an_open_number_in_flight():
    assert reasons(littles_law, [repeat(littles_law=None)] * 6) == []


# The cold first repeat.


def published(metric):
    """Document 002's iterations: by system, model and GPUs."""
    rows = pd.read_csv(ROOT / "config/published/ccad-llava-a30.csv").query("metric == @metric")
    iterations = rows[rows["statistic"].str.startswith("iteration")].sort_values("statistic", kind="stable")
    groups = iterations.groupby(["system", "model", "accelerators"])["value"]
    return {key: [float(value) for value in values] for key, values in groups}


COLD = ("mendieta", "llava-1.5-7b", 1)


@pytest.mark.parametrize(("metric", "better"), [("wall_time", "lower"), ("inference_rate", "higher")])
def test_of_the_published_iterations_one_first_was_cold(metric, better):
    triples = published(metric)
    assert len(triples) == 6
    for key, values in triples.items():
        said = [reason for _, reason in level_findings(Evidence([], LEVEL, [], values, better), THRESHOLDS)]
        assert any(reason.startswith("cold-first-repeat: ") for reason in said) == (key == COLD), (key, said)


def test_the_cold_first_repeat_says_how_cold():
    assert published("wall_time")[COLD] == [2193, 1893, 1892]
    assert reasons(cold_first_repeat, values=published("wall_time")[COLD], better="lower") == [
        ("unsteady", "cold-first-repeat: 15.8 % worse than the worst of the 2 others (bound 5 %)")
    ]


@pytest.mark.parametrize(
    ("values", "better"),
    [
        ([120.0, 100, 101, 100, 99, 100], "higher"),  # better than the others
        ([104.0, 100, 101, 100, 99, 100], "lower"),  # worse, but not by 5 %
        ([120.0, 100, 119, 105, 90, 100], "lower"),  # worse, but so are others
        ([130.0, 100, 110, 95, 105, 90], "lower"),  # worse than all by 5 %, but not beyond their spread
        ([130.0, 100], "lower"),  # there is no spread
        ([100.0, 130, 100, 100, 100, 100], "lower"),  # not the first
        ([], ""),
    ],
)
def test_a_first_repeat_like_the_others_is_not_cold(values, better):
    assert reasons(cold_first_repeat, values=values, better=better) == []


def test_a_cold_first_repeat_among_equal_ones_is_found():
    assert len(reasons(cold_first_repeat, values=[120.0, 100, 100, 100], better="lower")) == 1


def test_repeats_alike_are_called_cold_no_oftener_than_said(rng):
    """20,000 runs at 20 % noise, of three and of six repeats: three standard errors."""
    trials = 20_000
    for repeats in (3, 6):
        values = np.exp(0.2 * rng.standard_normal((trials, repeats)))
        found = sum(bool(reasons(cold_first_repeat, values=row, better="higher")) for row in values) / trials
        assert found <= COLD_ALARMS + 3 * math.sqrt(COLD_ALARMS / trials)
