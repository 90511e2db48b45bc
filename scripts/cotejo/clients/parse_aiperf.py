"""What aiperf exports: a JSON line for each request, and a summary that says how many there must be.

Fields: https://github.com/ai-dynamo/aiperf, src/aiperf/common/models/record_models.py
"""

import json
from typing import Any, NamedTuple

from cotejo.errors import CotejoError

MEASURED = "profiling"  # the phase that follows the warm-up


class Record(NamedTuple):
    """A request, its instants in seconds of the epoch. `number` is its session's, None for tokens nobody counted."""

    number: int
    measured: bool  # not of the warm-up
    scheduled_s: float
    sent_s: float
    first_token_s: float | None
    done_s: float
    tokens_in: int | None
    tokens_out: int | None
    gaps_ms: list[float]
    error: str | None


def parse_records(lines: str, summary: str) -> list[Record]:
    """The requests, in the order in which they were done; CotejoError with its line where one can't be read.

    Those that were measured must be as many as the summary counts, good ones and bad ones.
    """
    records = [_record(line, number) for number, line in enumerate(lines.splitlines(), 1)]
    counted = _counted(summary)
    told = sum(record.measured for record in records)
    if told != counted:
        raise CotejoError(
            f"aiperf's records: line {len(records) + 1}: {told} of {counted} measured requests are there: truncated"
        )
    return records


def _record(line: str, number: int) -> Record:
    try:
        value = json.loads(line)
        about, metrics, error = value["metadata"], value["metrics"], value.get("error")
        sent_s = about["request_start_ns"] / 1e9
        ttft_ms = _metric(metrics, "time_to_first_token")
        return Record(
            number=int(about["conversation_id"]),
            measured=about["benchmark_phase"] == MEASURED,
            scheduled_s=about["credit_issued_ns"] / 1e9,
            sent_s=sent_s,
            first_token_s=None if ttft_ms is None else sent_s + ttft_ms / 1000,
            done_s=about["request_end_ns"] / 1e9,
            tokens_in=_metric(metrics, "usage_prompt_tokens"),
            tokens_out=_metric(metrics, "usage_completion_tokens"),
            gaps_ms=_metric(metrics, "inter_chunk_latency") or [],
            error=None if error is None else str(error.get("message") or error),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CotejoError(
            f"aiperf's records: line {number}: {line[:120]}: {error!r}: it is truncated, or another program's"
        ) from None


def _metric(metrics: dict[str, Any], name: str) -> Any:
    return metrics[name]["value"] if name in metrics else None


def _counted(summary: str) -> int:
    try:
        value = json.loads(summary)
        return sum(int(value.get(name, {"avg": 0})["avg"]) for name in ("request_count", "error_request_count"))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CotejoError(f"aiperf's summary: {summary[-120:]}: {error!r}: it is truncated") from None
