import math
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom, lognorm

from cotejo.command import ROOT
from cotejo.floors import SAMPLE_FLOORS
from cotejo.stats import (
    harmonic_mean,
    littles_law,
    median_interval,
    percentile,
    percentile_ms,
    quantile_interval,
)
from tests.method.distributions import DISTRIBUTIONS, coverage, covered

FIXTURES = Path(__file__).parents[1] / "fixtures"
PUBLISHED = ROOT / "config" / "published"
TRIALS = 2000


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


def test_a_percentile_that_few_print_has_a_floor_too() -> None:
    assert percentile(range(16), 75) is None and percentile(range(16), 25) is None
    assert percentile(range(17), 75) == pytest.approx(12.25, abs=0.5)


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


# Repeats of a study, and requests at the floors of the percentiles that are printed.
@pytest.mark.parametrize(("q", "n"), [(50, 6), (50, 11), (50, 100), (90, 44), (90, 300), (95, 90), (99, 459)])
@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_interval_covers_the_true_quantile_as_often_as_it_claims(name: str, q: int, n: int) -> None:
    """At least 95 %, less two standard errors of 2,000 trials: 94.03 %; and what is exact, within three of them."""
    found = covered(name, q, n, TRIALS, seed=n + q)
    assert found >= 0.95 - 2 * math.sqrt(0.95 * 0.05 / TRIALS)
    exact = coverage(q, n)
    assert found == pytest.approx(exact, abs=3 * math.sqrt(exact * (1 - exact) / TRIALS))


@pytest.mark.parametrize("q", [50, 90, 95, 99])
@pytest.mark.parametrize("n", [50, 459, 1000])
def test_quantile_interval_leaves_out_no_more_than_each_tail_allows(q: int, n: int) -> None:
    _, low, high = quantile_interval(range(1, n + 1), q)
    if low is None or high is None:
        assert binom.cdf(n - 1, n, q / 100) < 0.975  # not even the greatest value is high enough
        return
    assert binom.cdf(low - 1, n, q / 100) <= 0.025 < binom.cdf(low, n, q / 100)
    assert binom.sf(high - 1, n, q / 100) <= 0.025 < binom.sf(high - 2, n, q / 100)


@pytest.mark.parametrize(("q", "floor"), [(q, n) for q, n in SAMPLE_FLOORS.items() if q > 50])
def test_every_percentile_that_is_printed_can_have_an_interval(q: int, floor: int) -> None:
    assert quantile_interval(range(floor), q).high is not None


def test_median_interval_is_that_of_the_50th_percentile() -> None:
    values = np.random.default_rng(3).lognormal(size=41)
    assert median_interval(values) == quantile_interval(values, 50)


@pytest.mark.parametrize("q", [0, 100, -1, math.nan])
def test_what_is_no_percentile_has_no_interval(q: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 100"):
        quantile_interval([1.0, 2.0], q)


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


def test_littles_law_of_a_closed_loop_without_gaps_is_one() -> None:
    # Four at once, each of 0.5 s: eight a second.
    assert littles_law(8.0, 0.5, 4) == pytest.approx(1.0)
    assert littles_law(6.0, 0.5, 4) == pytest.approx(0.75)


def published_means(file: str, client: str) -> pd.DataFrame:
    """A client's mean rates and latencies in seconds: a row for each setting that was published with a number."""
    rows = pd.read_csv(PUBLISHED / file).query("client == @client and statistic == 'mean'")
    rows = rows[rows["metric"].isin(["request_throughput", "latency"]) & rows["value"].notna()]
    rows = rows.assign(value=rows["value"].astype(float) * rows["unit"].map({"us": 1e-6}).fillna(1))
    means = rows.pivot_table("value", ["accelerators", "concurrency"], "metric")
    return means.rename(columns={"request_throughput": "rate"})


# What perf_analyzer accounts for at concurrency 1, 2, 3, …: what lacks is 4 to 8 ms between requests, which weigh most
# where those are shortest.
PERF_ANALYZER = {
    0: [0.949, 0.947, 0.963, 0.978],
    1: [0.960, 0.973, 0.985, 0.979, 0.995, 0.986, 0.983, 0.996],
    2: [0.954, 0.948, 0.970, 0.982, 0.979, 0.987, 0.978, 0.982, 0.988, 0.977],
}


def test_littles_law_of_the_published_perf_analyzer_rows() -> None:
    means = published_means("chameleon-blip-triton.csv", "perf_analyzer")
    found = {gpus: [] for gpus in PERF_ANALYZER}
    for (gpus, concurrency), row in means.iterrows():
        found[gpus].append(littles_law(row["rate"], row["latency"], concurrency))
    assert sum(map(len, found.values())) == 22
    for gpus, laws in PERF_ANALYZER.items():
        assert found[gpus] == pytest.approx(laws, abs=0.0005)
    beyond = [(gpus, place) for gpus, laws in found.items() for place, law in enumerate(laws, 1) if abs(law - 1) > 0.05]
    assert beyond == [(0, 1), (0, 2), (2, 2)]


@pytest.mark.parametrize(("gpus", "law"), [(1, 0.9694), (4, 0.9689)])
def test_littles_law_of_the_published_hey_results(gpus: int, law: float) -> None:
    """Fifty requests by five workers, some of whom are through with theirs before others."""
    row = published_means("cml-vllm-ray.csv", "hey").loc[gpus, 5]
    assert littles_law(row["rate"], row["latency"], 5) == pytest.approx(law, abs=0.0001)
    text = (FIXTURES / f"hey-vllm-tp{gpus}.txt").read_text(encoding="utf-8")
    rate, latency_s = (float(re.findall(rf"{name}:\s+([0-9.]+)", text)[0]) for name in ("Requests/sec", "Average"))
    assert littles_law(rate, latency_s, 5) == pytest.approx(law, abs=0.0001)
