"""aiperf and guidellm: their records as samples, what they are asked to do, and results that are cut."""

import json
import time
from itertools import pairwise
from pathlib import Path

import pytest
from client_example import FIXTURES, client_job, lines_of

from cotejo.clients import aiperf, guidellm
from cotejo.clients.parse_aiperf import parse_records
from cotejo.clients.parse_guidellm import parse_benchmark
from cotejo.errors import CotejoError

RECORDS, SUMMARY = FIXTURES / "aiperf-records.jsonl", (FIXTURES / "aiperf-summary.json").read_text()
RESULT = FIXTURES / "guidellm-result.json"


def test_records_of_aiperf() -> None:
    records = parse_records(RECORDS.read_text(), SUMMARY)
    measured = [record for record in records if record.measured]
    summary = json.loads(SUMMARY)
    assert len(measured) == summary["request_count"]["avg"] < len(records)
    mean_ms = 1000 * sum(record.done_s - record.sent_s for record in measured) / len(measured)
    assert mean_ms == pytest.approx(summary["request_latency"]["avg"], abs=2)  # to the last token
    ttft_ms = 1000 * sum((record.first_token_s or 0) - record.sent_s for record in measured) / len(measured)
    assert ttft_ms == pytest.approx(summary["time_to_first_token"]["avg"], abs=0.01)
    assert {record.tokens_out for record in records} == {16} and all(record.tokens_in for record in records)
    assert all(record.scheduled_s <= record.sent_s for record in records)


def test_records_of_aiperf_cut_at_any_line_are_an_error() -> None:
    records = parse_records(RECORDS.read_text(), SUMMARY)
    warm = sum(not record.measured for record in records)
    for number, part in enumerate(lines_of(RECORDS)):
        if number >= warm:
            with pytest.raises(
                CotejoError, match=rf"line {number + 1}: \d+ of \d+ measured requests are there: truncated"
            ):
                parse_records(part, SUMMARY)
    for text in (RECORDS.read_text()[:-40], "Summary:\n", '{"metadata": {}}\n'):
        with pytest.raises(CotejoError, match=r"aiperf's records: line \d+: "):
            parse_records(text, SUMMARY)
    with pytest.raises(CotejoError, match="aiperf's summary"):
        parse_records(RECORDS.read_text(), SUMMARY[:50])


def test_level_of_aiperf(tmp_path: Path) -> None:
    job = client_job(tmp_path, "aiperf", "openai-chat", concurrency=1, duration_s=4)
    (job.folder / "profile_export.jsonl").write_text(RECORDS.read_text())
    (job.folder / "profile_export_aiperf.json").write_text(SUMMARY)
    (job.folder / "items.json").write_text(json.dumps([f"{number}.txt" for number in range(50)]))
    records = parse_records(RECORDS.read_text(), SUMMARY)
    start_s = min(record.sent_s for record in records) - 2 - (time.time() - time.monotonic())
    level = aiperf.read(job, start_s, "")
    assert level.duration_s == pytest.approx(4) and level.samples[0]["sent_s"] == pytest.approx(0, abs=1e-3)
    assert len(level.samples) + level.warmup_requests == len(records)
    assert level.samples[0]["scheduled_s"] == level.samples[0]["sent_s"]  # a closed loop has no schedule
    assert level.samples[0]["gaps_ms"].count(" ") == 14
    opened = aiperf.sample(records[0], "a", 0.0, scheduled=True)
    assert opened["scheduled_s"] < opened["sent_s"]


def test_aiperf_gets_a_cache_of_the_hub_with_the_models_tokenizer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aiperf, "_program", lambda job: Path("/bin/aiperf"))
    job = client_job(tmp_path, "aiperf", "openai-chat", rate_rps=4)
    (job.model_folder / "tokenizer_config.json").write_text("{}")
    launch = aiperf.command(job)
    snapshot = Path(launch.environment["HF_HOME"]) / "hub" / "models--cotejo--model" / "snapshots" / "0"
    assert (snapshot / "tokenizer_config.json").read_text() == "{}"
    given = dict(pairwise(launch.command))
    assert given["--request-rate"] == "4" and given["--arrival-pattern"] == "poisson"
    sessions = json.loads(Path(given["--input-file"]).read_text())["data"]
    bodies = [json.dumps(session["payloads"]) for session in sessions]
    assert len(set(bodies)) == len(bodies) >= 4
    assert "api-key" not in " ".join(launch.command)


def test_requests_of_guidellm() -> None:
    found = parse_benchmark(RESULT.read_text())
    assert len(found.requests) == 8 and found.cut_off == 0
    assert all(each.sent_s < each.first_token_s <= each.done_s for each in found.requests)
    assert {each.tokens_out for each in found.requests} == {16}


def test_result_of_guidellm_cut_anywhere_is_an_error() -> None:
    text = RESULT.read_text()
    for part in [
        *lines_of(RESULT),
        "",
        "Summary:",
        '{"benchmarks": []}',
        text.replace('"successful": 8', '"successful": 9'),
    ]:
        with pytest.raises(CotejoError, match=r"guidellm's result: line \d+: "):
            parse_benchmark(part)


def test_level_of_guidellm(tmp_path: Path) -> None:
    job = client_job(tmp_path, "guidellm", "openai-completions", rate_rps=10)
    found = parse_benchmark(RESULT.read_text())
    (job.folder / "result.json").write_text(RESULT.read_text())
    prompts = {guidellm.prompt_of(each.body): f"{number}.txt" for number, each in enumerate(found.requests)}
    (job.folder / "items.json").write_text(json.dumps(prompts))
    level = guidellm.read(job, found.begin_s - 3 - (time.time() - time.monotonic()), "")
    assert len(level.samples) + level.warmup_requests == 8 and level.samples
    assert level.warmup_s == pytest.approx(3, abs=1e-3)
    longest_s = max(each.done_s - each.sent_s for each in found.requests)
    assert level.duration_s == pytest.approx(found.end_s - found.begin_s - longest_s)


def test_command_of_guidellm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guidellm, "_program", lambda job: Path("/bin/guidellm"))
    job = client_job(tmp_path, "guidellm", "openai-chat", concurrency=3, warmup_s=1, duration_s=2)
    given = dict(pairwise(guidellm.command(job).command))
    assert given["--profile"] == "kind=concurrent,streams=3,warmup=1"
    assert given["--constraint"] == "kind=max_duration,seconds=3"
    lines = (job.folder / "prompts.jsonl").read_text().splitlines()
    assert len(set(lines)) == len(lines) and json.loads(lines[0])["output_tokens_count"] == 16
