"""Our own client against servers whose behaviour is known: what it measures is the truth."""

from pathlib import Path

import numpy as np
import pytest
from loading import closed, driven, job_of, known_server, open_at

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
    # Where the machine itself stands still for some milliseconds, a whole round of the closed load is late, a tenth of
    # all requests. That befalls one attempt in some, but a client that is wrong is wrong in each.
    assert any(tells_the_truth(tmp_path / f"{attempt}", load, sigma) for attempt in range(3))


def tells_the_truth(folder: Path, load: LoadLevel, sigma: float) -> bool:
    folder.mkdir()
    with known_server(folder, median_s=SERVICE_S, sigma=sigma) as server:
        level = driven(job_of(folder, server.port, load, stream=False, duration_s=3.0))
    truth = server.between(level.start_monotonic_s, level.start_monotonic_s + 3.0)
    # What is sent at the window's very edge arrives beyond it.
    assert abs(len(level.samples) - len(truth)) <= (load.concurrency or 3)
    assert all(sample["ok"] for sample in level.samples)
    measured_s, true_s = column(level, "done_s") - column(level, "scheduled_s"), truth[:, 2] - truth[:, 0]
    return all(near(percentile_ms(measured_s, q), percentile_ms(true_s, q)) for q in (50, 90, 99))


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
