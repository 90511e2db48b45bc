"""Whether the machine was quiet, from the measured process to the verdict."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cotejo import affinity
from cotejo.verdict import THRESHOLDS, Evidence, judge, level_findings

REPEATS = 3


@contextmanager
def hog(folder: Path, cpus: list[int]) -> Iterator[None]:
    """A process named `hog` that keeps a CPU busy, and so slows down whatever is pinned there."""
    program = folder / "hog"
    program.symlink_to("/bin/sh")
    pinned = ["taskset", "-c", affinity.format_cpus(cpus)]
    process = subprocess.Popen([*pinned, str(program), "-c", "while :; do :; done"])
    try:
        yield
    finally:
        process.kill()
        process.wait()


def test_a_hog_on_the_measured_cpu_makes_the_verdict_noisy(bench, tmp_path):
    measured = affinity.resolve(1, affinity.mask(), affinity.topology())
    with hog(tmp_path, measured):
        records = [bench.measure(behave="compute", duration_s=1.0) for _ in range(REPEATS)]
    assert {tuple(record["affinity"]["expected_cpus"]) for record in records} == {tuple(measured)}
    evidence = Evidence(records, "single-stream", [], [], "")
    word, reasons = judge(level_findings(evidence, THRESHOLDS))
    assert word == "noisy"
    said = "; ".join(reasons)
    assert f"of the pinned CPUs' time in {REPEATS} of {REPEATS} repeats (bound 3 %)" in said
    assert "busy before" in said
    assert "busy process hog" in said
    shares = [record["levels"][0]["telemetry"]["foreign_cpu_percent"] for record in records]
    assert min(shares) > 30  # the scheduler halves the CPU between the two
