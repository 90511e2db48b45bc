"""vllm bench throughput and latency: what they are told, and what becomes of their results."""

import json
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from client_example import FIXTURES, client_job

from cotejo.clients import client
from cotejo.clients.interface import ClientJob
from cotejo.clients.parse_vllm_bench import parse_token_counts
from cotejo.errors import CotejoError
from cotejo.servers import vllm
from cotejo.servers.interface import Job

THROUGHPUT, LATENCY = "vllm-bench-throughput", "vllm-bench-latency"
SAID = "Throughput: 46.30 requests/s, 4449.37 total tokens/s, 2222.35 output tokens/s\n" \
       "Total num prompt tokens:  4810\nTotal num output tokens:  4800\n"  # fmt: skip


def engine_job(folder: Path, name: str, **settings: Any) -> ClientJob:
    """A job of a client that brings vLLM's engine."""
    placed = {
        "device": "cpu", "accelerators": 0, "precision": "fp32", "compute_precision": "f32", "weights": "synthetic",
        **vllm.OPTIONS, "load": client(name).LOADS[0],
    }  # fmt: skip
    job = client_job(folder, name, "openai-completions", **{**placed, **settings})
    engine = Job(job.run, job.model_folder, job.model_folder, folder, Path("/env/bin/python"), 4, job.folder)
    return replace(job, level=replace(job.level, name=job.run["load"], load=job.run["load"]), engine=engine)


def option(command: list[str], name: str) -> str:
    return command[command.index(name) + 1]


@pytest.mark.parametrize("name", [THROUGHPUT, LATENCY])
@pytest.mark.parametrize(
    "settings",
    [
        {"cpu_ranks": 2, "eager": True},
        {"device": "cuda", "accelerators": 4, "precision": "fp16", "compute_precision": "f16", "context_tokens": 2048},
    ],
)
def test_engine_is_told_what_the_server_of_the_same_run_is_told(
    tmp_path: Path, name: str, settings: dict[str, Any]
) -> None:
    job = engine_job(tmp_path, name, **settings)
    assert job.engine
    command = list(client(name).command(job).command)
    served = list(vllm.launch(job.engine, job.endpoint).command)
    assert command[: command.index("bench")] == served[: served.index("serve")]
    assert option(command, "--model") == served[served.index("serve") + 1]
    arguments = vllm.engine_arguments(job.engine)
    place = command.index(arguments[0])
    assert command[place : place + len(arguments)] == arguments == served[-len(arguments) :]
    assert ("--no-enable-prefix-caching" in arguments) == (name == LATENCY)


def test_prompts_lie_in_a_file_as_sharegpts_do_no_two_alike(tmp_path: Path) -> None:
    job = engine_job(tmp_path, THROUGHPUT, bench_requests=7, bench_warmups=0)
    command = list(client(THROUGHPUT).command(job).command)
    entries = json.loads(Path(option(command, "--dataset-path")).read_text())
    turns = [[turn["value"] for turn in entry["conversations"]] for entry in entries]
    assert len({prompt for prompt, _ in turns}) == 7 == int(option(command, "--num-prompts"))
    assert option(command, "--output-len") == "16" and "--no-enable-prefix-caching" not in command


def test_warm_up_is_drawn_from_the_same_prompts_so_that_no_cache_may_know_them(tmp_path: Path) -> None:
    command = list(client(THROUGHPUT).command(engine_job(tmp_path, THROUGHPUT, bench_warmups=3)).command)
    assert option(command, "--num-warmups") == "3" and "--no-enable-prefix-caching" in command


def test_batches_are_of_the_size_asked_for(tmp_path: Path) -> None:
    job = engine_job(tmp_path, LATENCY, bench_batch=2, bench_sequences=10, bench_iterations=3, bench_warmups=1)
    command = list(client(LATENCY).command(job).command)
    told = {name: option(command, f"--{name}") for name in ("batch-size", "n", "num-iters", "num-iters-warmup")}
    assert told == {"batch-size": "2", "n": "10", "num-iters": "3", "num-iters-warmup": "1"}
    assert (option(command, "--input-len"), option(command, "--output-len")) == ("32", "16")


