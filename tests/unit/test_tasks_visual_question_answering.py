"""Visual question answering in process, on a made-up engine and known samples."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from cotejo.datasets import QUESTION
from cotejo.tasks.text_generation import Generation
from cotejo.tasks.visual_question_answering import MEMORY_PEAK, SHORT, Prepared, load_requests, measure, metrics

RUN = {
    "new_tokens": 4, "answers": "exact", "preparation": "per-request", "passes": 1, "warmup_s": 0, "stop_width": None,
    "seed": 0,
}  # fmt: skip


class Clock:
    def __init__(self):
        self.now = 50.0

    def __call__(self):
        return self.now


class Engine:
    """Prepares in a quarter of a second, and takes half a second for each of the tokens that it is told to say."""

    def __init__(self, clock, *lengths):
        self.clock, self.lengths = clock, list(lengths)
        self.prepared, self.asked, self.forgot_at = [], [], None

    def prepare(self, picture, question):
        assert picture.mode == "RGB"
        self.clock.now += 0.25
        self.prepared.append((picture.size, question))
        return Prepared({"question": question}, 7)

    def answer(self, prepared, least, most):
        self.asked.append((prepared.inputs["question"], least, most))
        first_s = self.clock.now + 0.5
        tokens = self.lengths.pop(0) if self.lengths else most
        self.clock.now += 0.5 * tokens
        return Generation([1] * tokens, first_s)

    def forget_peaks(self):
        self.forgot_at = len(self.asked)

    def memory_peaks(self):
        return {0: 3 << 20, 1: 5 << 20}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in (1, 2):
        Image.new("L", (10 * number, 20)).save(tmp_path / f"{number}.png")
    items = [{"file": "1.png", "question": "What is this?"}, {"file": "2.png"}]
    (tmp_path / "dataset.json").write_text(json.dumps({"kind": "vqa", "items": items}))
    return tmp_path


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_each_pair_is_a_request_with_its_own_question_or_the_usual_one(folder):
    pairs = load_requests(RUN, folder, folder)

    assert [(pair.item, pair.question) for pair in pairs] == [("1.png", "What is this?"), ("2.png", QUESTION)]
    assert all(pair.prepared is None for pair in pairs)


def test_a_short_answer_is_asked_for_in_the_question(folder):
    pairs = load_requests(RUN | {"answers": "short"}, folder, folder)

    assert pairs[0].question == f"What is this?\n{SHORT}"


def test_preparation_is_part_of_a_request_and_told_by_itself(folder, clock):
    engine = Engine(clock)
    level = measure(engine, load_requests(RUN, folder, folder), RUN, "single-stream", folder, clock)

    assert len(level.samples) == 2 and level.ended_by == "passes"
    for sample in level.samples:
        assert sample["done_s"] - sample["sent_s"] == pytest.approx(0.25 + 4 * 0.5)
        assert sample["first_token_s"] - sample["sent_s"] == pytest.approx(0.25 + 0.5)
        assert sample["preparation_ms"] == pytest.approx(250)
        assert (sample["tokens_in"], sample["tokens_out"]) == (7, 4)
    assert len(engine.prepared) == len(engine.asked) == 3  # the one of the warm-up too
    assert {size for size, _ in engine.prepared} == {(10, 20), (20, 20)}


def test_preparation_beforehand_costs_no_request_anything(folder, clock):
    engine, run = Engine(clock), RUN | {"preparation": "beforehand"}
    level = measure(engine, load_requests(run, folder, folder), run, "single-stream", folder, clock)

    assert len(engine.prepared) == 2 and len(engine.asked) == 3
    assert all("preparation_ms" not in sample for sample in level.samples)
    assert all(sample["done_s"] - sample["sent_s"] == pytest.approx(2) for sample in level.samples)


def test_an_exact_answer_of_another_length_is_a_failed_request(folder, clock):
    engine = Engine(clock, 4, 4, 3)
    level = measure(engine, load_requests(RUN, folder, folder), RUN, "single-stream", folder, clock)

    assert [sample["ok"] for sample in level.samples] == [1, 0]
    assert level.samples[1]["error"] == "RuntimeError: 3 tokens came instead of 4"
    assert {asked[1:] for asked in engine.asked} == {(4, 4)}


def test_a_free_answer_may_be_shorter_and_no_longer(folder, clock):
    engine, run = Engine(clock, 4, 2, 5), RUN | {"answers": "free"}
    level = measure(engine, load_requests(run, folder, folder), run, "single-stream", folder, clock)

    assert [(sample["ok"], sample.get("tokens_out")) for sample in level.samples] == [(1, 2), (0, None)]
    assert level.samples[1]["error"] == "RuntimeError: 5 tokens came instead of at most 4"
    assert {asked[1:] for asked in engine.asked} == {(0, 4)}


def test_the_memory_of_each_gpu_is_that_of_the_level(folder, clock):
    engine = Engine(clock)
    level = measure(engine, load_requests(RUN, folder, folder), RUN, "single-stream", folder, clock)

    assert engine.forgot_at == 0
    assert level.reported == {f"gpu0_{MEMORY_PEAK}": 3, f"gpu1_{MEMORY_PEAK}": 5}


def test_metrics_of_known_samples():
    # Fifty requests of 1 s, prepared in 0.2 s, with the first of three tokens after 0.4 s; one more that failed.
    samples = pd.DataFrame({"sent_s": np.arange(51.0), "ok": [1] * 50 + [0]})
    samples["scheduled_s"], samples["done_s"] = samples["sent_s"], samples["sent_s"] + 1
    good = samples["ok"] == 1
    for name, value in (("first_token_s", samples["sent_s"] + 0.4), ("tokens_out", 3.0), ("preparation_ms", 200.0)):
        samples[name] = pd.Series(value, index=samples.index).where(good)

    level = {"duration_s": 51.0, "reported": {f"gpu0_{MEMORY_PEAK}": 3.0}}
    found = {each.name: each.value for each in metrics(samples, level, RUN)}

    assert next(iter(found)) == "inferences_per_s"
    assert found["inferences_per_s"] == pytest.approx(50 / 51)
    assert found["tokens_per_s"] == pytest.approx(150 / 51)
    assert found["pass_s"] == 51
    assert found["latency_p90_ms"] == pytest.approx(1000)
    assert found["preparation_p50_ms"] == pytest.approx(200)
    assert found["ttft_p50_ms"] == pytest.approx(400)
    assert found["tpot_p50_ms"] == pytest.approx(300)
    assert found["tokens_per_inference"] == 3
    assert found[f"gpu0_{MEMORY_PEAK}"] == 3


def test_what_was_prepared_beforehand_has_no_time_for_it():
    sample = {"scheduled_s": 0.0, "sent_s": 0.0, "done_s": 1.0, "first_token_s": 0.5, "tokens_out": 2, "ok": 1}
    samples = pd.DataFrame([sample | {"preparation_ms": None}] * 50)
    run = {key: value for key, value in RUN.items() if key != "passes"}

    found = {each.name for each in metrics(samples, {"duration_s": 50.0, "reported": {}}, run)}

    assert "latency_p50_ms" in found
    assert not found & {"preparation_p50_ms", "pass_s"}
