"""What becomes of a server and its clients, whatever they do and whatever befalls them: with one that misbehaves."""

import json
import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pandas as pd
import pytest
from bench import alive, pids_in
from serving_bench import client_of

from cotejo import affinity, ports
from cotejo.record import samples_path
from cotejo.servers.interface import HOST

pytestmark = pytest.mark.beside


def test_the_key_is_in_no_log_and_no_record(serving_bench):
    record = serving_bench.measure(concurrency=1)
    assert record["status"] == "ok"
    log = serving_bench.output.with_suffix(".log").read_text()
    assert log == "fake server at work with key [key]\n"
    assert record["server"]["key"]
    words = [*record["server"]["command"], *record["client"]["command"]]
    assert not [word for word in words if "key" in word.replace(str(serving_bench.folder), "")]


def test_a_server_and_its_client_that_must_share_cpus_say_so(serving_bench):
    record = serving_bench.measure(cores="all", concurrency=1)
    assert record["status"] == "ok"
    assert record["client"]["shared_cores"]
    assert record["client"]["cpus"] == record["affinity"]["expected_cpus"]


@pytest.mark.parametrize(
    ("behave", "reason", "message"),
    [
        (
            "missing",
            "server-missing",
            "no-such-server: there is no such program. Install it, or put its folder on PATH",
        ),
        ("exit", "server-exited", "ended before it was ready: ValueError: no such layer"),
        ("never", "server-not-ready", "not ready after 2 s (ready_timeout_s): it answered, but no model was ready."),
        ("silent", "server-not-ready", "not ready after 2 s (ready_timeout_s): it listened on no port."),
        ("wrong", "wrong-model", "model: another: serves another model than llama"),
        (
            "die",
            "server-died",
            "the server ended by exit code 7 while it was measured: RuntimeError: the engine has died",
        ),
    ],
)
def test_what_befalls_the_server_is_the_records_reason(serving_bench, behave, reason, message):
    timeout = {"ready_timeout_s": 2} if reason == "server-not-ready" else {}
    record = serving_bench.measure(behave=behave, **timeout)
    assert (record["status"], record["reason"]) == ("failed", reason)
    assert message in record["message"]
    assert bool(record["command"]) == bool(record["process"]) == (behave != "missing")
    assert bool(record["levels"]) == (behave == "die")


def test_what_was_measured_before_the_server_died_is_kept(serving_bench):
    record = serving_bench.measure(behave="die", concurrency="1,2", duration_s=0.3)
    counts = {level["level"]: level["requests"] for level in record["levels"]}
    samples = pd.read_csv(samples_path(serving_bench.output))
    assert samples.groupby("level").size().to_dict() == counts
    assert (samples["ok"] == 1).sum() + sum(level["warmup_requests"] for level in record["levels"]) >= 8
    assert ", ".join(counts) in record["message"]


@pytest.mark.parametrize(
    ("behave", "error"),
    [
        ("refuse", "HTTP 500: .*overloaded"),
        ("truncate", "closed|truncated"),
        ("garbage", "JSON|not .*an answer|choices"),
    ],
)
def test_bad_answers_are_failed_samples(serving_bench, behave, error):
    record = serving_bench.measure(behave=behave, concurrency=2)
    level = record["levels"][0]
    samples = pd.read_csv(samples_path(serving_bench.output))
    failed = samples[samples["ok"] == 0]
    assert len(failed) == level["failed_requests"] > 0
    assert failed["error"].str.contains(error).all(), failed["error"].unique()
    if level["failed_requests"] == level["requests"]:
        assert (record["status"], record["reason"]) == ("failed", "error")
        assert f"concurrency-2: every one of {level['requests']} requests failed, the last with: " in record["message"]


def test_where_no_request_of_the_warm_up_goes_well_nothing_is_measured(serving_bench):
    record = serving_bench.measure(behave="refuse:0", concurrency=2)
    assert (record["status"], record["reason"], record["levels"]) == ("failed", "client-failed", [])
    assert "every request of the warm-up failed, the last with HTTP 500: " in record["message"]


