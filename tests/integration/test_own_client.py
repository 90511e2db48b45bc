"""Our own client against servers whose behaviour is known, and against servers that fail."""

import signal
import socket
from pathlib import Path

import numpy as np
import pytest
from faulty import FAULTS, faulty_server
from loading import closed, driven, job_of, known_server, open_at, start

from cotejo.clients import own
from cotejo.load import LoadLevel
from cotejo.samples import Level
from cotejo.stats import percentile_ms

# Service times so long that 2 % of them are more than another process may hold up this one for.
SERVICE_S = 0.3
LOADS = (closed(60), open_at(200), open_at(200, "constant"))


def near(measured: float | None, truth: float | None) -> bool:
    """Within 2 % or 0.5 ms."""
    assert measured is not None and truth is not None
    return abs(measured - truth) <= max(0.02 * truth, 0.5)


def column(level: Level, name: str) -> np.ndarray:
    return np.array([sample[name] for sample in level.samples])


@pytest.mark.parametrize(
    ("load", "sigma"),
    [(LOADS[0], 0.0), (LOADS[0], 0.5), (LOADS[1], 0.5), (LOADS[2], 0.0)],
    ids=["closed-fixed", "closed-log-normal", "poisson-log-normal", "constant-fixed"],
)
def test_latencies_are_the_truth(tmp_path: Path, load: LoadLevel, sigma: float) -> None:
    with known_server(tmp_path, median_s=SERVICE_S, sigma=sigma) as server:
        level = driven(job_of(tmp_path, server.port, load, stream=False, duration_s=3.0))
    truth = server.between(level.start_monotonic_s, level.start_monotonic_s + 3.0)
    # What is sent at the window's very edge arrives beyond it.
    assert abs(len(level.samples) - len(truth)) <= (load.concurrency or 3)
    assert all(sample["ok"] for sample in level.samples)
    measured_s, true_s = column(level, "done_s") - column(level, "scheduled_s"), truth[:, 2] - truth[:, 0]
    for q in (50, 90, 99):
        assert near(percentile_ms(measured_s, q), percentile_ms(true_s, q)), q


@pytest.mark.parametrize("load", LOADS[:2], ids=lambda load: load.load)
def test_times_of_tokens_are_the_truth(tmp_path: Path, load: LoadLevel) -> None:
    with known_server(tmp_path, median_s=SERVICE_S, sigma=0.3, tokens=8, pace_s=0.025) as server:
        level = driven(job_of(tmp_path, server.port, load, new_tokens=8, duration_s=3.0))
    truth = server.between(level.start_monotonic_s, level.start_monotonic_s + 3.0)
    # What is sent at the window's very edge arrives beyond it.
    assert abs(len(level.samples) - len(truth)) <= (load.concurrency or 3)
    assert all(sample["ok"] for sample in level.samples)
    first_s, done_s = column(level, "first_token_s"), column(level, "done_s")
    assert set(column(level, "tokens_out")) == {8} and set(column(level, "tokens_by")) == {"usage"}
    assert near(percentile_ms(first_s - column(level, "scheduled_s"), 50), percentile_ms(truth[:, 1] - truth[:, 0], 50))
    assert near(percentile_ms(first_s - column(level, "scheduled_s"), 90), percentile_ms(truth[:, 1] - truth[:, 0], 90))
    assert near(percentile_ms((done_s - first_s) / 7, 50), percentile_ms((truth[:, 2] - truth[:, 1]) / 7, 50))
    gaps_ms = np.array([float(gap) for gaps in column(level, "gaps_ms") for gap in gaps.split()])
    assert len(gaps_ms) == 7 * len(level.samples) and abs(np.median(gaps_ms) - 25) <= 0.5


def test_an_open_load_shows_a_stall_which_a_closed_one_hides(tmp_path: Path) -> None:
    seen = {}
    for load in (open_at(200, "constant"), closed(2)):
        with known_server(tmp_path, median_s=0.005, stalls=[[1.5, 2.5]]) as server:
            level = driven(job_of(tmp_path, server.port, load, stream=False, duration_s=3.0))
        seen[load.load] = percentile_ms(column(level, "done_s") - column(level, "scheduled_s"), 99)
    assert seen["open"] > 900 and seen["closed"] < 100


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
    with faulty_server(lambda number, elapsed_s: "hang" if elapsed_s > 1.5 else "good") as server:
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
