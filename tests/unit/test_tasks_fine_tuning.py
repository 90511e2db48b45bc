"""Fine-tuning: which pairs its steps take, what a step's sample says, and what all of them amount to."""

import json
import math
from pathlib import Path

import pandas as pd
import pytest

from cotejo.backends import cuda, transformers_trainer
from cotejo.errors import CotejoError, LossNotFinite, SplitMissing, failure_of
from cotejo.processes import Rank, part_of
from cotejo.samples import COLUMNS
from cotejo.tasks import fine_tuning
from cotejo.tasks.fine_tuning import Pair, load_requests, measure, metrics, planned

RUN = {**fine_tuning.OPTIONS, "batch_size": 4, "epochs": 2, "warmup_steps": 3, "seed": 0}


class Clock:
    def __init__(self):
        self.now_s = 100.0

    def __call__(self):
        return self.now_s


class Engine:
    """Takes a second for its first step, and a quarter for each after it; its losses are `losses`, in order."""

    def __init__(self, clock, losses):
        self.clock = clock
        self.losses = losses
        self.steps = None
        self.others_loss = None

    def train(self, pairs, steps, run, folder, finished):
        self.steps = steps
        for step, loss in enumerate(self.losses):
            self.clock.now_s += 0.25 if step else 1.0
            finished(loss)
        return {"gpu0_memory_allocated_peak_mib": 512.0}

    def mean_of_all(self, values):
        return [*values] if self.others_loss is None else [(value + self.others_loss) / 2 for value in values]


def pairs(number):
    return [Pair(list(range(index + 1)), [1, 2]) for index in range(number)]


def in_order(number, run):
    steps, ended_by = planned(number, run)
    return [pair for step in steps for pair in step], ended_by


def trained(losses, number=10, **changes):
    clock = Clock()
    engine = Engine(clock, losses)
    level = measure(engine, pairs(number), RUN | changes, "training", None, clock)
    return engine, level


def test_every_epoch_takes_every_pair_once_in_an_order_of_its_own():
    order, ended_by = in_order(10, RUN)
    first, second = order[12:22], order[22:]
    assert (len(order), ended_by) == (3 * 4 + 2 * 10, "epochs")
    assert sorted(first) == sorted(second) == list(range(10))
    assert first != second != sorted(second)
    assert in_order(10, RUN)[0] == order
    assert in_order(10, RUN | {"seed": 1})[0] != order


def test_a_warm_up_longer_than_the_data_set_goes_on_at_its_beginning():
    order, _ = in_order(5, RUN)
    assert sorted(order[:5]) == list(range(5))
    assert order[5:10] == order[:5]


@pytest.mark.parametrize(("max_steps", "steps", "ended_by"), [(2, 2, "max-steps"), (5, 5, "epochs"), (90, 5, "epochs")])
def test_max_steps_ends_a_training_that_has_more(max_steps, steps, ended_by):
    taken, found = planned(10, RUN | {"max_steps": max_steps})
    assert (len(taken) - 3, found) == (steps, ended_by)


@pytest.mark.parametrize("processes", [2, 3])
def test_processes_take_every_pair_once_and_as_many_as_each_other(processes):
    steps, ended_by = planned(20, RUN | {"epochs": 1}, processes)
    ranks = [Rank(number, processes) for number in range(processes)]
    parts = [[part_of(step, rank) for rank in ranks] for step in steps]
    assert all(len({len(part) for part in of_step}) == 1 for of_step in parts)
    assert [[pair for part in of_step for pair in part] for of_step in parts] == steps
    measured = [pair for step in steps[3:] for pair in step]
    assert len(set(measured)) == len(measured) == 20 // processes * processes
    assert [len(step) for step in steps[:3]] == [4 * processes] * 3
    assert ended_by == "epochs"


def test_max_steps_counts_steps_of_all_processes():
    steps, ended_by = planned(100, RUN | {"max_steps": 5}, 3)
    assert [len(step) for step in steps[3:]] == [12] * 5
    assert ended_by == "max-steps"


