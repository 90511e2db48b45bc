"""The sampler beside a measurement: it keeps off its CPUs, and neither outlives nor spoils it."""

import os
import signal

import pytest
from bench import Bench, await_end, pids_in, sampler_of

from cotejo import affinity
from cotejo.record import read, telemetry_path

pytestmark = pytest.mark.beside


@pytest.mark.skipif(len(affinity.mask()) < 2, reason="needs two CPUs")
def test_it_keeps_off_the_measured_cpus(bench: Bench):
    process = bench.start(behave="linger", pids=str(bench.folder / "pids"), cores=1)
    measured, *_ = pids_in(bench.folder / "pids", process)
    cpus = os.sched_getaffinity(sampler_of(process))
    assert cpus == affinity.mask() - os.sched_getaffinity(measured)
    process.terminate()
    process.communicate(timeout=60)


def test_a_sampler_that_dies_spoils_nothing(bench: Bench):
    process = bench.start(behave="linger", pids=str(bench.folder / "pids"), timeout_s=3)
    pids_in(bench.folder / "pids", process)
    os.kill(sampler_of(process), signal.SIGKILL)
    process.communicate(timeout=60)
    assert process.returncode == 0
    record = read(bench.output)
    assert (record["reason"], record["telemetry"]) == ("timeout", None)
    assert telemetry_path(bench.output).read_bytes() == b""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_does_not_outlive_an_interrupted_measurement(bench: Bench, number):
    process = bench.start(behave="linger", pids=str(bench.folder / "pids"))
    pids_in(bench.folder / "pids", process)
    sampler = sampler_of(process)
    process.send_signal(number)
    process.communicate(timeout=60)
    await_end([sampler], within_s=0)
    assert not telemetry_path(bench.output).exists()
