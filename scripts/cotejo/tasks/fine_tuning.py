"""Fine-tuning: pairs of texts, a source and the target to be made of it, in optimiser steps of `batch_size` pairs each.

A sample is a step: forward, backward, and the new weights. An engine's `train(pairs, steps, run, folder, finished)`
takes the steps, each told which pairs are its, calls `finished(loss)` once the weights of a step are there, and gives
what it knows of its process's memory, in MiB by metric. Texts are tokenised, padded and cut to length outside the
clock.

Where several processes train one model (`cotejo.processes`), `batch_size` is each one's, and a sample is a step of all:
they end it together, for none has its new weights before it has the gradients of all, so that the time of one's is that
of the slowest's. Its loss is the mean over the processes, made once all is measured (the engine's `mean_of_all`).
"""

import json
import math
import random
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import cycle, islice, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from cotejo.datasets import load_items
from cotejo.errors import CotejoError, LossNotFinite
from cotejo.processes import Rank, own_rank, part_of, peak_rss_mib
from cotejo.samples import Clock, Level, Sample
from cotejo.tasks import Metric

if TYPE_CHECKING:
    import pandas as pd

OPTIONS = {
    "batch_size": 32,
    "epochs": 3,
    "max_steps": None,
    "warmup_steps": 10,
    "learning_rate": 3e-4,  # what transformers' documentation of T5 recommends with AdamW
    "optimizer": "adamw",
    "source_tokens": 64,
    "target_tokens": 64,
}
ARCHITECTURES = ("t5",)
DATASET_KINDS = ("text-pairs",)
UNREAD = ("duration_s", "warmup_s")  # steps are counted
LEVELS = ("training",)
UNIT = "step"
COLUMNS = ("pairs", "loss")

LOSS_STEPS = 10  # the loss at either end is the mean of so many steps, or of a third of them where they are few

Finished = Callable[[float], None]


class Pair(NamedTuple):
    """Token ids, cut to the run's lengths but not padded."""

    source: list[int]
    target: list[int]


class Engine(Protocol):
    def train(
        self,
        pairs: Sequence[Pair],
        steps: Sequence[Sequence[int]],
        run: Mapping[str, Any],
        folder: Path,
        finished: Finished,
    ) -> dict[str, float]: ...
    def mean_of_all(self, values: Sequence[float]) -> list[float]: ...
    def properties(self) -> dict[str, Any]: ...


def load_requests(run: Mapping[str, Any], dataset_folder: Path, model_folder: Path) -> list[Pair]:
    """The data set's pairs as token ids, by the model's own tokenizer."""
    from tokenizers import Tokenizer

    file = model_folder / "tokenizer.json"
    if not file.is_file():
        raise CotejoError(f"{file}: no such file. Fine-tuning needs the model's tokenizer in this format")
    tokenizer = Tokenizer.from_file(str(file))
    [item] = load_items(dataset_folder, *DATASET_KINDS)
    texts = [json.loads(line) for line in item["path"].read_text(encoding="utf-8").splitlines()]
    sources, targets = (
        _encoded(tokenizer, [pair[side] for pair in texts], run[f"{side}_tokens"]) for side in ("source", "target")
    )
    return [Pair(*ids) for ids in zip(sources, targets, strict=True)]


def _encoded(tokenizer: Any, texts: list[str], most: int) -> list[list[int]]:
    tokenizer.no_padding()
    tokenizer.enable_truncation(most)  # what ends a text stays
    return [encoding.ids for encoding in tokenizer.encode_batch(texts)]