def test_one_of_two_processes_trains_on_its_half_and_its_samples_are_of_both():
    clock = Clock()
    engine = Engine(clock, [9.0, 8.0, 7.0, 6.0, 5.0])
    engine.others_loss = 2.0
    level = measure(engine, pairs(8), RUN, "training", None, clock, Rank(1, 2))
    steps, _ = planned(8, RUN, 2)
    assert engine.steps == [step[4:] for step in steps]
    assert [(sample["pairs"], sample["loss"]) for sample in level.samples] == [(8, 4.0), (8, 3.5)]
    assert level.samples[0]["tokens_in"] == sum(index + 1 for index in steps[3])


def test_each_process_tells_its_memory_under_its_own_rank():
    clock = Clock()
    level = measure(Engine(clock, [9.0] * 5), pairs(8), RUN, "training", None, clock, Rank(1, 2))
    assert set(level.reported) == {"gpu0_memory_allocated_peak_mib", "rank1_rss_peak_mib"}
    assert level.reported["rank1_rss_peak_mib"] > 10


def test_what_does_not_divide_evenly_is_refused():
    with pytest.raises(ValueError, match="5 items can't be divided over 2 processes"):
        part_of([1, 2, 3, 4, 5], Rank(0, 2))


def test_a_sample_is_a_step_after_the_warm_up():
    engine, level = trained([9.0, 8.0, 7.0, 6.0, 5.0, 4.0, 3.0, 2.0])
    assert (level.warmup_requests, level.warmup_s, level.start_monotonic_s) == (3, 1.5, 101.5)
    assert (level.duration_s, level.ended_by, level.concurrency) == (1.25, "epochs", 1)
    assert [sample["loss"] for sample in level.samples] == [6.0, 5.0, 4.0, 3.0, 2.0]
    first = level.samples[0]
    taken = engine.steps[3]
    assert first["tokens_in"] == sum(index + 1 for index in taken)
    assert (first["tokens_out"], first["pairs"], first["item"]) == (8, 4, "4 pairs")
    assert [sample["sent_s"] for sample in level.samples] == [0, 0.25, 0.5, 0.75, 1.0]
    assert all(sample["done_s"] - sample["sent_s"] == 0.25 for sample in level.samples)
    assert set(first) == {*COLUMNS, *fine_tuning.COLUMNS} - {"first_token_s", "error"}


def test_the_last_step_has_what_is_left():
    _, level = trained([9.0] * 6, number=9, epochs=1)
    assert [sample["item"] for sample in level.samples] == ["4 pairs", "4 pairs", "1 pairs"]


@pytest.mark.parametrize("loss", [math.nan, math.inf])
def test_a_loss_that_is_no_number_ends_it(loss):
    with pytest.raises(LossNotFinite) as raised:
        trained([9.0, 8.0, 7.0, 6.0, loss, 1.0, 1.0, 1.0])
    assert failure_of(raised.value) == ("loss-nan", f"the loss was {loss} in step 5 of 8")


def test_steps_that_are_missing_are_an_error():
    with pytest.raises(RuntimeError, match="7 steps were taken instead of 8"):
        trained([9.0] * 7)


def test_metrics_of_known_samples():
    # Sixty steps of a half second, 32 pairs with 320 source and 96 target tokens each; the loss falls from 59 to 0.
    rows = [
        {"index": index, "scheduled_s": index / 2, "done_s": index / 2 + 0.5, "tokens_in": 320, "tokens_out": 96,
         "ok": 1, "pairs": 32, "loss": 59.0 - index}
        for index in range(60)
    ]  # fmt: skip
    memory = {"gpu0_memory_allocated_peak_mib": 512.0, "rank0_rss_peak_mib": 900.5, "rank0_model_state_mib": 460.25}
    level = {"duration_s": 30.0, "reported": memory}
    found = {metric.name: metric for metric in metrics(pd.DataFrame(rows), level, RUN)}
    values = {name: metric.value for name, metric in found.items()}
    assert next(iter(found)) == "train_s"
    assert (values["train_s"], values["steps_per_s"], values["samples_per_s"]) == (30, 2, 64)
    assert values["tokens_per_s"] == pytest.approx(2 * (320 + 96))
    assert values["latency_p50_ms"] == values["latency_p90_ms"] == pytest.approx(500)
    assert values["latency_p95_ms"] is values["latency_p99_ms"] is None  # floors of 90 and 459 samples
    assert (values["loss_start"], values["loss_end"]) == (54.5, 4.5)  # of ten steps each
    assert {name: values[name] for name in memory} == memory
    assert {(found[name].unit, found[name].better) for name in memory} == {("MiB", "lower")}
    assert {found[name].better for name in ("train_s", "loss_end")} == {"lower"}


