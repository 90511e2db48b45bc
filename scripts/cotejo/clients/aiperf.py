"""NVIDIA's aiperf, as an independent cross-check: https://github.com/ai-dynamo/aiperf.

It sends the run's own requests, body by body, from a file. It wants a tokenizer, counts nothing by it where the server
counts, and takes none from a folder while the hub is switched off: so it is given a hub's cache with the model's in it.
"""

import json
import time
from pathlib import Path
from typing import Any

from cotejo.apis import api
from cotejo.clients.external import REQUEST_TIMEOUT_S, level_of, said
from cotejo.clients.interface import ClientJob
from cotejo.clients.parse_aiperf import Record, parse_records
from cotejo.clients.prompts import enough, items
from cotejo.errors import CotejoError
from cotejo.files import read_json, write_json
from cotejo.samples import Level, Sample
from cotejo.servers.interface import Launch

LOADS = ("closed", "open")
APIS = ("openai-chat", "openai-completions", "tgi-generate")
OPTIONS: dict[str, Any] = {"stream": True}
STACK = "aiperf"
KEY = False  # its key is an argument
INPUTS = "unique"
COLUMNS = ("gaps_ms",)

ENDPOINTS = {"openai-chat": "chat", "openai-completions": "completions", "tgi-generate": "huggingface-generate"}
TOKENIZER = "cotejo/model"  # its name in the cache
RECORDS, SUMMARY, ITEMS = "profile_export.jsonl", "profile_export_aiperf.json", "items.json"


def command(job: ClientJob) -> Launch:
    """aiperf's command line for one level."""
    module, run = api(job.api), job.run
    requests = job.folder / "requests.json"
    asked = [(item.item, module.request(item, run, job.endpoint).body) for item in items(job, enough(job))]
    sessions = [{"session_id": str(index), "payloads": [json.loads(body)]} for index, (_, body) in enumerate(asked)]
    write_json(requests, {"data": sessions})
    write_json(job.folder / ITEMS, [item for item, _ in asked])
    line = [str(_program(job)), "profile", "--model", job.endpoint.model, "--url", job.endpoint.url()]
    line += ["--endpoint-type", ENDPOINTS[job.api], *(["--streaming"] if run["stream"] else [])]
    line += ["--custom-dataset-type", "inputs-json", "--input-file", str(requests)]
    line += ["--dataset-sampling-strategy", "sequential", "--use-server-token-count", "--tokenizer", TOKENIZER]
    line += ["--warmup-duration", f"{run['warmup_s']:g}", "--benchmark-duration", f"{run['duration_s']:g}", *_load(job)]
    line += ["--benchmark-grace-period", str(REQUEST_TIMEOUT_S), "--request-timeout-seconds", str(REQUEST_TIMEOUT_S)]
    line += ["--export-level", "records", "--artifact-dir", str(job.folder), "--ui", "none"]
    line += ["--random-seed", str(run["seed"]), "--no-gpu-telemetry", "--no-server-metrics"]
    return Launch(line, {"HF_HOME": str(_hub(job))})


def read(job: ClientJob, start_s: float, output: str) -> Level:
    files = [job.folder / name for name in (RECORDS, SUMMARY)]
    missing = [file.name for file in files if not file.is_file()]
    if missing:
        last = (output.strip().splitlines() or ["it said nothing"])[-1]
        raise CotejoError(f"aiperf's output: {last}: it wrote no {missing[0]}. See the client's log")
    records = parse_records(*(file.read_text(encoding="utf-8") for file in files))
    names = read_json(job.folder / ITEMS)
    if len({record.number for record in records}) < len(records):
        raise CotejoError(
            f"aiperf: {len(names)} requests were not enough: some were sent twice. Set a shorter duration_s"
        )
    epoch_s = time.time() - time.monotonic() + start_s
    scheduled = job.level.load == "open"
    rows = [sample(record, names[record.number], epoch_s, scheduled) for record in records]
    due_s = [row["scheduled_s"] for row, record in zip(rows, records, strict=True) if record.measured]
    if not due_s:
        raise CotejoError("aiperf's records: line 1: none is of the measured phase. Set a longer duration_s")
    begin_s = min(due_s)
    return level_of(job, rows, start_s, (begin_s, begin_s + job.run["duration_s"]), INPUTS)


def sample(record: Record, item: str, epoch_s: float, scheduled: bool) -> Sample:
    """A record as a sample, its instants from epoch_s on. Where nothing is scheduled, a request is due when sent."""
    return {
        "item": item,
        "scheduled_s": (record.scheduled_s if scheduled else record.sent_s) - epoch_s,
        "sent_s": record.sent_s - epoch_s,
        "first_token_s": None if record.first_token_s is None else record.first_token_s - epoch_s,
        "done_s": record.done_s - epoch_s,
        "tokens_in": record.tokens_in,
        "tokens_out": record.tokens_out,
        "gaps_ms": " ".join(f"{gap_ms:.2f}" for gap_ms in record.gaps_ms),
        "ok": int(record.error is None),
        "error": record.error or "",
    }


def version(job: ClientJob) -> str:
    return said([str(_program(job)), "--version"], r"(\d+\.\S+)")


def _program(job: ClientJob) -> Path:
    program = job.python.parent / "aiperf"
    if not program.is_file():
        raise CotejoError(f"{program}: no such file. Make the environment that has it: make env-aiperf")
    return program


def _hub(job: ClientJob) -> Path:
    """A cache of the hub that holds the model's tokenizer under TOKENIZER's name."""
    home = job.folder / "hub-home"
    model = home / "hub" / f"models--{TOKENIZER.replace('/', '--')}"
    snapshot = model / "snapshots" / "0"
    snapshot.mkdir(parents=True)
    (model / "refs").mkdir()
    (model / "refs" / "main").write_text("0", encoding="utf-8")
    for file in job.model_folder.glob("*.json"):
        (snapshot / file.name).symlink_to(file.resolve())
    return home


def _load(job: ClientJob) -> list[str]:
    if job.level.load == "closed":
        return ["--concurrency", str(job.level.concurrency)]
    return ["--request-rate", f"{job.level.rate_rps:g}", "--arrival-pattern", str(job.level.arrival)]
