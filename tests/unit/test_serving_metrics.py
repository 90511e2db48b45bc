"""What a server's level amounts to: from samples, from a client's aggregates, from the server's counters."""

import numpy as np
import pandas as pd
import pytest
from serving_example import NO_SAMPLES, RUN, aggregates, failing, level, request, samples

from cotejo.errors import CotejoError
from cotejo.floors import SAMPLE_FLOORS, floor_of
from cotejo.serving_metrics import Seen, metrics, seen, server_metrics


def values(rows, load="closed", run=None, **changes):
    found = metrics(samples(rows), level(rows, load, **changes), {**RUN, **(run or {})})
    return {metric.name: metric.value for metric in found}


# From samples.


def test_the_headline_of_text_is_its_tokens_and_all_rates_are_of_the_whole_window():
    rows = [request(0, 1), request(1, 1), failing(2)]
    found = values(rows)
    assert list(found)[:2] == ["tokens_per_s", "requests_per_s"]
    assert found["tokens_per_s"] == pytest.approx(18 / 10)
    assert found["requests_per_s"] == pytest.approx(2 / 10)
    assert found["characters_per_s"] == pytest.approx(72 / 10)


def test_the_headline_of_what_has_no_tokens_is_its_requests():
    rows = [{**request(0, 1), "tokens_out": None, "first_token_s": None}]
    for row in rows:
        del row["characters_out"], row["gaps_ms"]
    found = values(rows)
    assert next(iter(found)) == "requests_per_s"
    assert not {"tokens_per_s", "characters_per_s", "ttft_p50_ms", "itl_p50_ms"} & set(found)


def test_tokens_that_some_answers_do_not_tell_are_no_throughput():
    assert values([request(0, 1), request(1, 1, tokens_out=None)])["tokens_per_s"] is None


def test_open_loads_count_from_when_a_request_was_due_and_give_the_service_time_beside():
    found = values([request(0, 1, late_s=0.5)] * 44, load="open")
    assert found["latency_p50_ms"] == found["latency_p90_ms"] == pytest.approx(1500)
    assert found["service_p50_ms"] == found["service_p90_ms"] == pytest.approx(1000)
    assert found["ttft_p50_ms"] == pytest.approx(600)
    assert found["latency_mean_ms"] == pytest.approx(1500)


def test_closed_loads_have_no_service_time_beside():
    assert not any(name.startswith("service") for name in values([request(0, 1)]))


def test_a_client_that_does_not_tell_when_it_sent_has_no_service_time():
    assert not any(name.startswith("service") for name in values([request(0, 1, sent_s=None)], load="open"))


def test_percentiles_stand_from_their_floors_on():
    few, enough = values([request(0, 1)] * 458), values([request(0, 1)] * 459)
    for name in ("latency_p99_ms", "ttft_p99_ms", "characters_p1_per_s", "itl_p99_ms"):
        assert few[name] is None and enough[name] is not None
    assert values([request(0, 1)] * 43)["characters_p10_per_s"] is None
    assert values([request(0, 1)] * 44)["characters_p10_per_s"] == pytest.approx(36)


def test_times_are_told_at_the_percentiles_of_the_rates_of_characters_beside_them():
    found = values([request(0, 1)] * 229 + [request(0, 3)] * 230)
    assert found["latency_p1_ms"] == found["latency_p5_ms"] == found["latency_p10_ms"] == pytest.approx(1000)
    assert found["latency_p90_ms"] == pytest.approx(3000)
    assert found["characters_mean_per_s"] == pytest.approx((229 * 36 + 230 * 12) / 459)
    row = {**request(0, 1)}
    del row["characters_out"]
    assert not {"latency_p10_ms", "characters_mean_per_s"} & set(values([row] * 459))


def test_a_client_that_prints_more_percentiles_has_those():
    row = {**request(0, 1)}
    del row["characters_out"]
    found = values([row] * 459, run={**RUN, "client": "hey"})
    names = [name for name in found if name.startswith("latency_p")]
    assert names == [f"latency_p{q}_ms" for q in (10, 25, 50, 75, 90, 95, 99)]


def test_gaps_between_tokens_are_pooled_but_have_the_floors_of_requests():
    rows = [request(0, 1, gaps_ms="10 20 30 40")] * 200
    found = values(rows)
    assert found["itl_p50_ms"] == pytest.approx(25)
    assert found["itl_p99_ms"] is None


def test_time_per_output_token_is_that_of_the_further_ones():
    assert values([request(0, 1)])["tpot_p50_ms"] == pytest.approx(900 / 8)
    assert "tpot_p50_ms" not in values([request(0, 1, tokens_out=1)])


def test_goodput_is_of_every_attempt_and_of_all_limits_at_once():
    rows = [request(0, 1), request(0, 2), request(0, 3), failing(0)]
    limits = {"limit_latency_ms": 2500, "limit_ttft_ms": 150}
    assert values(rows, run=limits)["goodput_percent"] == pytest.approx(25)
    assert values(rows, run=limits)["goodput_per_s"] == pytest.approx(0.1)
    assert values(rows, run={"limit_latency_ms": 2500})["goodput_percent"] == pytest.approx(50)
    assert values(rows, run={"limit_tpot_ms": 250})["goodput_percent"] == pytest.approx(50)
    assert "goodput_percent" not in values(rows)


def test_one_token_keeps_any_limit_of_further_ones_and_what_does_not_show_keeps_none():
    rows = [request(0, 1, tokens_out=1), request(0, 1, first_token_s=None)]
    assert values(rows, run={"limit_tpot_ms": 1})["goodput_percent"] == pytest.approx(50)
    assert values(rows, run={"limit_ttft_ms": 1e6})["goodput_percent"] == pytest.approx(50)


