"""What `vllm bench throughput` and `vllm bench latency` share: they load the engine themselves and write one result.

The engine is told what vLLM's server is told for the same run: `cotejo.servers.vllm.engine_arguments`.
"""

import time
from collections.abc import Sequence
from pathlib import Path

from cotejo.clients.interface import ClientJob
from cotejo.errors import CotejoError
from cotejo.servers import vllm
from cotejo.servers.interface import Launch

RESULT = "result.json"


def bench(job: ClientJob, benchmark: str, arguments: Sequence[str]) -> Launch:
    """The command line of one of vLLM's benchmarks, with arguments of its own beside those of the engine."""
    assert job.engine is not None  # a client with ENGINES is always given one
    command = [*vllm.program(job.engine), "bench", benchmark, "--model", str(job.engine.model_folder)]
    command += [*vllm.engine_arguments(job.engine), "--output-json", str(job.folder / RESULT), *arguments]
    # Its own log beside its errors: standard output then holds what the benchmark says, and nothing else.
    environment = {**vllm.quiet_environment(job.engine), "VLLM_LOGGING_STREAM": "ext://sys.stderr"}
    return Launch(command, environment, writes=vllm.written(job.engine))


def result_text(job: ClientJob, output: str) -> str:
    """What it wrote as its result; CotejoError with what it said last where it wrote none."""
    file = job.folder / RESULT
    if not file.is_file():
        last = (output.strip().splitlines() or ["it said nothing"])[-1]
        raise CotejoError(f"vllm bench's output: {last}: it wrote no {RESULT}. See the client's log")
    return file.read_text(encoding="utf-8")


def written_s(file: Path) -> float:
    """The instant of CLOCK_MONOTONIC at which a file was written.

    That is when the measured window ended, to some milliseconds: the tools tell how long it was, and write it down as
    soon as they have added up what came out.
    """
    return time.monotonic() - (time.time() - file.stat().st_mtime)