@pytest.mark.parametrize(("losses", "start", "end"), [([5.0, 3.0], 5, 3), ([5.0, 4.0, 2.0, 0.0, 1.0, 2.0], 4.5, 1.5)])
def test_the_loss_of_few_steps_is_that_of_a_third_of_them(losses, start, end):
    rows = [{"index": i, "scheduled_s": i, "done_s": i + 1, "tokens_in": 1, "tokens_out": 1, "ok": 1, "pairs": 1,
             "loss": loss} for i, loss in enumerate(losses)]  # fmt: skip
    found = metrics(pd.DataFrame(rows), {"duration_s": 2.0, "reported": {}}, RUN)
    values = {metric.name: metric.value for metric in found}
    assert (values["loss_start"], values["loss_end"]) == (start, end)


@pytest.fixture
def folders(tmp_path):
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    words = {word: place for place, word in enumerate(["<pad>", "</s>", "<unk>", "one", "two", "three"])}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.post_processor = processors.TemplateProcessing(single="$0 </s>", special_tokens=[("</s>", 1)])
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    (tmp_path / "pairs.jsonl").write_text(
        "".join(json.dumps(pair) + "\n" for pair in ({"source": "one two three two", "target": "three"},
                                                     {"source": "one", "target": "two four one two"}))
    )  # fmt: skip
    items = [{"file": "pairs.jsonl", "pairs": 2}]
    (tmp_path / "dataset.json").write_text(json.dumps({"kind": "text-pairs", "items": items}))
    return tmp_path


def test_texts_are_cut_to_length_and_keep_what_ends_them(folders):
    found = load_requests(RUN | {"source_tokens": 4, "target_tokens": 3}, folders, folders)
    assert found == [Pair([3, 4, 5, 1], [5, 1]), Pair([3, 1], [4, 2, 1])]


def test_a_model_without_its_tokenizer_is_named(folders, tmp_path):
    with pytest.raises(CotejoError, match=r"no-model/tokenizer.json: no such file"):
        load_requests(RUN, folders, tmp_path / "no-model")


def test_padding_is_neither_attended_to_nor_learnt():
    table = transformers_trainer.padded([Pair([3, 4, 1], [5, 1]), Pair([3, 1], [4, 2, 1])], 0, 4, 3)
    assert table["input_ids"].tolist() == [[3, 4, 1, 0], [3, 1, 0, 0]]
    assert table["attention_mask"].tolist() == [[1, 1, 1, 0], [1, 1, 0, 0]]
    assert table["labels"].tolist() == [[5, 1, -100], [4, 2, 1]]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"stop_width": 0.02}, r"^stop_width: 0.02: a training ends after its epochs, or after max_steps. Delete it"),
        ({"compute_precision": "f16"}, r"^compute_precision: f16: PyTorch trains in f16 on GPUs alone"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(changes, said):
    run = {"stop_width": None, "compute_precision": "f32", "device": "cpu", "cores": 2}
    transformers_trainer.check(run)
    with pytest.raises(CotejoError, match=said):
        transformers_trainer.check(run | changes)


def test_a_split_that_nothing_here_can_do_is_refused_and_never_trained_plainly(monkeypatch):
    monkeypatch.setattr(cuda, "require", lambda gpus: None)
    monkeypatch.setattr(transformers_trainer, "architecture", lambda name: pytest.fail("it loads the model"))
    run = {"device": "cuda", "accelerators": 2, "split": "zero1", "architecture": "t5"}
    with pytest.raises(SplitMissing) as raised:
        transformers_trainer.load(run, Path("model"), Path("model"), 1)
    assert failure_of(raised.value) == (
        "split-missing",
        "split: zero1: needs DeepSpeed. Run `make env-deepspeed` on this machine",
    )
