"""What `vllm bench serve | throughput | latency` writes as JSON, and what the scripts before it printed.

Written by https://github.com/vllm-project/vllm, vllm/benchmarks/; the scripts were benchmarks/benchmark_*.py.
"""

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from cotejo.clients.lines import Lines, line_at
from cotejo.errors import CotejoError

_NUMBER = r"(\d+(?:\.\d+)?)"
_BAR = r"{}: +100%\|.*\| (\d+)/(\d+) \[.*\]"
_TIMES = {"ttft": "ttft", "tpot": "tpot", "itl": "itl", "e2el": "latency"}

SERVE = ("duration", "completed", "failed", "request_throughput", "output_throughput", "total_token_throughput")
THROUGHPUT = ("elapsed_time", "num_requests", "requests_per_second", "tokens_per_second", "total_num_tokens")
DETAILS = ("start_times", "ttfts", "itls", "output_lens", "input_lens", "errors")


def parse_json(text: str, needed: tuple[str, ...]) -> dict[str, Any]:
    """A result file's object; CotejoError, with its line, where it is cut, or lacks what is needed."""
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        line = line_at(text, error.lineno)
        raise CotejoError(
            f"vllm bench's result: line {error.lineno}: {line}: {error.msg}. It is truncated, or no result"
        ) from None
    missing = [name for name in needed if not isinstance(value, dict) or name not in value]
    if missing:
        raise CotejoError(f"vllm bench's result: line 1: {text[:120]}: has no {missing[0]}. It is another program's")
    found: dict[str, Any] = value
    return found


def reported_serve(result: Mapping[str, Any], load: str) -> dict[str, float]:
    """What `serve` says, as our metrics; `tokens_per_s` are those put out, and all times count from the sending."""
    metrics = {
        "requests_per_s": float(result["request_throughput"]),
        "tokens_per_s": float(result["output_throughput"]),
        "total_tokens_per_s": float(result["total_token_throughput"]),
    }
    for name, value in result.items():
        match = re.fullmatch(r"(mean|p\d+)_(ttft|tpot|itl|e2el)_ms", name)
        if match:
            ours = "service" if load == "open" and match[2] == "e2el" else _TIMES[match[2]]
            metrics[f"{ours}_{match[1]}_ms"] = float(value)
    return metrics


class TokenCounts(NamedTuple):
    """The tokens of all prompts, and of all answers."""

    prompts: int
    answers: int


def reported_throughput(result: Mapping[str, Any], tokens: TokenCounts) -> dict[str, float]:
    """What `throughput` says, as our metrics; `total_tokens_per_s` are prompts and answers together."""
    return {
        "tokens_per_s": tokens.answers / float(result["elapsed_time"]),
        "requests_per_s": float(result["requests_per_second"]),
        "total_tokens_per_s": float(result["tokens_per_second"]),
    }


def parse_token_counts(output: str, result: Mapping[str, Any]) -> TokenCounts:
    """The tokens that `throughput` prints beside its result, which must be those in it."""
    lines = Lines(output, "vllm bench throughput")
    prompts = int(lines.skip_to(r"Total num prompt tokens: +(\d+)")[1])
    answers = int(lines.expect(r"Total num output tokens: +(\d+)")[1])
    if prompts + answers != result["total_num_tokens"]:
        raise CotejoError(
            f"vllm bench's result: total_num_tokens: {result['total_num_tokens']}: it printed {prompts} + {answers}"
        )
    return TokenCounts(prompts, answers)


def parse_latency(text: str) -> dict[str, Any]:
    """A result of `latency`, whose latencies must have the average that it gives."""
    result = parse_json(text, ("avg_latency", "latencies", "percentiles"))
    if not result["latencies"]:
        raise CotejoError("vllm bench's result: latencies: []: nothing was measured. It was interrupted")
    mean = sum(result["latencies"]) / len(result["latencies"])
    if abs(mean - result["avg_latency"]) > 1e-6 * mean:
        raise CotejoError(f"vllm bench's result: avg_latency: {result['avg_latency']}: its latencies' mean is {mean}")
    return result


def parse_old_throughput(text: str) -> dict[str, float]:
    """benchmark_throughput.py's last lines: how many of how many prompts, requests and tokens per second."""
    lines = Lines(text, "benchmark_throughput.py")
    _all_done(lines, "Processed prompts")
    rates = lines.expect(rf"Throughput: {_NUMBER} requests/s, {_NUMBER} tokens/s")
    return {"requests_per_s": float(rates[1]), "total_tokens_per_s": float(rates[2])}


def parse_old_latency(text: str) -> dict[str, float]:
    """benchmark_latency.py's last lines: how many of how many iterations, and their mean time."""
    lines = Lines(text, "benchmark_latency.py")
    _all_done(lines, "Profiling iterations")
    return {"latency_mean_ms": float(lines.expect(rf"Avg latency: {_NUMBER} seconds")[1]) * 1000}


def _all_done(lines: Lines, what: str) -> None:
    done = lines.skip_to(_BAR.format(what))
    if done[1] != done[2]:
        lines.wrong(f"only {done[1]} of {done[2]} are done")
