"""What guidellm writes as JSON: every request of a benchmark, with its instants.

Fields: https://github.com/vllm-project/guidellm, src/guidellm/schemas/base/info.py and request_stats.py
"""

import json
from typing import Any, NamedTuple

from cotejo.clients.lines import line_at
from cotejo.errors import CotejoError


class Request(NamedTuple):
    """A request, its instants in seconds of the epoch; None where it had none. `prompt` is the body that was sent."""

    scheduled_s: float
    sent_s: float
    first_token_s: float | None
    done_s: float
    tokens_in: int | None
    tokens_out: int | None
    body: str
    error: str | None


class Benchmark(NamedTuple):
    """A benchmark's requests that ended, how many were cut off at its end, and its window in seconds of the epoch."""

    requests: list[Request]
    cut_off: int
    begin_s: float
    end_s: float


def parse_benchmark(text: str) -> Benchmark:
    """The only benchmark of a result; CotejoError, with its line, where the result is cut or another program's.

    Its requests must be as many as its own summary counts.
    """
    try:
        (found,) = json.loads(text)["benchmarks"]
        groups, times = found["requests"], found["scheduler_metrics"]
        made = times["requests_made"]
        for name in ("successful", "errored", "incomplete"):
            if len(groups[name]) != made[name]:
                raise ValueError(f"{name}: {len(groups[name])} requests of {made[name]}")
        requests = [_request(each) for name in ("successful", "errored") for each in groups[name]]
        return Benchmark(requests, made["incomplete"], times["measure_start_time"], times["measure_end_time"])
    except json.JSONDecodeError as error:
        problem = f"line {error.lineno}: {line_at(text, error.lineno)}: {error.msg}"
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        problem = f"line 1: {text[:120]}: {error!r}"
    raise CotejoError(f"guidellm's result: {problem}: it is truncated, or another program's")


def _request(value: dict[str, Any]) -> Request:
    times = value["info"]["timings"]
    return Request(
        scheduled_s=times["targeted_start"],
        sent_s=times["request_start"],
        first_token_s=times["first_token_iteration"],
        done_s=times["request_end"],
        tokens_in=value["input_metrics"]["text_tokens"],
        tokens_out=value["output_metrics"]["text_tokens"],
        body=value["request_args"],
        error=value["info"]["error"],
    )
