import math

import numpy as np
import pytest
from scipy.stats import binom, lognorm

from cotejo.stats import SAMPLE_FLOORS, harmonic_mean, median_interval, percentile, percentile_ms


@pytest.mark.parametrize("q", [90, 95, 99])
def test_floor_is_the_least_n_with_99_percent_confidence(q: int) -> None:
    def confidence(n: int) -> float:
        return 1 - (q / 100) ** n

    floor = SAMPLE_FLOORS[q]
    assert confidence(floor) >= 0.99
    assert confidence(floor - 1) < 0.99
    assert floor == math.ceil(math.log(0.01) / math.log(q / 100))


@pytest.mark.parametrize(("q", "floor"), SAMPLE_FLOORS.items())
def test_percentile_is_blank_below_its_floor(q: int, floor: int) -> None:
    assert percentile(np.arange(floor - 1), q) is None
    assert percentile(np.arange(floor), q) is not None


def test_percentile_without_a_floor_is_refused() -> None:
    with pytest.raises(KeyError):
        percentile(range(1000), 42)


def test_percentile_ms_converts_seconds() -> None:
    assert percentile_ms([0.001, 0.002, 0.003], 50) == pytest.approx(2.0)
    assert percentile_ms([], 50) is None


@pytest.mark.parametrize("q", SAMPLE_FLOORS)
def test_percentile_finds_the_quantile_of_a_known_distribution(q: int) -> None:
    values = lognorm.rvs(0.5, size=100_000, random_state=np.random.default_rng(1))
    assert percentile(values, q) == pytest.approx(lognorm.ppf(q / 100, 0.5), rel=0.02)


def test_percentile_is_median_unbiased() -> None:
    """Half of the samples' p90 lie above the true one; numpy's default, linear, misses this at small n."""
    values = np.random.default_rng(2).exponential(size=(4000, 44))
    above = sum((percentile(sample, 90) or 0.0) > math.log(10) for sample in values) / len(values)
    assert above == pytest.approx(0.5, abs=0.025)


@pytest.mark.parametrize("n", [1, 2, 5])
def test_interval_is_blank_below_six_repeats(n: int) -> None:
    assert median_interval(range(n)) == ((n - 1) / 2, None, None)


# The ranks tabulated by Hahn and Meeker and by Le Boudec for 95 %: n = 6..10, 20, 30, 50.
@pytest.mark.parametrize(("n", "rank"), [(6, 1), (7, 1), (8, 1), (9, 2), (10, 2), (20, 6), (30, 10), (50, 18)])
def test_interval_takes_the_order_statistics_of_the_table(n: int, rank: int) -> None:
    values = np.random.default_rng(n).permutation(np.arange(1, n + 1))
    assert median_interval(values) == ((n + 1) / 2, rank, n + 1 - rank)


@pytest.mark.parametrize("n", range(6, 120))
def test_interval_is_the_narrowest_that_covers_95_percent(n: int) -> None:
    _, low, high = median_interval(range(1, n + 1))
    assert low is not None
    rank = int(low)
    assert high == n + 1 - rank
    assert 1 - 2 * binom.cdf(rank - 1, n, 0.5) >= 0.95
    assert 1 - 2 * binom.cdf(rank, n, 0.5) < 0.95


@pytest.mark.parametrize("n", [6, 11])
def test_interval_covers_the_true_median_as_often_as_it_claims(n: int) -> None:
    rng = np.random.default_rng(n)
    truth = math.exp(0.0)
    hits = 0
    for _ in range(2000):
        _, low, high = median_interval(rng.lognormal(0, 1.5, size=n))
        assert low is not None and high is not None
        hits += low <= truth <= high
    assert hits / 2000 >= 0.95 - 0.01


def test_median_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        median_interval([])


def test_harmonic_mean_is_total_work_over_total_time() -> None:
    # 100 tokens at 10/s and 100 at 40/s: 200 tokens in 12.5 s.
    assert harmonic_mean([10, 40]) == pytest.approx(16.0)


@pytest.mark.parametrize("rates", [[], [1.0, 0.0], [1.0, -2.0], [1.0, math.inf], [math.nan]])
def test_harmonic_mean_refuses_what_has_none(rates: list[float]) -> None:
    with pytest.raises(ValueError, match="positive"):
        harmonic_mean(rates)
