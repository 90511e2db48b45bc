"""vllm bench: results of its three benchmarks, what the scripts before it printed, the published rows, and cuts."""

import json
from pathlib import Path

import pytest
from client_example import FIXTURES, client_job, lines_of, published

from cotejo.clients import vllm_bench
from cotejo.clients.parse_vllm_bench import (
    SERVE,
    parse_json,
    parse_latency,
    parse_old_latency,
    parse_old_throughput,
    reported_serve,
)
from cotejo.errors import CotejoError

DETAILED = (FIXTURES / "vllm-bench-serve-detailed.json").read_text()
OLD = {"vllm-benchmark-throughput-1gpu.txt": parse_old_throughput, "vllm-benchmark-latency-tp1.txt": parse_old_latency}


def test_old_scripts_gave_the_published_rows() -> None:
    rates = parse_old_throughput((FIXTURES / "vllm-benchmark-throughput-1gpu.txt").read_text())
    rows = published("cml-vllm-ray.csv", client="vllm-bench-throughput", run="throughput-tp1")
    told = {row["metric"]: float(row["value"]) for row in rows}
    assert rates == {"requests_per_s": told["request_throughput"], "total_tokens_per_s": told["token_throughput"]}
    (row,) = published("cml-vllm-ray.csv", client="vllm-bench-latency", accelerators="1", metric="latency")
    latency = parse_old_latency((FIXTURES / "vllm-benchmark-latency-tp1.txt").read_text())
    assert latency == {"latency_mean_ms": float(row["value"]) * 1000}


@pytest.mark.parametrize("name", OLD)
def test_old_output_that_is_cut_or_foreign_is_an_error(name: str) -> None:
    text = (FIXTURES / name).read_text()
    unfinished = text.replace("100/100", "99/100").replace("3/3", "2/3")
    for part in [*lines_of(FIXTURES / name), unfinished, "Summary:\n  Total:\t25.1643 secs\n"]:
        with pytest.raises(CotejoError, match=r"output: line \d+: "):
            OLD[name](part)


def test_results_in_our_metrics() -> None:
    served = reported_serve(parse_json((FIXTURES / "vllm-bench-serve.json").read_text(), SERVE), "closed")
    assert served["requests_per_s"] == 25.04469848387823 and served["tokens_per_s"] == 801.4303514841033
    assert (served["ttft_p99_ms"], served["latency_mean_ms"]) == (45.981606020050094, 158.58788861667486)
    assert "tpot_p50_ms" in served and "itl_p95_ms" in served


def test_open_load_has_service_times() -> None:
    told = reported_serve(json.loads(DETAILED), "open")
    assert "service_p99_ms" in told and not [name for name in told if name.startswith("latency")]


@pytest.mark.parametrize("text", ["", DETAILED[:-30], "[]", '{"hello": 1}', "Summary:"])
def test_result_that_is_cut_or_foreign_is_an_error(text: str) -> None:
    with pytest.raises(CotejoError, match=r"result: line \d+: "):
        parse_json(text, SERVE)


def test_latencies_must_have_their_mean() -> None:
    result = json.loads((FIXTURES / "vllm-bench-latency.json").read_text())
    result["latencies"].pop()
    with pytest.raises(CotejoError, match="avg_latency"):
        parse_latency(json.dumps(result))


def test_level_has_a_sample_for_each_request(tmp_path: Path) -> None:
    job = client_job(tmp_path, "vllm-bench", "openai-completions", concurrency=2)
    result = json.loads(DETAILED)
    (job.folder / "result.json").write_text(DETAILED)
    (job.folder / "items.json").write_text(json.dumps([f"{number}.txt" for number in range(100)]))
    start_s = result["start_times"][0] - 7
    level = vllm_bench.read(job, start_s, "")
    assert len(level.samples) == 100 and level.warmup_requests == 10 and level.inputs == "unique"
    assert level.start_monotonic_s == pytest.approx(min(result["start_times"]))
    first = level.samples[0]
    assert first["first_token_s"] - first["sent_s"] == pytest.approx(result["ttfts"][0])
    mean_ms = sum(row["done_s"] - row["sent_s"] for row in level.samples) * 10
    assert mean_ms == pytest.approx(result["mean_e2el_ms"], rel=0.02)
    assert first["tokens_out"] == 16 and level.duration_s == pytest.approx(result["duration"])


def test_failed_request_is_a_row_without_an_end(tmp_path: Path) -> None:
    result = json.loads(DETAILED)
    result["errors"][0] = "Traceback\nConnectionResetError: gone\n"
    row = vllm_bench.samples(result, ["a"], 0.0)[0]
    assert (row["ok"], row["error"]) == (0, "ConnectionResetError: gone") and "done_s" not in row
    result["ttfts"].pop()
    with pytest.raises(CotejoError, match="not of one length"):
        vllm_bench.samples(result, ["a"], 0.0)


def test_open_level_has_numbers_alone(tmp_path: Path) -> None:
    """It tells when a request was sent, and not when it was due."""
    job = client_job(tmp_path, "vllm-bench", "openai-completions", rate_rps=5)
    (job.folder / "result.json").write_text(DETAILED)
    (job.folder / "items.json").write_text('["a"]')
    level = vllm_bench.read(job, 0.0, "")
    assert level.samples == [] and level.summary()["requests"] == 100
    assert "service_p50_ms" in level.reported


def test_missing_result_is_an_error_with_the_last_words(tmp_path: Path) -> None:
    job = client_job(tmp_path, "vllm-bench", "openai-completions", concurrency=2)
    with pytest.raises(CotejoError, match=r"No module named vllm: it wrote no result\.json"):
        vllm_bench.read(job, 0.0, "hello\nNo module named vllm\n")


def test_key_goes_by_the_environment(tmp_path: Path) -> None:
    from dataclasses import replace

    job = client_job(tmp_path, "vllm-bench", "openai-chat", concurrency=3)
    launch = vllm_bench.command(replace(job, endpoint=replace(job.endpoint, key="sesame")))
    assert launch.environment == {"OPENAI_API_KEY": "sesame"} and "sesame" not in " ".join(launch.command)
    lines = (job.folder / "prompts.jsonl").read_text().splitlines()
    assert len(lines) == 100 == len(set(lines))
