"""What becomes of a server and its clients when the Snakemake that has them measured is interrupted or killed."""

import os
import shlex
import signal
import subprocess
import sys
import time

import pytest
from bench import alive, await_end, pids_in

from cotejo import ports

pytestmark = pytest.mark.beside

SNAKEFILE = """\
rule measure_server:
    output: {output!r}
    shell: {command!r}
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_runs_on_when_snakemake_does_not(serving_bench, number):
    command, environment = serving_bench.command(duration_s=60)
    quoted = shlex.join(command).replace("{", "{{").replace("}", "}}")
    snakefile = serving_bench.folder / "Snakefile"
    snakefile.write_text(SNAKEFILE.format(output=str(serving_bench.output), command=quoted))
    snakemake = [sys.executable, "-m", "snakemake", "--cores", "1", "--snakefile", str(snakefile)]
    process = subprocess.Popen(
        [*snakemake, "--directory", str(serving_bench.folder)],
        env={key: value for key, value in environment.items() if not key.startswith("SNAKEMAKE")},
        stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    started = pids_in(serving_bench.pids, process)
    held = listening_soon(started[0])
    if number == signal.SIGKILL:
        process.kill()
    else:  # as a terminal and a batch system do; alone, Snakemake would wait for its jobs to end
        os.killpg(process.pid, number)
    process.communicate(timeout=60)
    assert process.returncode != 0
    await_end(started, within_s=30)
    serving_bench.prove_nothing_runs()
    assert ports.listeners(held) == []
    deadline = time.monotonic() + 20
    while list(serving_bench.temporary.glob("cotejo-*")):  # the job's own clean-up, where nobody waits for it any more
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert not serving_bench.output.exists()


def listening_soon(server: int) -> list[int]:
    """The ports that the server listens on, once it does."""
    deadline = time.monotonic() + 20
    while True:
        assert alive(server)
        assert time.monotonic() < deadline
        own = ports.sockets_of([server])
        found = [each.port for each in ports.listeners(range(1, 1 << 16)) if each.inode in own]
        if len(found) == 2:
            return found
        time.sleep(0.01)
