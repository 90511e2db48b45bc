"""Clients against the null server."""

import shutil
import socket
from pathlib import Path

import pytest
from loading import closed, driven, job_of, server_process

from cotejo.affinity import Watch, mask, pin_command
from cotejo.child import nothing_left
from cotejo.clients import client
from cotejo.clients.calibration import calibrate
from cotejo.errors import CotejoError
from cotejo.session import Setting

beside = pytest.mark.beside
SETTINGS = '{"new_tokens": 5, "caption_tokens": 7}'


def setting(folder: Path) -> Setting:
    cpus = frozenset(mask())
    return Setting(pin_command(cpus), Watch(cpus), folder / "log")


@beside
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("api", ["openai-chat", "openai-completions", "tgi-generate"])
def test_our_client_is_answered_by_every_apis_null_server(tmp_path: Path, api: str, stream: bool) -> None:
    arguments = ("-m", "cotejo.clients.null_server", "--api", api, "--run", SETTINGS)
    with server_process(*arguments) as (_, port):
        level = driven(
            job_of(tmp_path, port, closed(2), api, stream=stream, new_tokens=5, warmup_s=0.1, duration_s=0.2)
        )
    assert level.samples and all(sample["ok"] and sample["tokens_out"] == 5 for sample in level.samples)
    assert all(
        ("first_token_s" in sample and sample["first_token_s"] is not None) == stream for sample in level.samples
    )


@beside
@pytest.mark.parametrize(
    ("version", "header", "kept"),
    [
        ("1.1", "X: y", True),
        ("1.1", "Connection: close", False),
        ("1.0", "X: y", False),
        ("1.0", "Connection: Keep-Alive", True),
    ],
)
def test_the_null_server_closes_a_connection_when_asked(version: str, header: str, kept: bool) -> None:
    request = f"POST / HTTP/{version}\r\n{header}\r\nContent-Length: 2\r\n\r\n{{}}".encode()
    with (
        server_process("-m", "cotejo.clients.null_server", "--api", "openai-chat", "--run", SETTINGS) as (_, port),
        socket.create_connection(("127.0.0.1", port), timeout=10) as connection,
    ):
        connection.sendall(request)
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 OK")
        if kept:
            connection.sendall(request)
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 OK") == kept  # or nothing, at the end


def test_our_own_client_is_calibrated_whole_and_streamed(tmp_path: Path) -> None:
    job = job_of(tmp_path, 1, closed(1))
    with nothing_left():
        found = calibrate(client("cotejo"), job, setting(tmp_path), setting(tmp_path))
    assert found is not None and None not in found.values()
    assert found["closed_rps"] > 1000 and found["closed_rps"] > found["streaming_rps"] > 50
    assert 0 < found["added_latency_p50_ms"] < 5 and found["added_latency_p50_ms"] <= found["added_latency_p99_ms"]


@beside
def test_a_tool_that_never_streams_has_no_rate_of_streams(tmp_path: Path) -> None:
    if shutil.which("hey") is None:
        pytest.skip("hey is not installed: apt-get install hey")
    job = job_of(tmp_path, 1, closed(1), client="hey")
    with nothing_left():
        found = calibrate(client("hey"), job, setting(tmp_path), setting(tmp_path))
    assert found is not None and found["closed_rps"] > 100 and found["streaming_rps"] is None


@beside
def test_a_client_for_which_the_null_server_is_not_enough_is_not_calibrated(tmp_path: Path) -> None:
    found = calibrate(client("perf_analyzer"), job_of(tmp_path, 1, closed(1)), setting(tmp_path), setting(tmp_path))
    assert found is None


@beside
def test_a_client_that_fails_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job = job_of(tmp_path, 1, closed(1))
    (job.dataset_folder / "dataset.json").unlink()
    with (
        nothing_left(),
        pytest.raises(CotejoError, match=r"exit code 1 at a null server\. Its last line: error: .*no such"),
    ):
        calibrate(client("cotejo"), job, setting(tmp_path), setting(tmp_path))