def test_throughput_is_given_in_numbers_over_the_window_that_it_tells(tmp_path: Path) -> None:
    job = engine_job(tmp_path, THROUGHPUT, bench_warmups=4)
    result = job.folder / "result.json"
    result.write_text((FIXTURES / "vllm-bench-throughput.json").read_text())
    os.utime(result, (time.time() - 5,) * 2)
    level = client(THROUGHPUT).read(job, 0.0, f"loading\n{SAID}")
    elapsed_s = json.loads(result.read_text())["elapsed_time"]
    assert (level.level, level.load, level.requests, level.failed_requests) == ("offline", "offline", 100, 0)
    assert level.warmup_requests == 4 and level.samples == [] and level.duration_s == elapsed_s
    assert level.start_monotonic_s == pytest.approx(time.monotonic() - 5 - elapsed_s, abs=0.5)
    assert level.reported["requests_per_s"] == 46.29936032794542
    assert level.reported["total_tokens_per_s"] == 4449.368527515555
    assert level.reported["tokens_per_s"] == pytest.approx(4800 / elapsed_s)


def test_prompts_that_vllm_left_out_are_an_error(tmp_path: Path) -> None:
    job = engine_job(tmp_path, THROUGHPUT, bench_requests=101)
    (job.folder / "result.json").write_text((FIXTURES / "vllm-bench-throughput.json").read_text())
    with pytest.raises(CotejoError, match="num_requests: 100: it leaves out prompts of fewer than 4 or more"):
        client(THROUGHPUT).read(job, 0.0, SAID)


def test_counts_that_are_not_those_of_the_result_are_an_error() -> None:
    with pytest.raises(CotejoError, match="total_num_tokens: 9611: it printed 4810"):
        parse_token_counts(SAID, {"total_num_tokens": 9611})
    with pytest.raises(CotejoError, match=r"output: line 3: \(end\)"):
        parse_token_counts("\n".join(SAID.splitlines()[:2]), {"total_num_tokens": 9610})


def test_each_batch_is_a_row_one_right_after_the_other(tmp_path: Path) -> None:
    job = engine_job(tmp_path, LATENCY, bench_batch=2, bench_sequences=3)
    text = (FIXTURES / "vllm-bench-latency.json").read_text()
    (job.folder / "result.json").write_text(text)
    level = client(LATENCY).read(job, 0.0, "")
    took_s = json.loads(text)["latencies"]
    assert [row["done_s"] - row["sent_s"] for row in level.samples] == pytest.approx(took_s)
    assert [row["sent_s"] for row in level.samples[1:]] == pytest.approx([row["done_s"] for row in level.samples[:-1]])
    assert level.duration_s == pytest.approx(sum(took_s)) and level.concurrency == 1
    assert {(row["tokens_in"], row["tokens_out"]) for row in level.samples} == {(2 * 32, 2 * 3 * 16)}
    assert (level.load, level.inputs) == ("single-stream", "identical")


@pytest.mark.parametrize("name", [THROUGHPUT, LATENCY])
def test_missing_result_is_an_error_with_the_last_words(tmp_path: Path, name: str) -> None:
    job = engine_job(tmp_path, name)
    with pytest.raises(CotejoError, match=r"No module named vllm: it wrote no result\.json"):
        client(name).read(job, 0.0, "hello\nNo module named vllm\n")


def test_latencies_without_their_mean_are_an_error(tmp_path: Path) -> None:
    job = engine_job(tmp_path, LATENCY)
    result = json.loads((FIXTURES / "vllm-bench-latency.json").read_text())
    (job.folder / "result.json").write_text(json.dumps(result | {"latencies": []}))
    with pytest.raises(CotejoError, match="latencies"):
        client(LATENCY).read(job, 0.0, "")
