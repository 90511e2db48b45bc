"""A server that behaves, measured whole: every level's counts agree, and none of it disturbs the other."""

import signal

import pandas as pd
import pytest

from cotejo import affinity
from cotejo.record import samples_path


@pytest.mark.skipif(len(affinity.mask()) < 2, reason="needs two CPUs")
def test_all_levels_are_measured_on_one_server_apart_from_its_clients(serving_bench):
    record = serving_bench.measure(told={"calibrate": True})
    assert (record["status"], record["message"]) == ("ok", None)
    levels = {level["level"]: level for level in record["levels"]}
    assert levels.keys() == {"concurrency-1", "concurrency-2"}
    for level in levels.values():
        # The server's own count has the warm-up in it, and whatever was under way when the window ended.
        assert level["requests"] < level["server"]["requests"] <= level["requests"] + level["warmup_requests"] + 4
        assert level["server"]["tokens_out"] == 4 * level["server"]["requests"]
        assert level["failed_requests"] == 0
        telemetry = level["telemetry"]
        assert telemetry["cpu_cores"] > 0
        assert telemetry["client_cpu_cores"] is not None  # a client as light as this may use less than a tick
    assert levels["concurrency-2"]["requests"] > 1.5 * levels["concurrency-1"]["requests"]

    server, client = record["server"], record["client"]
    assert (server["version"], server["model_served"], server["stand_in"], server["key"]) == (
        "1.2.3",
        "llama",
        True,
        True,
    )
    assert server["prepared"].keys() == {"fake.json"}
    assert record["command"] == server["command"]
    assert record["process"]["load_s"] == server["ready_s"] > 0
    assert record["process"]["exit_code"] == -signal.SIGTERM
    assert record["process"]["peak_rss_mib"] > 10
    assert (client["name"], client["shared_cores"]) == ("cotejo", False)
    assert client["command"][0] == "numactl"
    assert client["calibration"]["closed_rps"] > levels["concurrency-2"]["requests"]
    assert record["runtime"]["cpus"] == record["affinity"]["expected_cpus"] == record["affinity"]["observed_cpus"]
    assert not set(client["cpus"]) & set(record["affinity"]["expected_cpus"])
    assert record["marks"] == ["synthetic", "small", "stand-in"]

    samples = pd.read_csv(samples_path(serving_bench.output))
    assert samples.groupby("level").size().to_dict() == {name: level["requests"] for name, level in levels.items()}
    assert (samples["tokens_out"] == 4).all()
