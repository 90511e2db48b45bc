"""Whether a server's load was what it says: the client's part, the schedule, the counters."""

import pytest
from record_example import TELEMETRY, changed
from serving_example import SERVED, level, request

from cotejo.command import ROOT
from cotejo.serving_metrics import Seen
from cotejo.verdict import CHECKS, THRESHOLDS, Evidence, serving
from cotejo.verdict.serving import client_limit, counters, identical_inputs, sent_on_time, shared_cores, stand_in

SEEN = Seen(100, 100, mean_s=0.2, tokens_out=9.0, streams=False, all_told=True)
ROWS = [request(0, 0.2)] * 100


def found(check, *repeats, load="closed"):
    """What a check says of repeats, each given as (changes to the level, changes to the record, what was seen)."""
    records = []
    for changes, facts, _ in repeats:
        records.append(changed(SERVED, levels=[level(ROWS, load, **changes)], **facts))
    evidence = Evidence(records, records[0]["levels"][0]["level"], (), (), "", [each for *_, each in repeats])
    return [tuple(finding) for finding in check(evidence, THRESHOLDS)]


def test_in_process_nothing_is_found():
    for check in serving.CHECKS:
        assert check(Evidence([SERVED], "single-stream", (), (), ""), THRESHOLDS) == []


def test_its_checks_and_bounds_are_among_all():
    assert set(serving.CHECKS) <= set(CHECKS)
    assert set(serving.THRESHOLDS) <= set(THRESHOLDS)
    text = (ROOT / "config/config.yaml").read_text()
    assert all(f"  {key}: {value}" in text for key, value in serving.THRESHOLDS.items())


# The client's part.


def on_shared_cores(cores):
    """The server has one CPU."""
    return {"telemetry": {**TELEMETRY, "client_cpu_cores": cores}}, {"client__shared_cores": True}, SEEN


def test_a_client_that_holds_the_engine_has_no_limit_of_its_own():
    alone = {"client__engine": True, "client__calibration": None}
    assert found(client_limit, ({}, alone, SEEN), ({}, alone, SEEN)) == []
    assert found(client_limit, ({}, {"client__calibration": None}, SEEN)) == [("smoke", "client not calibrated")]


def test_a_client_on_cpus_of_its_own_says_nothing():
    assert found(shared_cores, ({}, {}, SEEN)) == []


def test_a_client_that_takes_little_of_the_servers_cpus_shows():
    assert found(shared_cores, on_shared_cores(0.01), on_shared_cores(0.02)) == [
        ("publishable", "shared-cores: client 2 % of the pinned CPUs' time (bound 3 %)")
    ]


def test_a_client_that_takes_much_of_them_is_a_disturbance():
    assert found(shared_cores, on_shared_cores(0.01), on_shared_cores(0.25)) == [
        ("noisy", "shared-cores: client 25 % of the pinned CPUs' time (bound 3 %)")
    ]


@pytest.mark.parametrize("telemetry", [None, {**TELEMETRY, "client_cpu_cores": None}])
def test_a_client_of_unknown_time_is_not_proven_harmless(telemetry):
    ((word, reason),) = found(shared_cores, ({"telemetry": telemetry}, {"client__shared_cores": True}, SEEN))
    assert word == "smoke" and "unknown" in reason


@pytest.mark.parametrize(("attempts", "word"), [(5000, None), (5010, "smoke")])
def test_a_level_that_needs_over_half_of_the_clients_rate_is_flagged(attempts, word):
    """Of 1000 requests/s, in 10 s."""
    said = found(client_limit, ({}, {}, SEEN), ({}, {}, SEEN._replace(requests=attempts)))
    assert [finding[0] for finding in said] == ([word] if word else [])
    if word:
        assert said[0][1] == "client-limit: 50.1 % of the rate that the client reaches in 1 of 2 repeats (bound 50 %)"


def test_streamed_answers_are_held_against_the_streaming_rate():
    (finding,) = found(client_limit, ({}, {}, SEEN._replace(requests=4000, streams=True)))
    assert finding[1].startswith("client-limit: 80 % ")


@pytest.mark.parametrize("calibration", [None, {"closed_rps": 1000.0, "streaming_rps": None}])
def test_a_client_of_unknown_rate_is_not_proven_apart(calibration):
    said = found(client_limit, ({}, {"client__calibration": calibration}, SEEN._replace(streams=True)))
    assert said == [("smoke", "client not calibrated")]


# The schedule.


@pytest.mark.parametrize(("share", "words"), [(1.0, []), (0.99, []), (0.9899, ["failed"])])
def test_an_open_level_sent_late_is_invalid(share, words):
    said = found(
        sent_on_time, ({}, {}, SEEN._replace(on_time=1.0)), ({}, {}, SEEN._replace(on_time=share)), load="open"
    )
    assert [word for word, _ in said] == words
    if words:
        assert said[0][1] == "invalid: 98.9 % of the arrivals sent on time in 1 of 2 repeats (bound 99 %)"


def test_an_open_level_whose_sending_is_not_told_is_not_proven():
    assert found(sent_on_time, ({}, {}, SEEN), load="open") == [
        ("smoke", "unknown whether the arrivals were sent on time")
    ]


def test_a_closed_level_has_no_schedule():
    assert found(sent_on_time, ({}, {}, SEEN)) == []


# The counters.


def counted(seen=SEEN, warmup=0, **of_server):
    return {"server": of_server, "warmup_requests": warmup}, {}, seen


def test_counters_that_agree_say_nothing():
    agreeing = counted(requests=110, tokens_out=990, inference_s=20.9, warmup=10)
    assert found(counters, agreeing, ({"server": None}, {}, SEEN)) == []


@pytest.mark.parametrize("requests", [92, 108])
def test_requests_that_only_one_side_counted(requests):
    assert found(counters, counted(requests=requests), counted(requests=100)) == [
        ("unsteady", f"counters: server {requests} requests, client 100 (bound 5 %) in 1 of 2 repeats")
    ]


def test_a_client_that_tells_only_its_best_window_may_have_sent_more_but_never_less():
    partly = SEEN._replace(all_told=False)
    assert found(counters, counted(partly, requests=300)) == []
    assert found(counters, counted(partly, requests=50))[0][0] == "unsteady"


def test_tokens_that_the_client_did_not_see():
    assert found(counters, counted(requests=100, tokens_out=1000)) == [
        ("unsteady", "counters: server 10 tokens a request, client 9 (bound 5 %) in 1 of 1 repeats")
    ]


@pytest.mark.parametrize(("server_s", "word"), [(17.9, "publishable"), (18.1, None), (21.9, None), (22.1, "unsteady")])
def test_a_request_that_took_the_server_longer_than_the_client_is_none(server_s, word):
    said = found(counters, counted(requests=100, inference_s=server_s))
    assert [finding[0] for finding in said] == ([word] if word else [])


def test_times_below_a_millisecond_agree():
    quick = SEEN._replace(mean_s=0.0012)
    assert found(counters, counted(quick, requests=100, inference_s=0.03)) == []


# What shows.


def test_identical_inputs_show_and_cost_nothing():
    assert found(identical_inputs, ({"inputs": "identical"}, {}, SEEN)) == [
        ("publishable", "identical inputs: one request over and over")
    ]
    assert found(identical_inputs, ({}, {}, SEEN)) == []


def test_a_stand_in_is_never_publishable():
    said = found(stand_in, ({}, {"server__stand_in": True, "server__name": "tgi-stand-in"}, SEEN))
    assert said == [("smoke", "stand-in: tgi-stand-in only imitates its server")]
    assert found(stand_in, ({}, {}, SEEN)) == []