def planned(pairs: int, run: Mapping[str, Any], processes: int = 1) -> tuple[list[list[int]], str]:
    """Which of so many pairs each step takes, all processes together, warm-up first; and what ends the measured ones.

    Each epoch is all pairs in an order of its own, drawn from the seed, and the next goes on where a step isn't full.
    The last step has what is left, but for the pairs, fewer than processes, that would make their parts unlike.
    """
    drawn, batch = random.Random(run["seed"]), run["batch_size"] * processes
    warmup = [*islice(cycle(drawn.sample(range(pairs), pairs)), run["warmup_steps"] * batch)]
    measured = [pair for _ in range(run["epochs"]) for pair in drawn.sample(range(pairs), pairs)]
    measured = measured[: len(measured) // processes * processes]
    most = None if run["max_steps"] is None else run["max_steps"] * batch
    ended_by = "epochs" if most is None or most >= len(measured) else "max-steps"
    return [*_steps(warmup, batch), *_steps(measured[:most], batch)], ended_by


def _steps(order: list[int], batch: int) -> list[list[int]]:
    return [order[first : first + batch] for first in range(0, len(order), batch)]


def measure(
    engine: Engine,
    requests: Sequence[Pair],
    run: Mapping[str, Any],
    level: str,
    output: Path,
    clock: Clock = time.monotonic,
    rank: Rank | None = None,
) -> Level:
    rank = rank or own_rank()
    steps, ended_by = planned(len(requests), run, rank.of)
    warmup = run["warmup_steps"]
    done_s: list[float] = []
    losses: list[float] = []

    def finished(loss: float) -> None:
        done_s.append(clock())
        losses.append(loss)
        if not math.isfinite(loss):
            raise LossNotFinite(f"the loss was {loss} in step {len(losses)} of {len(steps)}")

    begun_s = clock()
    reported = engine.train(requests, [part_of(step, rank) for step in steps], run, output, finished)
    if len(done_s) != len(steps):
        raise RuntimeError(f"{len(done_s)} steps were taken instead of {len(steps)}")
    reported = {**reported, f"rank{rank.number}_rss_peak_mib": peak_rss_mib()}
    losses = engine.mean_of_all(losses)
    start_s = done_s[warmup - 1]
    samples = [
        _sample(level, index, sent_s - start_s, step_done_s - start_s, [requests[pair] for pair in step], loss)
        for index, ((sent_s, step_done_s), step, loss) in enumerate(
            zip(pairwise(done_s[warmup - 1 :]), steps[warmup:], losses[warmup:], strict=True)
        )
    ]
    return Level(
        level,
        warmup_requests=warmup,
        warmup_s=start_s - begun_s,
        start_monotonic_s=start_s,
        duration_s=done_s[-1] - start_s,
        samples=samples,
        concurrency=1,
        ended_by=ended_by,
        reported=reported,
    )


def _sample(level: str, index: int, sent_s: float, done_s: float, pairs: Sequence[Pair], loss: float) -> Sample:
    """Steps of equally many pairs are the same work, whatever the pairs, and so the same item."""
    return {
        "level": level,
        "index": index,
        "item": f"{len(pairs)} pairs",
        "scheduled_s": sent_s,
        "sent_s": sent_s,
        "done_s": done_s,
        "tokens_in": sum(len(pair.source) for pair in pairs),
        "tokens_out": sum(len(pair.target) for pair in pairs),
        "ok": 1,
        "pairs": len(pairs),
        "loss": loss,
    }


def metrics(samples: "pd.DataFrame", level: Mapping[str, Any], run: Mapping[str, Any]) -> list[Metric]:
    """The time of the training, its rates, percentiles of a step's time, the loss at either end, and memory.

    Memory is each process's, by its rank: what PyTorch's tensors took at most of its GPU, what it held at most of its
    host's memory since it was started, and, where its engine tells, how much of the model's state lies with it. Tokens
    are those of the texts, without padding; the loss is the cross-entropy of a target token.
    """
    from cotejo.tasks.latency import latency_metrics

    duration_s = level["duration_s"]
    tokens = samples["tokens_in"].sum() + samples["tokens_out"].sum()
    ordered = samples.sort_values("index")["loss"]
    ends = max(1, min(LOSS_STEPS, len(ordered) // 3))
    return [
        Metric("train_s", duration_s, "s", "lower"),
        Metric("steps_per_s", len(samples) / duration_s, "steps/s", "higher"),
        Metric("samples_per_s", float(samples["pairs"].sum() / duration_s), "pairs/s", "higher"),
        Metric("tokens_per_s", float(tokens / duration_s), "tokens/s", "higher"),
        *latency_metrics(samples),
        Metric("loss_start", float(ordered.head(ends).mean()), "nats", "lower"),
        Metric("loss_end", float(ordered.tail(ends).mean()), "nats", "lower"),
        *(Metric(name, value, "MiB", "lower") for name, value in level["reported"].items()),
    ]
