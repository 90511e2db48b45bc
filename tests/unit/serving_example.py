"""Load levels of servers as their records have them, with samples whose answer is known."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
from record_example import RECORD, changed

RUN = {
    **RECORD["run"], "id": "text_vllm", "server": "vllm", "client": "cotejo", "api": "openai-completions",
    "load": "closed", "concurrency": "2", "rate_rps": 5, "arrival": "poisson", "client_cores": "rest",
    "limit_ttft_ms": None, "limit_tpot_ms": None, "limit_latency_ms": None,
}  # fmt: skip
CALIBRATION = {"closed_rps": 1000.0, "added_latency_p50_ms": 0.1, "added_latency_p99_ms": 0.5, "streaming_rps": 500.0}
SERVER = {
    "name": "vllm", "version": "0.11.0", "command": ["vllm", "serve"], "environment": "vllm", "image": None,
    "stand_in": False, "key": True, "ready_s": 20.0, "model_served": "m", "prepared": {}, "launch_sha256": None,
}  # fmt: skip
CLIENT = {
    "name": "cotejo", "version": "0.4", "command": ["python", "-m", "cotejo.clients.own_process"], "cpus": [1],
    "shared_cores": False, "calibration": CALIBRATION,
}  # fmt: skip
SERVED: dict[str, Any] = changed(RECORD, run=RUN, server=SERVER, client=CLIENT)


def request(due_s: float, took_s: float, late_s: float = 0.0, **changes: Any) -> dict[str, Any]:
    """A request that was sent `late_s` after it was due and answered `took_s` later, by 9 tokens in 36 characters.

    The first token comes after a tenth of that time.
    """
    sent_s = due_s + late_s
    return {
        "level": "concurrency-2", "item": "p", "scheduled_s": due_s, "sent_s": sent_s,
        "first_token_s": sent_s + took_s / 10, "done_s": sent_s + took_s, "tokens_in": 4, "tokens_out": 9,
        "ok": 1, "error": None, "characters_out": 36, "gaps_ms": "10.00 20.00", "status": 200, **changes,
    }  # fmt: skip


def failing(due_s: float, took_s: float = 0.1) -> dict[str, Any]:
    """A request that got no answer."""
    blank = dict.fromkeys(("first_token_s", "tokens_out", "characters_out", "gaps_ms"))
    return request(due_s, took_s, **blank, ok=0, error="HTTP 500") | {"status": 500}


def samples(rows: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """The samples of a level, read as from samples.csv."""
    table = pd.DataFrame([{"index": index, **row} for index, row in enumerate(rows)])
    numbers = ["scheduled_s", "sent_s", "first_token_s", "done_s", "tokens_out", "characters_out"]
    return table.astype({name: float for name in numbers if name in table})


def level(rows: Sequence[dict[str, Any]], load: str = "closed", **changes: Any) -> dict[str, Any]:
    """The level as a record has it, two requests at once or, where it is open, five a second; of 10 s."""
    own = {"concurrency": 2, "rate_rps": None} if load == "closed" else {"concurrency": None, "rate_rps": 5.0}
    name = "concurrency-2" if load == "closed" else "rate-5"
    counts = {"requests": len(rows), "failed_requests": sum(not row["ok"] for row in rows)}
    return {
        **RECORD["levels"][0], "level": name, "load": load, "duration_s": 10.0, "warmup_requests": 0, "server": None,
        **own, **counts, **changes,
    }  # fmt: skip


def aggregates(requests: int, **reported: float) -> dict[str, Any]:
    """A level of which its client tells nothing but aggregates."""
    return level([], requests=requests, reported=reported)


NO_SAMPLES = pd.DataFrame(columns=list(request(0, 1)))
