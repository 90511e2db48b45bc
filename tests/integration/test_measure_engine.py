"""What becomes of a client that brings the engine itself, whatever it does: measured, and stopped, as a server is."""

import os
import signal
from typing import Any

import pytest
from bench import await_end, pids_in

pytestmark = pytest.mark.beside

ENGINE: dict[str, Any] = {"client": "fake-engine", "load": "offline"}


def test_its_process_is_what_is_measured_and_no_server_is_started(serving_bench):
    record = serving_bench.measure(**ENGINE)
    assert (record["status"], record["message"]) == ("ok", None)
    server, client, affinity = record["server"], record["client"], record["affinity"]
    assert server["command"] == [] and server["ready_s"] is None and not server["key"]
    assert client["engine"] and client["calibration"] is None and not client["shared_cores"]
    assert client["version"] == server["version"] == "1.2.3"
    assert client["cpus"] == affinity["expected_cpus"] == affinity["observed_cpus"]
    assert record["command"] == client["command"] and client["command"][0] == "numactl"
    [level] = record["levels"]
    assert (level["level"], level["requests"], level["server"]) == ("offline", 4, None)
    assert level["telemetry"]["cpu_cores"] > 0.1 and not level["telemetry"]["client_cpu_cores"]
    assert record["process"]["exit_code"] == 0 and record["process"]["cpu_s"] > 0.4
    assert record["process"]["load_s"] is None


@pytest.mark.parametrize(
    ("behave", "reason", "message"),
    [
        ("missing", "client-missing", "no-such-engine: there is no such program. Install it, or put its folder on"),
        ("exit", "client-failed", "offline: the client ended by exit code 1: ValueError: no such layer"),
        ("memory", "out-of-memory", "offline: RuntimeError: DefaultCPUAllocator: can't allocate memory"),
        ("silent", "client-failed", "offline: vllm bench's output: it said nothing: it wrote no result.json"),
        ("hang", "timeout", "offline: the client had not ended after "),
    ],
)
def test_what_befalls_it_is_the_records_reason(serving_bench, behave, reason, message):
    record = serving_bench.measure(behave=behave, timeout_s=2 if behave == "hang" else 60, **ENGINE)
    assert (record["status"], record["reason"]) == ("failed", reason)
    assert message in record["message"]
    assert record["levels"] == [] and bool(record["process"]) == bool(record["command"]) == (behave != "missing")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_leaves_nothing(serving_bench, number):
    process = serving_bench.start(behave="hang", **ENGINE)
    started = pids_in(serving_bench.pids, process)
    os.kill(process.pid, number)
    await_end(started)
    process.communicate(timeout=30)
    assert process.returncode != 0 and not serving_bench.output.exists()
