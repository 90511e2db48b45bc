"""vLLM's own client, `vllm bench serve`: https://docs.vllm.ai/en/latest/benchmarking/cli.html.

It sends a number of requests, not for a time: `bench_requests` of them, the first `bench_warmups` besides. Its siblings
`throughput` and `latency`, which drive no server, are clients of their own: vllm_bench_throughput, vllm_bench_latency.
"""

import json
from typing import Any

from cotejo.apis.interface import Item
from cotejo.clients.external import level_of, said
from cotejo.clients.interface import ClientJob
from cotejo.clients.parse_vllm_bench import DETAILS, SERVE, parse_json, reported_serve
from cotejo.clients.prompts import items
from cotejo.errors import CotejoError
from cotejo.files import read_json, write_json
from cotejo.samples import Level, Sample
from cotejo.servers.interface import Launch

LOADS = ("closed", "open")
APIS = ("openai-completions", "openai-chat")
OPTIONS: dict[str, Any] = {"bench_requests": 100, "bench_warmups": 10}
TASKS = ("text-generation",)  # its own data sets can hold images, the one that takes prompts from a file can't
STACK = "vllm"
KEY = True  # by the environment, as OpenAI's own client takes it
INPUTS = "unique"
LENGTHS = True
COLUMNS = ("gaps_ms",)

BACKENDS = {"openai-completions": ("openai", "/v1/completions"), "openai-chat": ("openai-chat", "/v1/chat/completions")}
RESULT, ITEMS = "result.json", "items.json"


def command(job: ClientJob) -> Launch:
    """vLLM's command line for one level: the run's own prompts, no two alike, and each answer of full length."""
    run, (backend, path) = job.run, BACKENDS[job.api]
    asked, prompts = items(job, run["bench_requests"]), job.folder / "prompts.jsonl"
    lines = [json.dumps({"prompt": item.content.text, **_length(item)}) for item in asked]
    prompts.write_text("\n".join(lines) + "\n", encoding="utf-8")
    write_json(job.folder / ITEMS, [item.item for item in asked])
    line = [str(job.python), "-m", "vllm.entrypoints.cli.main", "bench", "serve", "--backend", backend]
    line += ["--base-url", job.endpoint.url(), "--endpoint", path, "--model", job.endpoint.model]
    line += ["--tokenizer", str(job.model_folder), "--dataset-name", "custom", "--dataset-path", str(prompts)]
    line += ["--disable-shuffle", "--skip-chat-template", "--custom-output-len", str(run["new_tokens"] or -1)]
    line += ["--ignore-eos", "--temperature", "0", "--num-prompts", str(len(asked))]
    line += ["--num-warmups", str(run["bench_warmups"]), "--seed", str(run["seed"]), *_load(job)]
    line += ["--percentile-metrics", "ttft,tpot,itl,e2el", "--metric-percentiles", "50,90,95,99", "--disable-tqdm"]
    line += ["--save-result", "--save-detailed", "--result-dir", str(job.folder), "--result-filename", RESULT]
    return Launch(line, {"OPENAI_API_KEY": job.endpoint.key} if job.endpoint.key else {})


def _length(item: Item) -> dict[str, int]:
    return {} if item.new_tokens is None else {"output_tokens": item.new_tokens}


def read(job: ClientJob, start_s: float, output: str) -> Level:
    file = job.folder / RESULT
    if not file.is_file():
        last = (output.strip().splitlines() or ["it said nothing"])[-1]
        raise CotejoError(f"vllm bench's output: {last}: it wrote no {RESULT}. See the client's log")
    result = parse_json(file.read_text(encoding="utf-8"), (*SERVE, *DETAILS))
    rows = samples(result, read_json(job.folder / ITEMS), start_s)
    begin_s = min(row["sent_s"] for row in rows)
    if job.level.load == "open":
        return _only_numbers(job, start_s + begin_s, result)
    # All requests count, and the time is that by which vLLM divides, up to the last one's end.
    level = level_of(job, rows, start_s, (begin_s, begin_s + result["duration"]), INPUTS)
    level.warmup_requests += job.run["bench_warmups"]
    level.reported = reported_serve(result, job.level.load)
    return level


def _only_numbers(job: ClientJob, begin_s: float, result: dict[str, Any]) -> Level:
    """An open level: it doesn't say when a request was due, only when it was sent."""
    return Level(
        level=job.level.name,
        warmup_requests=job.run["bench_warmups"],
        start_monotonic_s=begin_s,
        duration_s=result["duration"],
        load=job.level.load,
        rate_rps=job.level.rate_rps,
        inputs=INPUTS,
        reported=reported_serve(result, job.level.load),
        requests=result["completed"] + result["failed"],
        failed_requests=result["failed"],
    )


def samples(result: dict[str, Any], names: list[str], start_s: float) -> list[Sample]:
    """A result's requests, their instants, which are those of CLOCK_MONOTONIC, from start_s on."""
    if len({len(result[name]) for name in DETAILS}) != 1:
        raise CotejoError(f"vllm bench's result: {DETAILS[0]}: its lists are not of one length. It is truncated")
    rows = []
    for index, begun_s in enumerate(result["start_times"]):
        sent_s, ttft_s, gaps_s = begun_s - start_s, result["ttfts"][index], result["itls"][index]
        error = result["errors"][index]
        good = {"first_token_s": sent_s + ttft_s, "done_s": sent_s + ttft_s + sum(gaps_s)}
        rows.append({
            "item": names[index % len(names)], "scheduled_s": sent_s, "sent_s": sent_s, **({} if error else good),
            "tokens_in": result["input_lens"][index], "tokens_out": result["output_lens"][index],
            "gaps_ms": " ".join(f"{gap_s * 1000:.2f}" for gap_s in gaps_s),
            "ok": int(not error), "error": (str(error).strip().splitlines() or [""])[-1],
        })  # fmt: skip
    return rows


def version(job: ClientJob) -> str:
    return said([str(job.python), "-c", "import importlib.metadata as m; print(m.version('vllm'))"], r"^(\d\S*)$")


def _load(job: ClientJob) -> list[str]:
    if job.level.load == "closed":
        return ["--max-concurrency", str(job.level.concurrency)]
    burstiness = {"poisson": "1.0", "constant": "inf"}[str(job.level.arrival)]
    return ["--request-rate", f"{job.level.rate_rps:g}", "--burstiness", burstiness]
