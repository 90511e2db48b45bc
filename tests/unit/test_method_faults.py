"""What docs/method.md says goes wrong without a rule, and that its figures show it."""

import math
import re

import numpy as np
import pytest

from cotejo.command import ROOT
from cotejo.figures import style
from tests.method import draw_faults, faults
from tests.method.simulate import PAGE

FIGURES = ("floors", "loads", "requests", "warmup", "stopping")


def said(pattern: str) -> tuple[float, ...]:
    """The numbers that the page's text has in a sentence."""
    text = " ".join(PAGE.read_text(encoding="utf-8").split())
    found = re.search(pattern, text)
    assert found, pattern
    return tuple(float(number) for number in found.groups())


def bars(axes):
    """The middles of the points that have bars, a list for each series."""
    return [list(container.lines[0].get_ydata()) for container in axes.containers]


@pytest.fixture(autouse=True)
def looks():
    with style.applied(draw_faults.LOOKS):
        yield


@pytest.mark.parametrize("name", FIGURES)
def test_each_figure_stands_on_the_page_and_is_small(name):
    file = ROOT / "docs" / "images" / f"method-{name}.svg"
    assert f"(images/{file.name})" in PAGE.read_text(encoding="utf-8")
    assert 1000 < file.stat().st_size < 100_000


def test_a_p99_of_few_requests_tells_little():
    found = faults.estimates_of_p99()
    low, high, missed = said(r"lie between (\S+) and (\S+) times the true one, and in (\d+) of 100 cases not a single")
    assert (found[100].low, found[100].high) == (pytest.approx(low, abs=0.01), pytest.approx(high, abs=0.01))
    assert 100 * faults.chance_of_no_tail(100) == pytest.approx(missed, abs=0.5)
    assert faults.chance_of_no_tail(faults.FLOOR) <= 0.01 < faults.chance_of_no_tail(faults.FLOOR - 1)
    width = {n: one.high - one.low for n, one in found.items()}
    assert width[100] > 2 * width[faults.FLOOR] > 2 * width[2000]
    assert found[20].median < 0.8, "the tail is read too low"
    estimates, missed_by = draw_faults.floors_figure(found).axes
    assert bars(estimates) == [[pytest.approx(100 * one.median) for one in found.values()]]
    assert missed_by.get_lines()[0].get_ydata()[0] == pytest.approx(100 * 0.99**20)


def test_a_closed_load_of_one_sees_an_idle_server_where_an_open_one_sees_a_queue():
    closed, half, nine_tenths = said(
        r"a p99 of (\S+) times .*? find (\S+) times at half of .*? and (\d+) times at nine"
    )
    exact = -math.log(0.01)  # of an exponential distribution with mean 1, and of M/M/1 over what is left of the server
    assert [closed, half, nine_tenths] == [pytest.approx(exact / left, rel=0.01) for left in (1, 0.5, 0.1)]
    open_loads, closed_loads = faults.open_loads(6, 5000), faults.closed_loads(6, 5000)
    assert closed_loads[1].per_s == pytest.approx(1, abs=0.05) and open_loads[0.5].per_s == pytest.approx(0.5, abs=0.03)
    assert closed_loads[1].p99_s.median == pytest.approx(exact, rel=0.1)
    assert open_loads[0.5].p99_s.median == pytest.approx(2 * exact, rel=0.2)
    [axes] = draw_faults.loads_figure(open_loads, closed_loads).axes
    assert [len(series) for series in bars(axes)] == [len(faults.LOADS), len(faults.AT_ONCE)]


def test_intervals_over_requests_hold_the_truth_ever_more_seldom():
    pooled, repeats = said(r"differ by 2 % holds the true median in (\d+) of 100 cases, .*? medians holds it in (\d+),")
    found = faults.coverage_of_intervals(300)
    assert found["requests"][0.02].low < pooled / 100 < found["requests"][0.02].high
    assert all(one.low < repeats / 100 < one.high for one in found["repeats"].values())
    shares = [one.value for one in found["requests"].values()]
    assert shares == sorted(shares, reverse=True) and shares[-1] < 0.3
    [axes] = draw_faults.requests_figure(found).axes
    assert bars(axes) == [[pytest.approx(100 * one.value) for one in series.values()] for series in found.values()]


def test_a_warm_up_that_is_measured_makes_a_process_slower():
    short, long, without = said(
        r"(\d+) % too low and 100 s still one that is (\S+) % too low; .*? it is (\S+) % at 20 s"
    )
    found = faults.errors_of_rates(trials=10)
    assert -100 * found[0.0][20].median == pytest.approx(short, abs=0.5)
    assert -100 * found[0.0][100].median == pytest.approx(long, abs=0.2)
    assert -100 * found[20.0][20].median == pytest.approx(without, abs=0.3)
    times, errors = draw_faults.warmup_figure(found).axes
    assert bars(errors)[0] == [pytest.approx(100 * one.median) for one in found[0.0].values()]
    assert times.get_lines()[0].get_ydata()[0] > 1.5 * times.get_lines()[0].get_ydata()[-1]


def test_who_stops_where_it_first_looks_narrow_is_wrong_more_often_than_said():
    found = faults.coverage_of_stops(60)
    assert found["naive"][0.9].high < 0.6 and all(one.high > 0.95 for one in found["ours"].values())
    [axes] = draw_faults.stopping_figure(found).axes
    assert [len(series) for series in bars(axes)] == [len(faults.CORRELATIONS)] * 2


@pytest.mark.parametrize(("hits", "low", "high"), [(50, 0.404, 0.596), (0, 0.0, 0.037), (100, 0.963, 1.0)])
def test_the_interval_of_a_share(hits, low, high):
    found = faults.share(np.array([True] * hits + [False] * (100 - hits)))
    assert (found.low, found.value, found.high) == (
        pytest.approx(low, abs=0.001), hits / 100, pytest.approx(high, abs=0.001),
    )  # fmt: skip
