"""vLLM's `vllm bench latency`: one batch after another, on an engine that it loads itself; no server is running.

A request is a batch here: `bench_batch` prompts of `bench_prompt_tokens` random tokens, `bench_sequences` answers of
`new_tokens` tokens to each. All batches are alike, so the cache of prefixes is off.
Source: https://docs.vllm.ai/en/latest/benchmarking/cli.html. It was benchmarks/benchmark_latency.py.
"""

from itertools import accumulate
from typing import Any

from cotejo.clients.bench_engine import RESULT, bench, result_text, written_s
from cotejo.clients.interface import ClientJob
from cotejo.clients.parse_vllm_bench import parse_latency
from cotejo.clients.vllm_bench import version
from cotejo.samples import Level
from cotejo.servers.interface import Launch

__all__ = [
    "APIS", "COLUMNS", "ENGINES", "FIRST_TOKENS", "INPUTS", "KEY", "LOADS", "OPTIONS", "STACK", "TASKS", "command",
    "read", "version",
]  # fmt: skip

LOADS = ("single-stream",)
APIS = ("openai-completions",)
OPTIONS: dict[str, Any] = {
    "bench_iterations": 30, "bench_warmups": 10, "bench_batch": 8, "bench_sequences": 1, "bench_prompt_tokens": 32,
}  # fmt: skip
TASKS = ("text-generation",)
STACK = "vllm"
ENGINES = ("vllm",)
FIRST_TOKENS = False
KEY = False
INPUTS = "identical"
COLUMNS = ()


def command(job: ClientJob) -> Launch:
    run = job.run
    line = ["--input-len", str(run["bench_prompt_tokens"]), "--output-len", str(run["new_tokens"])]
    line += ["--batch-size", str(run["bench_batch"]), "--n", str(run["bench_sequences"])]
    line += ["--num-iters", str(run["bench_iterations"]), "--num-iters-warmup", str(run["bench_warmups"])]
    return bench(job, "latency", line)


def read(job: ClientJob, start_s: float, output: str) -> Level:
    """The level with a row for each batch, one right after the other."""
    run, took_s = job.run, parse_latency(result_text(job, output))["latencies"]
    ends_s = list(accumulate(took_s))
    tokens_in, sequences = run["bench_batch"] * run["bench_prompt_tokens"], run["bench_batch"] * run["bench_sequences"]
    rows = [
        {
            "level": job.level.name, "index": index, "item": "batch", "scheduled_s": end_s - time_s,
            "sent_s": end_s - time_s, "done_s": end_s, "tokens_in": tokens_in,
            "tokens_out": sequences * run["new_tokens"], "ok": 1, "error": "",
        }
        for index, (time_s, end_s) in enumerate(zip(took_s, ends_s, strict=True))
    ]  # fmt: skip
    return Level(
        level=job.level.name,
        warmup_requests=run["bench_warmups"],
        start_monotonic_s=written_s(job.folder / RESULT) - ends_s[-1],
        duration_s=ends_s[-1],
        samples=rows,
        concurrency=1,
        load=job.level.load,
        inputs=INPUTS,
    )