def test_a_level_without_a_good_request_has_no_value():
    found = values([failing(0), failing(1)])
    assert found["requests_per_s"] == 0
    assert found["latency_p50_ms"] is None and found["latency_mean_ms"] is None


# From what a client reports.


def test_aggregates_are_taken_as_they_are_with_the_headline_first():
    found = metrics(NO_SAMPLES, aggregates(60, latency_mean_ms=92.589, requests_per_s=10.25), RUN)
    assert [tuple(metric) for metric in found] == [
        ("requests_per_s", 10.25, "requests/s", "higher"),
        ("latency_mean_ms", 92.589, "ms", "lower"),
    ]


@pytest.mark.parametrize(("requests", "told"), [(458, False), (459, True)])
def test_reported_percentiles_have_the_same_floors(requests, told):
    assert metrics(NO_SAMPLES, aggregates(16, latency_p75_ms=80.0), RUN)[0].value is None
    assert metrics(NO_SAMPLES, aggregates(17, latency_p75_ms=80.0), RUN)[0].value == 80
    (metric,) = metrics(NO_SAMPLES, aggregates(requests, latency_p99_ms=80.0), RUN)
    assert (metric.value is not None) == told


@pytest.mark.parametrize("name", ["latency_p100_ms", "throughput", "latency_p99_us"])
def test_what_is_no_metric_of_a_client_is_refused(name):
    with pytest.raises(CotejoError, match=rf"reported: {name}: no metric of a client"):
        metrics(NO_SAMPLES, aggregates(9, **{name: 1.0}), RUN)


def test_a_client_of_aggregates_may_say_how_many_requests_were_sent_on_time():
    told = level([], "open", requests=100, reported={"requests_per_s": 4.9, "sent_on_time_percent": 98.3})
    assert [tuple(metric) for metric in metrics(NO_SAMPLES, told, RUN)][1] == (
        "sent_on_time_percent", 98.3, "%", "higher",
    )  # fmt: skip
    assert seen(NO_SAMPLES, told).on_time == pytest.approx(0.983)
    assert seen(NO_SAMPLES, aggregates(9, requests_per_s=1.0)).on_time is None


def test_samples_win_over_what_the_client_says_of_itself():
    rows = [request(0, 1)]
    assert values(rows, reported={"requests_per_s": 99.0})["requests_per_s"] == pytest.approx(0.1)


@pytest.mark.parametrize("q", SAMPLE_FLOORS)
def test_the_floor_of_any_percentile_is_that_of_the_table_where_it_has_one(q):
    assert floor_of(q) == SAMPLE_FLOORS[q]
    if q != 50:
        share = max(q, 100 - q) / 100
        assert 1 - share ** floor_of(q) >= 0.99 > 1 - share ** (floor_of(q) - 1)


# By the server.


def test_counters_are_means_over_the_servers_own_requests():
    counted = {"requests": 20, "queue_s": 1.0, "compute_s": 3.0, "inference_s": 5.0, "executions": 5}
    found = {metric.name: metric.value for metric in server_metrics(level([], server=counted))}
    assert found == pytest.approx({"queue_ms": 50, "compute_ms": 150, "inference_ms": 250, "batch_size": 4})


@pytest.mark.parametrize("counted", [None, {}, {"requests": 0, "queue_s": 0.0}])
def test_a_server_that_counted_nothing_has_no_metric(counted):
    assert server_metrics(level([], server=counted)) == []


# What the client saw.


def test_the_client_saw_every_attempt_and_answers_from_when_they_were_sent():
    rows = [request(0, 1, late_s=2), request(1, 3), failing(2)]
    found = seen(samples(rows), level(rows))
    assert found == Seen(3, 2, pytest.approx(2), pytest.approx(9), None, streams=True, all_told=True)


def test_an_arrival_that_was_late_or_never_sent_was_not_on_time():
    rows = [request(i / 100, 1) for i in range(98)]
    rows += [request(0.98, 1, late_s=0.0011), request(0.99, 1, sent_s=None, done_s=None, ok=0)]
    assert seen(samples(rows), level(rows, "open")).on_time == pytest.approx(0.98)


def test_seldom_arrivals_may_be_later():
    """A tenth of the mean time between two: 100 ms where one comes each second."""
    rows = [request(i, 1, late_s=0.09) for i in range(20)]
    assert seen(samples(rows), level(rows, "open")).on_time == 1


def test_a_client_that_tells_no_instant_of_sending_is_not_held_to_be_on_time():
    rows = [request(i, 1, sent_s=None) for i in range(20)]
    assert seen(samples(rows), level(rows, "open")).on_time is None


def test_aggregates_tell_means():
    reported = {"requests_per_s": 10.0, "tokens_per_s": 90.0, "latency_mean_ms": 200.0}
    found = seen(NO_SAMPLES, aggregates(100, **reported))
    assert found == Seen(100, 100, pytest.approx(0.2), pytest.approx(9))


def test_a_level_of_samples_as_csv_reads_them_is_the_same(tmp_path):
    rows = [request(0, 1), failing(1)]
    samples(rows).to_csv(tmp_path / "samples.csv", index=False)
    read = pd.read_csv(tmp_path / "samples.csv")
    first, second = metrics(samples(rows), level(rows), RUN), metrics(read, level(rows), RUN)
    assert [metric[:2] for metric in first] == [metric[:2] for metric in second]
    assert np.isfinite(first[0].value)
