"""Our own client against servers that fail: every attempt counts, and it ends when it is told to."""

import signal
import socket
from pathlib import Path

import pytest
from faulty import FAULTS, faulty_server
from loading import closed, driven, job_of, known_server, open_at, start

from cotejo.clients import own
from cotejo.load import LoadLevel

pytestmark = pytest.mark.beside

BOTH = pytest.mark.parametrize("load", [closed(4), open_at(40)], ids=lambda load: load.load)


@BOTH
def test_every_attempt_is_a_row_with_its_error(tmp_path: Path, load: LoadLevel) -> None:
    with faulty_server() as server:
        level = driven(job_of(tmp_path, server.port, load, duration_s=3.0, request_timeout_s=0.5))
    said = [str(sample.get("error")) for sample in level.samples if not sample["ok"]]
    found = {kind: [error for error in said if words in error] for kind, words in FAULTS.items()}
    assert all(found.values()), said
    assert sum(map(len, found.values())) == len(said)
    good = [sample for sample in level.samples if sample["ok"]]
    assert good and all(sample["tokens_out"] == 1 and not sample.get("error") for sample in good)
    assert [sample["index"] for sample in level.samples] == list(range(len(level.samples)))
    hung = [sample for sample in level.samples if "TimeoutError" in str(sample.get("error"))]
    assert all(0.5 <= sample["done_s"] - sample["sent_s"] < 1 for sample in hung)
    assert {sample["status"] for sample in level.samples if "HTTP 500" in str(sample.get("error"))} == {500}


@BOTH
def test_a_server_that_goes_away_leaves_rows_of_refused_attempts(tmp_path: Path, load: LoadLevel) -> None:
    with faulty_server(lambda number, elapsed_s: "gone" if elapsed_s > 1.5 else "good") as server:
        level = driven(job_of(tmp_path, server.port, load, duration_s=3.0))
    refused = [sample for sample in level.samples if "ConnectionRefusedError" in str(sample.get("error"))]
    assert any(sample["ok"] for sample in level.samples)
    assert refused and all(row["sent_s"] is None and row["done_s"] > row["scheduled_s"] for row in refused)
    assert 3.0 <= level.duration_s < 3.5


def test_a_server_that_is_not_there_is_an_error_and_no_level(tmp_path: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        job = job_of(tmp_path, unused.getsockname()[1], closed(2))
        with start(job) as process:
            _, errors = process.communicate(timeout=30)
    assert process.returncode == 1 and not (job.folder / own.OUTPUT).exists()
    assert errors.startswith(
        "error: level concurrency-2: every request of the warm-up failed, the last with Connection"
    )


@BOTH
def test_a_client_told_to_stop_writes_down_what_it_has(tmp_path: Path, load: LoadLevel) -> None:
    # The warm-up has a hundred at most: four at once, 20 ms each, for half a second.
    with faulty_server(lambda number, elapsed_s: "hang" if number > 120 else "good") as server:
        job = job_of(tmp_path, server.port, load, duration_s=50.0)
        with start(job) as process:
            assert server.hangs.wait(20)
            process.send_signal(signal.SIGTERM)
            output, errors = process.communicate(timeout=10)
    assert process.returncode == 0, errors
    level = own.read(job, 0.0, output)
    assert any(sample["ok"] for sample in level.samples) and level.duration_s < 20
    assert "told to stop" in level.samples[-1]["error"]


def test_a_stopping_rule_ends_a_closed_level(tmp_path: Path) -> None:
    with known_server(tmp_path, median_s=0.02, sigma=0.1) as server:
        rule = {"stop_width": 0.2, "stop_least_s": 0.2}
        level = driven(job_of(tmp_path, server.port, closed(8), stream=False, duration_s=30.0, **rule))
    assert level.ended_by == "interval" and level.duration_s < 10
    assert level.stopping is not None and level.stopping["width"] < 0.2
