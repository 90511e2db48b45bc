"""vLLM's benchmarks that load the engine themselves, really run on small models, as a repeat is measured."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from served import LLAMA, needs, python_of, run_with

from cotejo.affinity import mask
from cotejo.command import ROOT
from cotejo.datasets.entries import prepare
from cotejo.files import write_json
from cotejo.measure_server import measure
from cotejo.record import read, read_samples
from cotejo.repeat import Inputs
from cotejo.serving import Driving, Serving
from cotejo.summary import measure_of

pytestmark = pytest.mark.beside

ENGINE = {"kv_cache_gib": 1, "eager": True, "bench_warmups": 2, "timeout_s": 600, "api": "openai-completions"}


def measured(folder: Path, model_folder: Path, dataset: str, **settings: Any) -> tuple[dict[str, Any], pd.DataFrame]:
    """The record of a repeat, and its samples; the launch is taken for granted, being another test's."""
    prepare(ROOT / "config" / "datasets.yaml", dataset, folder / "dataset")
    run = run_with("vllm", LLAMA, **ENGINE, **settings) | {
        "id": "text_vllm", "digest": "0123456789", "name": "text", "study": "demo", "system": "local", "scale": "small",
        "model_digest": "aaaaaaaaaa", "dataset": dataset, "dataset_digest": "bbbbbbbbbb", "format": None,
    }  # fmt: skip
    run = {name: value for name, value in run.items() if name != "concurrency"}
    (folder / "prepared").mkdir()
    launch, output = folder / "launch.json", folder / "r1.json"
    write_json(launch, {"status": "ok", "run": run["digest"], "prepared": {}, "version": "0.32.0+cpu"})
    python = python_of("vllm")
    inputs = Inputs(run, 1, model_folder, folder / "dataset", None, None)
    given, driving = Serving(folder / "prepared", python), Driving(launch, python)
    measure(inputs, given, driving, output, folder / "r1.log", folder / "lock")
    record = read(output)
    assert (record["status"], record["message"]) == ("ok", None)
    return record, read_samples(output, record)


@needs("vllm")
def test_all_requests_at_once_each_answered_as_long_as_the_data_sets_own_answer(tmp_path, model_folder):
    record, samples = measured(
        tmp_path, model_folder(LLAMA), "sharegpt-like", client="vllm-bench-throughput", load="offline",
        bench_requests=12, new_tokens=None,
    )  # fmt: skip
    proven(record, "offline")
    [level] = record["levels"]
    assert level["requests"] == 12 and level["warmup_requests"] == 2 and samples.empty
    reported = level["reported"]
    assert reported["requests_per_s"] == pytest.approx(12 / level["duration_s"])
    answers = reported["tokens_per_s"] * level["duration_s"]
    assert 4 * 12 < answers < reported["total_tokens_per_s"] * level["duration_s"] < 12 * 2048
    assert "synthetic-data" in record["marks"]


@needs("vllm")
def test_one_batch_after_another_each_of_so_many_answers_to_so_many_prompts(tmp_path, model_folder):
    record, samples = measured(
        tmp_path, model_folder(LLAMA), "prompts", client="vllm-bench-latency", load="single-stream", bench_iterations=5,
        bench_batch=2, bench_sequences=3, bench_prompt_tokens=16, new_tokens=8,
    )  # fmt: skip
    proven(record, "single-stream")
    [level] = record["levels"]
    assert len(samples) == level["requests"] == 5 and set(samples["tokens_out"]) == {2 * 3 * 8}
    found = {metric.name: metric.value for metric in measure_of(samples, level, record["run"]).metrics}
    assert found["latency_mean_ms"] == pytest.approx(1000 * level["duration_s"] / 5)
    assert found["tokens_per_s"] == pytest.approx(5 * 48 / level["duration_s"])
    assert "identical-inputs" in record["marks"]


def proven(record: dict[str, Any], load: str) -> None:
    """The client's process was the engine: pinned, watched and measured as a server is, and no server was started."""
    client, server, affinity = record["client"], record["server"], record["affinity"]
    assert client["engine"] and client["calibration"] is None and not client["shared_cores"]
    assert client["cpus"] == affinity["expected_cpus"] == affinity["observed_cpus"] == sorted(mask())
    assert record["command"] == client["command"] and "--kv-cache-memory-bytes" in client["command"]
    assert server["command"] == [] and server["version"] == client["version"] == "0.32.0+cpu"
    [level] = record["levels"]
    assert (level["level"], level["load"]) == (load, load)
    assert level["telemetry"]["cpu_cores"] > 0.1 and not level["telemetry"]["client_cpu_cores"]
    assert record["process"]["exit_code"] == 0
