"""Fine-tuning for real in several processes of this machine, which torchrun starts: what one process with their batch
learns, they learn; and what becomes of all where one of them fails.
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
from training import ONE_THREAD, PAIRS, listened_on, measured, prepared, record_of, start, without_dropout

from cotejo.affinity import process_tree
from cotejo.summary import read_attempt, summarise
from cotejo.verdict import THRESHOLDS

pytestmark = pytest.mark.beside

# Targets are cut to eight tokens, so that the mean of two processes' means is the mean over all tokens.
STUDY = """
title: fine-tuning together
defaults:
  {model: t5-small, weights: synthetic, scale: small, dataset: few-pairs, backend: transformers-trainer, cores: 2,
   source_tokens: 24, target_tokens: 6, warmup_steps: 2, learning_rate: 0.003, epochs: 1, timeout_s: 120}
runs:
  - {name: one, batch_size: 8, cores: 1}
  - {name: two, batch_size: 4, processes: 2, split: data_parallel}
  - {name: zero, processes: 2, split: zero1}
  - {name: long, processes: 2, split: data_parallel, epochs: 1000}
figures: []
"""


@pytest.fixture(scope="module")
def tuning(tmp_path_factory):
    return prepared(tmp_path_factory.mktemp("together"), STUDY)


@pytest.fixture(scope="module")
def model(model_folder, tmp_path_factory) -> Path:
    return without_dropout(model_folder("t5-small"), tmp_path_factory.mktemp("models") / "undropping")


def ranks_of(root: int) -> dict[int, int]:
    """The processes of a training that descend from a process, by their ranks."""
    found = {}
    for process in process_tree(root):
        try:
            words = Path(f"/proc/{process}/cmdline").read_text().split("\0")
            told = dict(word.partition("=")[::2] for word in Path(f"/proc/{process}/environ").read_text().split("\0"))
        except OSError:  # it has ended
            continue
        if "cotejo.rank" in words and "RANK" in told:
            found[int(told["RANK"])] = process
    return found


def test_two_processes_learn_what_one_with_their_batch_learns(tuning, model, tmp_path):
    dataset, runs = tuning
    process = start(runs["two"], model, dataset, tmp_path)
    addresses = set()
    while process.poll() is None:
        addresses |= listened_on(process.pid)
        time.sleep(0.2)
    assert process.returncode == 0, process.communicate()[0]
    assert addresses == {"127.0.0.1"}
    attempt = read_attempt(record_of(runs["two"], tmp_path))
    record = attempt.record

    assert (record["status"], record["message"]) == ("ok", None)
    assert record["affinity"]["violations"] == []
    assert [rank["rank"] for rank in record["ranks"]] == [0, 1]
    cpus = [rank["expected_cpus"] for rank in record["ranks"]]
    assert sorted(cpus[0] + cpus[1]) == record["affinity"]["expected_cpus"]
    assert cpus == [rank["observed_cpus"] for rank in record["ranks"]]
    assert all(rank["peak_rss_mib"] > 200 for rank in record["ranks"])
    assert record["process"]["threads"] == record["runtime"]["num_threads"] == 1
    assert record["runtime"]["global_batch_size"] == 8
    assert "nodes" not in record
    [level] = record["levels"]
    found = summarise([runs["two"]], [attempt], THRESHOLDS).set_index("metric")["median"]
    assert found["samples_per_s"] == pytest.approx(PAIRS / level["duration_s"])

    alone = tmp_path / "alone"
    alone.mkdir()
    job = {"run": runs["one"], "artefact": str(model), "model_folder": str(model), "dataset_folder": str(dataset),
           "threads": 1, "output": str(alone)}  # fmt: skip
    (alone / "job.json").write_text(json.dumps(job))
    command = [sys.executable, "-m", "cotejo.worker", "--job", str(alone / "job.json")]
    subprocess.run(command, env=os.environ | ONE_THREAD, check=True, timeout=120)
    one, two = (
        pd.read_csv(file)
        for file in (alone / "samples.csv", record_of(runs["two"], tmp_path).with_suffix(".samples.csv"))
    )
    assert two["pairs"].tolist() == one["pairs"].tolist() == [8] * 7 + [4]
    assert two["tokens_in"].tolist() == one["tokens_in"].tolist()
    assert two["loss"].tolist() == pytest.approx(one["loss"].tolist(), rel=1e-4)


def test_a_process_that_is_killed_ends_them_all_and_nothing_is_left(tuning, model, tmp_path):
    dataset, runs = tuning
    process = start(runs["long"], model, dataset, tmp_path)
    while len(ranks := ranks_of(process.pid)) < 2 or len(listened_on(ranks[1])) < 1:
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.05)
    tree = process_tree(process.pid)[1:]
    os.kill(ranks[1], signal.SIGKILL)
    said, _ = process.communicate(timeout=60)

    assert process.returncode == 0, said
    record = json.loads(record_of(runs["long"], tmp_path).read_text())
    assert (record["reason"], record["message"]) == ("killed", "rank 1: ended by SIGKILL")
    assert [each for each in tree if Path(f"/proc/{each}").exists()] == []


def test_what_a_process_says_of_its_failure_is_the_records(tuning, model, tmp_path):
    dataset, runs = tuning
    file = measured(runs["zero"], model, dataset, tmp_path, Path(sys.executable))  # which has no DeepSpeed
    record = json.loads(file.read_text())
    assert (record["status"], record["reason"]) == ("failed", "split-missing")
    assert "needs DeepSpeed" in record["message"]
