"""vLLM's `vllm bench throughput`: all requests at once, on an engine that it loads itself; no server is running.

Source: https://docs.vllm.ai/en/latest/benchmarking/cli.html. It was benchmarks/benchmark_throughput.py.
"""

from typing import Any

from cotejo.apis.interface import Item
from cotejo.clients.bench_engine import RESULT, bench, result_text, written_s
from cotejo.clients.interface import ClientJob
from cotejo.clients.parse_vllm_bench import THROUGHPUT, parse_json, parse_token_counts, reported_throughput
from cotejo.clients.prompts import items
from cotejo.clients.vllm_bench import version
from cotejo.errors import CotejoError
from cotejo.files import write_json
from cotejo.samples import Level
from cotejo.servers.interface import Launch

__all__ = [
    "APIS", "COLUMNS", "ENGINES", "FIRST_TOKENS", "INPUTS", "KEY", "LENGTHS", "LOADS", "OPTIONS", "SAMPLES",
    "STACK", "TASKS", "command", "read", "version",
]  # fmt: skip

LOADS = ("offline",)
APIS = ("openai-completions",)  # it takes prompts as they are; so is the one asked whose answer is held to PyTorch's
OPTIONS: dict[str, Any] = {"bench_requests": 100, "bench_warmups": 10}
TASKS = ("text-generation",)
STACK = "vllm"
ENGINES = ("vllm",)
FIRST_TOKENS = False
SAMPLES = False
LENGTHS = True
KEY = False
INPUTS = "unique"
COLUMNS = ()

CONVERSATIONS = "conversations.json"


def command(job: ClientJob) -> Launch:
    """vLLM's command line: the run's own prompts, no two alike, in a file as ShareGPT's is."""
    run, asked = job.run, items(job, job.run["bench_requests"])
    file = job.folder / CONVERSATIONS
    write_json(file, [_conversation(item) for item in asked])
    line = ["--dataset-name", "sharegpt", "--dataset-path", str(file), "--no-oversample"]
    line += ["--num-prompts", str(len(asked)), "--num-warmups", str(run["bench_warmups"])]
    if run["bench_warmups"]:  # they are drawn from the same prompts, which must find nothing of themselves in a cache
        line += ["--no-enable-prefix-caching"]
    if run["new_tokens"] is not None:
        line += ["--output-len", str(run["new_tokens"])]
    return bench(job, "throughput", line)


def _conversation(item: Item) -> dict[str, Any]:
    turns = (item.content.text, item.content.answer or "")
    return {"conversations": [{"value": turn} for turn in turns]}


def read(job: ClientJob, start_s: float, output: str) -> Level:
    """The level in numbers alone: it tells of no single request."""
    result = parse_json(result_text(job, output), THROUGHPUT)
    if result["num_requests"] != job.run["bench_requests"]:
        raise CotejoError(
            f"vllm bench's result: num_requests: {result['num_requests']}: it leaves out prompts of fewer than 4 or "
            f"more than 1024 tokens, so that not all {job.run['bench_requests']} were measured. Use another data set"
        )
    reported = reported_throughput(result, parse_token_counts(output, result))
    end_s, duration_s = written_s(job.folder / RESULT), float(result["elapsed_time"])
    return Level(
        level=job.level.name,
        warmup_requests=job.run["bench_warmups"],
        start_monotonic_s=end_s - duration_s,
        duration_s=duration_s,
        load=job.level.load,
        inputs=INPUTS,
        reported=reported,
        requests=result["num_requests"],
        failed_requests=0,  # it ends by an error where a request fails
    )
