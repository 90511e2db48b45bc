"""What is left of a measurement that is killed. Alone: whoever measures meanwhile ends what others have left."""

import os
import signal
import subprocess
import sys

from bench import alive, await_end, pids_in, sampler_of
from serving_bench import client_of

from cotejo.code import SCRIPTS
from cotejo.record import telemetry_path


def test_the_measured_process_dies_with_a_parent_that_is_killed(bench):
    pids = bench.folder / "pids"
    process = bench.start(behave="linger", pids=str(pids))
    measured, *others = pids_in(pids, process)
    process.kill()
    process.communicate(timeout=60)
    try:
        await_end([measured])
    finally:
        for other in others:  # beyond the reach of a parent that is no more
            os.kill(other, signal.SIGKILL)
    assert not bench.output.exists()


def test_the_sampler_never_outlives_the_process_that_started_it(bench):
    process = bench.start(behave="linger", pids=str(bench.folder / "pids"))
    started = pids_in(bench.folder / "pids", process)
    sampler = sampler_of(process)
    process.kill()
    process.communicate(timeout=60)
    try:
        await_end([sampler], within_s=5)
    finally:
        for other in started[1:]:  # beyond the reach of a parent that is no more
            os.kill(other, signal.SIGKILL)
    assert not telemetry_path(bench.output).exists()


def test_after_a_kill_the_next_run_ends_its_own_leftovers_and_nothing_else(serving_bench):
    bystander = subprocess.Popen(["sleep", "600"], start_new_session=True)
    # Another measurement, which goes on: by its mark, its server is no leftover.
    code = (
        "import subprocess, time\nfrom cotejo.ownership import marking\n"
        "other = subprocess.Popen(['sleep', '600'], preexec_fn=marking('server'), start_new_session=True)\n"
        "print(other.pid, flush=True)\ntime.sleep(600)"
    )
    environment = {**os.environ, "PYTHONPATH": str(SCRIPTS)}
    living = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=environment)
    others = 0
    try:
        assert living.stdout
        others = int(living.stdout.readline())
        process = serving_bench.start(duration_s=60)
        client = client_of(process)
        server, *engines = pids_in(serving_bench.pids, process)
        process.kill()
        process.communicate(timeout=60)
        await_end([server, client])  # by the kernel, with their parent
        assert all(map(alive, engines))  # beyond its reach
        assert not serving_bench.output.exists()

        for folder in serving_bench.temporary.iterdir():
            folder.rename(serving_bench.folder / folder.name)
        record = serving_bench.measure(concurrency=1)
        assert record["status"] == "ok"
        assert not any(map(alive, engines))
        assert all(map(alive, [bystander.pid, others, living.pid]))
        said = next(line for line in serving_bench.said.splitlines() if line.startswith("ended what a measurement"))
        assert all(str(engine) in said for engine in engines)
    finally:
        for each in (bystander, living):
            each.kill()
            each.wait()
        if others:
            os.kill(others, signal.SIGKILL)