def test_a_server_that_hangs_costs_each_request_its_time_out(serving_bench):
    record = serving_bench.measure(behave="hang", concurrency=2, request_timeout_s=1)
    samples = pd.read_csv(samples_path(serving_bench.output))
    assert not samples[samples["ok"] == 0].empty
    assert record["levels"][0]["failed_requests"] == (samples["ok"] == 0).sum()


def test_a_server_that_does_not_end_when_it_is_asked_to_is_killed(serving_bench):
    record = serving_bench.measure(behave="stubborn", concurrency=1, told={"stop_s": 0.5})
    assert record["status"] == "ok"
    assert record["process"]["exit_code"] == -signal.SIGKILL


class Stranger(BaseHTTPRequestHandler):
    """Another program that answers as the right server would."""

    def do_GET(self):
        body = json.dumps({"model": "llama"}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


@contextmanager
def stranger() -> Iterator[int]:
    """The port of another program."""
    server = HTTPServer((HOST, 0), Stranger)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize("behave", ["well", "deaf"])
def test_a_port_that_another_program_has_is_never_measured(serving_bench, behave):
    with stranger() as port:
        taken = [port, *ports.free_ports(["metrics"]).values()]
        record = serving_bench.measure(behave=behave, told={"ports": [taken, taken]})
    assert (record["status"], record["reason"]) == ("failed", "port-taken")
    assert record["message"] == f"port {port}: another program listens on it. Stop that program"


def test_a_server_whose_port_was_taken_is_started_again_on_another(serving_bench):
    with stranger() as port:
        taken = [port, *ports.free_ports(["metrics"]).values()]
        record = serving_bench.measure(concurrency=1, told={"ports": [taken]})
    assert record["status"] == "ok"
    assert str(port) not in record["server"]["command"]


def test_a_client_that_is_missing(serving_bench):
    record = serving_bench.measure(told={"client_python": "/nowhere/python"})
    assert (record["status"], record["reason"]) == ("failed", "client-missing")
    assert "/nowhere/python: there is no such program" in record["message"]
    assert record["process"]["exit_code"] == -signal.SIGTERM


def test_a_client_that_is_killed(serving_bench):
    process = serving_bench.start(duration_s=30)
    os.kill(client_of(process), signal.SIGKILL)
    record = serving_bench.finish(process)
    assert (record["status"], record["reason"]) == ("failed", "client-failed")
    assert "the client ended by SIGKILL" in record["message"]


def test_a_client_that_hangs_is_killed_when_the_repeats_time_is_over(serving_bench):
    process = serving_bench.start(timeout_s=6)
    os.kill(client_of(process), signal.SIGSTOP)
    record = serving_bench.finish(process)
    assert (record["status"], record["reason"]) == ("failed", "timeout")
    assert "the client had not ended after" in record["message"]


def test_a_launch_that_failed_starts_nothing(serving_bench):
    serving_bench.launched("failed", "golden", "it says otherwise")
    record = serving_bench.measure()
    assert (record["status"], record["reason"], record["message"]) == ("failed", "golden", "it says otherwise")
    assert (record["command"], record["process"], record["levels"], record["samples"]) == ([], None, [], None)
    assert record["server"]["name"] == "transformers-serve"
    assert not serving_bench.pids.exists()


def test_a_launch_of_something_else_is_an_error(serving_bench):
    (serving_bench.folder / "prepared" / "fake.json").write_text('{"other": 1}')
    process = serving_bench.start()
    _, said = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "launch.json: prepared: is not that of what lies in" in said
    assert not serving_bench.output.exists()


def listening(process: subprocess.Popen) -> list[int]:
    """The ports on which a process's descendants listen."""
    own = ports.sockets_of(affinity.process_tree(process.pid))
    return [listener.port for listener in ports.listeners(range(1, 1 << 16)) if listener.inode in own]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_an_interruption_leaves_no_process_no_port_and_no_record(serving_bench, number):
    process = serving_bench.start(duration_s=60)
    client = client_of(process)
    started = pids_in(serving_bench.pids, process)
    held = listening(process)
    assert len(held) == 2
    process.send_signal(number)
    process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert not any(map(alive, [*started, client]))
    serving_bench.prove_nothing_runs()
    assert ports.listeners(held) == []
    assert not serving_bench.output.exists()
    assert list(serving_bench.temporary.iterdir()) == []
