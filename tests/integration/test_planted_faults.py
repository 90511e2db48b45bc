"""Faults planted into real measurements, from the measured process to the summary's verdict and reason."""

from pathlib import Path
from typing import Any

from bench import RUN

from cotejo.record import folder_name
from cotejo.summary import read_attempt, summarise
from cotejo.verdict import THRESHOLDS

REPEATS = 2
WORKER = str(Path(__file__).with_name("planted_worker.py"))


def verdict(bench: Any, behave: str, duration_s: float) -> tuple[str, list[str]]:
    """The verdict on a run's throughput, and its reasons, after some repeats with this fault."""
    attempts = []
    for repeat in range(1, REPEATS + 1):
        bench.output = bench.folder / "records" / "local" / folder_name(RUN) / f"r{repeat}.json"
        record = bench.measure(told={"worker": WORKER, "repeat": repeat}, behave=behave, duration_s=duration_s)
        assert record["status"] == "ok", record["message"]
        attempts.append(read_attempt(bench.output))
    summary = summarise([record["run"]], attempts, THRESHOLDS)
    row = next(row for row in summary.to_dict("records") if row["metric"] == "tokens_per_s")
    return row["verdict"], row["reasons"].split("; ")


def test_requests_that_become_slower_are_unsteady(bench):
    word, reasons = verdict(bench, "drift", duration_s=6)
    assert word in ("unsteady", "noisy")  # noisy is worse, and this machine may have been it
    assert [reason for reason in reasons if reason.startswith("drift: ")]


def test_stalls_are_unsteady(bench):
    word, reasons = verdict(bench, "stall", duration_s=8)
    assert word in ("unsteady", "noisy")
    assert [reason for reason in reasons if reason.startswith("stalls: ")]


def test_steady_requests_are_neither(bench):
    word, reasons = verdict(bench, "none", duration_s=3)
    assert word in ("smoke", "noisy")
    assert not [reason for reason in reasons if reason.startswith(("drift", "stalls", "Little"))]
