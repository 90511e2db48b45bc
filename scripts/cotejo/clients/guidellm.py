"""guidellm, as an independent cross-check: https://github.com/vllm-project/guidellm.

It sends the run's own texts from a file, with fields that only some servers take (vLLM's, llama.cpp's): others refuse
every request of it. The requests under way when its time is over are cut off: the window ends before any of them was
sent, as far as the longest of the others tells. It waits for ever once the file has no further text.
"""

import json
import time
from pathlib import Path
from typing import Any

from cotejo.clients.external import REQUEST_TIMEOUT_S, level_of, said, window
from cotejo.clients.interface import ClientJob
from cotejo.clients.parse_guidellm import Request, parse_benchmark
from cotejo.clients.prompts import enough, items
from cotejo.errors import CotejoError
from cotejo.files import read_json, write_json
from cotejo.samples import Level, Sample
from cotejo.servers.interface import Launch

LOADS = ("closed", "open")
APIS = ("openai-chat", "openai-completions")
OPTIONS: dict[str, Any] = {"stream": True}
STACK = "guidellm"
KEY = False  # its key is an argument
INPUTS = "unique"
COLUMNS = ()

PATHS = {"openai-chat": "/v1/chat/completions", "openai-completions": "/v1/completions"}
RESULT, ITEMS = "result.json", "items.json"


def command(job: ClientJob) -> Launch:
    """guidellm's command line for one level. It gets one process to send from: ten take a minute to start."""
    run, prompts = job.run, job.folder / "prompts.jsonl"
    asked = items(job, enough(job))
    lines = [json.dumps({"prompt": item.content.text, "output_tokens_count": run["new_tokens"]}) for item in asked]
    prompts.write_text("\n".join(lines) + "\n", encoding="utf-8")
    write_json(job.folder / ITEMS, {item.content.text: item.item for item in asked})
    backend = {
        "kind": "openai_http", "target": job.endpoint.url(), "model": job.endpoint.model, "http2": "false",
        "request_format": PATHS[job.api], "stream": str(run["stream"]).lower(), "max_tokens": run["new_tokens"],
        "timeout": REQUEST_TIMEOUT_S,
    }  # fmt: skip
    line = [str(_program(job)), "run", "--backend", _joined(backend), "--profile", _joined(_profile(job))]
    line += ["--constraint", _joined({"kind": "max_duration", "seconds": f"{window(job)[1]:g}"})]
    line += ["--tokenizer", _joined({"kind": "huggingface_auto", "model": job.model_folder})]
    line += ["--data", _joined({"kind": "json_file", "path": prompts}), "--disable-console"]
    line += ["--seed", _joined({"kind": "static", "value": run["seed"]})]
    line += ["--output", _joined({"kind": "json", "path": job.folder / RESULT})]
    return Launch(line, {"GUIDELLM__MAX_WORKER_PROCESSES": "1", "GUIDELLM__LOGGING__LOG_FILE": ""})


def read(job: ClientJob, start_s: float, output: str) -> Level:
    file = job.folder / RESULT
    if not file.is_file():
        last = (output.strip().splitlines() or ["it said nothing"])[-1]
        raise CotejoError(f"guidellm's output: {last}: it wrote no {RESULT}. See the client's log")
    found = parse_benchmark(file.read_text(encoding="utf-8"))
    if not found.requests:
        raise CotejoError(
            f"guidellm's result: requests: none ended, {found.cut_off} were cut off. See the server's log"
        )
    names = read_json(job.folder / ITEMS)
    epoch_s = time.time() - time.monotonic() + start_s
    rows = [sample(each, names, epoch_s, scheduled=job.level.load == "open") for each in found.requests]
    longest_s = max(each.done_s - each.sent_s for each in found.requests)
    return level_of(job, rows, start_s, (found.begin_s - epoch_s, found.end_s - longest_s - epoch_s), INPUTS)


def sample(request: Request, names: dict[str, str], epoch_s: float, scheduled: bool) -> Sample:
    """A request as a sample, its instants from epoch_s on. Where nothing is scheduled, a request is due when sent."""
    return {
        "item": names[prompt_of(request.body)],
        "scheduled_s": (request.scheduled_s if scheduled else request.sent_s) - epoch_s,
        "sent_s": request.sent_s - epoch_s,
        "first_token_s": None if request.first_token_s is None else request.first_token_s - epoch_s,
        "done_s": request.done_s - epoch_s,
        "tokens_in": request.tokens_in,
        "tokens_out": request.tokens_out,
        "ok": int(request.error is None),
        "error": request.error or "",
    }


def prompt_of(body: str) -> str:
    """The text in the body of a request."""
    sent = json.loads(body)["body"]
    return str(sent["prompt"] if "prompt" in sent else sent["messages"][0]["content"][0]["text"])


def version(job: ClientJob) -> str:
    return said([str(_program(job)), "--version"], r"(\d+\.\d+\S*)")


def _program(job: ClientJob) -> Path:
    program = job.python.parent / "guidellm"
    if not program.is_file():
        raise CotejoError(f"{program}: no such file. Make the environment that has it: make env-guidellm")
    return program


def _profile(job: ClientJob) -> dict[str, Any]:
    warmup = {"warmup": f"{job.run['warmup_s']:g}"} if job.run["warmup_s"] else {}
    if job.level.load == "closed":
        return {"kind": "concurrent", "streams": job.level.concurrency, **warmup}
    return {"kind": job.level.arrival, "rate": f"{job.level.rate_rps:g}", **warmup}


def _joined(settings: dict[str, Any]) -> str:
    """Settings as guidellm takes them on its command line."""
    return ",".join(f"{name}={value}" for name, value in settings.items())
