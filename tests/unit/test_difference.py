"""The comparison of two sets of repeats: its arithmetic, its error rate and its power, by simulation."""

import math

import numpy as np
import pytest
from scipy.stats import binom, mannwhitneyu

from cotejo.difference import LEAST_REPEATS, Difference, difference, standing

TRIALS = 500


@pytest.fixture
def rng():
    return np.random.default_rng(30)


def log_normal(rng, cv, repeats, trials=TRIALS):
    """Repeats of one median: by row."""
    return np.exp(math.sqrt(math.log1p(cv**2)) * rng.standard_normal((trials, repeats)))


def called(baselines, candidates):
    """How many pairs of sets are told apart."""
    pairs = zip(baselines, candidates, strict=True)
    return sum(standing(difference(*pair), "higher") != "indistinguishable" for pair in pairs)


@pytest.mark.parametrize(("n", "m"), [(4, 4), (6, 6), (6, 10), (3, 5), (20, 20)])
def test_p_is_that_of_the_exact_test(rng, n, m):
    for shift in (0.0, 0.5, 2.0):
        baseline, candidate = rng.lognormal(size=n), rng.lognormal(shift, size=m)
        expected = mannwhitneyu(baseline, candidate, method="exact").pvalue
        assert difference(baseline, candidate).p == pytest.approx(expected)


def test_interval_takes_the_tabulated_pairs():
    """Hollander, Wolfe and Chicken's table for 6 against 6 at 95 %: the sixth of the 36 pairs from either end."""
    baseline, candidate = [1.0, 2, 4, 8, 16, 32], [3.0, 9, 27, 81, 243, 729]
    pairs = sorted(y / x for x in baseline for y in candidate)
    found = difference(baseline, candidate)
    assert (found.low, found.high) == (pairs[5], pairs[-6])
    assert found.ratio == pytest.approx(math.sqrt(pairs[17] * pairs[18]))


@pytest.mark.parametrize(("n", "m"), [(4, 4), (6, 6), (5, 9)])
def test_interval_excludes_one_if_and_only_if_the_test_rejects(rng, n, m):
    for _ in range(500):
        # Rounded, so that many values tie.
        baseline, candidate = np.round(rng.lognormal(2, 0.3, n)), np.round(rng.lognormal(2.4, 0.3, m))
        found = difference(baseline, candidate)
        assert found.low is not None and found.high is not None
        assert (found.low > 1 or found.high < 1) == (found.p <= 0.05)
        assert found.low <= found.ratio <= found.high


def test_ratio_turns_over_with_the_sides(rng):
    baseline, candidate = rng.lognormal(size=6), rng.lognormal(1, size=7)
    there, back = difference(baseline, candidate), difference(candidate, baseline)
    assert back == pytest.approx((1 / there.ratio, 1 / there.high, 1 / there.low, there.p))


def test_equal_values_do_not_differ():
    assert difference([5.0] * 6, [5.0] * 6) == (1.0, 1.0, 1.0, 1.0)
    assert standing(difference([5.0] * 6, [5.0] * 6), "higher") == "indistinguishable"


def test_values_without_noise_that_differ_do():
    found = difference([5.0] * 6, [6.0] * 6)
    assert found[:3] == pytest.approx((1.2, 1.2, 1.2))
    assert standing(found, "higher") == "faster"


def test_one_value_shared_by_both_counts_against_a_difference():
    """Eight of nine ordered: without the tie p would be 2/70; with it no more than for a pair the wrong way round."""
    assert difference([1.0, 2, 3, 4], [4.0, 5, 6, 7]).p == pytest.approx(4 / 70)


def test_too_few_repeats_have_no_interval_and_no_standing():
    few = [1.0, 1.01, 1.02]
    assert len(few) < LEAST_REPEATS
    found = difference(few, [10.0, 10.1, 10.2])
    assert (found.low, found.high) == (None, None)
    assert found.ratio == pytest.approx(10)
    assert standing(found, "lower") == "indistinguishable"


def test_least_repeats_can_tell_and_one_less_cannot():
    for repeats, told in ((LEAST_REPEATS, True), (LEAST_REPEATS - 1, False)):
        assert (difference([1.0] * repeats, [2.0] * repeats).low is not None) == told


@pytest.mark.parametrize(
    ("interval", "better", "word"),
    [
        ((1.1, 1.3), "higher", "faster"),
        ((1.1, 1.3), "lower", "slower"),
        ((0.8, 0.9), "higher", "slower"),
        ((0.8, 0.9), "lower", "faster"),
        ((0.9, 1.1), "lower", "indistinguishable"),
        ((1.0, 1.2), "higher", "indistinguishable"),
    ],
)
def test_standing_depends_on_what_is_better(interval, better, word):
    assert standing(Difference(1.0, *interval, 0.01), better) == word


@pytest.mark.parametrize("bad", [[], [1.0, 0.0], [1.0, -2.0], [math.inf], [math.nan]])
def test_what_has_no_ratio_is_refused(bad):
    for pair in ((bad, [1.0]), ([1.0], bad)):
        with pytest.raises(ValueError, match="positive"):
            difference(*pair)


@pytest.mark.parametrize("cv", [0.02, 0.3])
@pytest.mark.parametrize("repeats", [4, 6, 10])
def test_the_same_is_called_different_in_at_most_5_percent(rng, cv, repeats):
    """500 trials; the true rate is 2.9, 4.1 and 4.3 %. The bound is what a rate of 5 % exceeds once in a hundred."""
    found = called(log_normal(rng, cv, repeats), log_normal(rng, cv, repeats))
    assert found <= binom.ppf(0.99, TRIALS, 0.05)
    assert found > 0


def test_true_rate_of_six_against_six_is_4_1_percent(rng):
    """20,000 trials, three standard errors."""
    trials = 20_000
    found = called(log_normal(rng, 0.02, 6, trials), log_normal(rng, 0.02, 6, trials)) / trials
    assert found == pytest.approx(0.0411, abs=3 * math.sqrt(0.0411 * 0.9589 / trials))


def test_rounded_values_are_called_different_no_more_often(rng):
    """2 % noise printed to the percent: half of all pairs tie. 2,000 trials."""
    sides = [np.round(log_normal(rng, 0.02, 6, 2000), 2) for _ in range(2)]
    assert called(*sides) / 2000 <= 0.0411


@pytest.mark.parametrize("effect", [1.05, 1 / 1.05])
def test_five_percent_at_two_percent_noise_are_found_by_six_repeats(rng, effect):
    """2,000 trials; at least 90 %, by three standard errors."""
    trials = 2000
    found = called(log_normal(rng, 0.02, 6, trials), effect * log_normal(rng, 0.02, 6, trials)) / trials
    assert found - 3 * math.sqrt(found * (1 - found) / trials) >= 0.9


@pytest.mark.parametrize("cv", [0.02, 0.3])
def test_interval_covers_the_true_ratio(rng, cv):
    """2,000 trials; nominal 95 %, actual 95.9 % for six against six; less two standard errors of simulation."""
    trials, truth = 2000, 1.3
    pairs = zip(log_normal(rng, cv, 6, trials), truth * log_normal(rng, cv, 6, trials), strict=True)
    found = [difference(*pair) for pair in pairs]
    covered = sum(one.low <= truth <= one.high for one in found) / trials
    assert covered >= 0.95 - 2 * math.sqrt(0.95 * 0.05 / trials)
