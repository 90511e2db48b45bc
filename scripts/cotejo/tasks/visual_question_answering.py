"""Visual question answering: an image and a question go in, tokens come out, each the most likely one.

How many, the option `answers` says: exactly `new_tokens`, or as many as the model likes, at most `new_tokens`, its end
token being one of them. In process a request is one pair of image and question, from the image's file to the last
token; its preparation (reading, decoding, scaling, normalising, and putting the text into tokens) is part of it, as of
any answer that someone waits for, and is given by itself too, unless it is done `beforehand`.

An engine's `prepare(picture, question)` takes a Pillow image (RGB) and gives a Prepared, which `answer(prepared, least,
most)` turns into a Generation: it ends at the model's end token, but not before `least` tokens. Its `memory_peaks()`,
by the GPU's number, are the most bytes that it held of each since `forget_peaks()`.
"""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from cotejo.datasets import QUESTION, load_items
from cotejo.samples import Clock, Level, one_after_another
from cotejo.tasks import Metric
from cotejo.tasks.text_generation import Generation

if TYPE_CHECKING:
    import pandas as pd
    from PIL.Image import Image

OPTIONS = {"new_tokens": 64}
IN_PROCESS_OPTIONS = {"answers": "exact", "preparation": "per-request", "passes": None}
ARCHITECTURES = ("llava",)
DATASET_KINDS = ("vqa", "images")
LEVELS = ("single-stream",)
UNIT = "token"
COLUMNS = ("preparation_ms",)

# As LLaVA-1.5 was trained, and is evaluated, to be asked for short answers: Liu et al. 2024, "Improved baselines with
# visual instruction tuning", CVPR, 3.2.
SHORT = "Answer the question using a single word or phrase."
MEMORY_PEAK = "memory_allocated_peak_mib"


class Prepared(NamedTuple):
    """What a model takes, by the engine's own names, and how many tokens that is, the image's included."""

    inputs: Mapping[str, Any]
    tokens_in: int


class Engine(Protocol):
    def prepare(self, picture: "Image", question: str) -> Prepared: ...
    def answer(self, prepared: Prepared, least: int, most: int) -> Generation: ...
    def forget_peaks(self) -> None: ...
    def memory_peaks(self) -> Mapping[int, int]: ...
    def properties(self) -> dict[str, Any]: ...


class Pair(NamedTuple):
    item: str
    file: Path
    question: str
    prepared: Prepared | None = None


def load_requests(run: Mapping[str, Any], dataset_folder: Path, model_folder: Path) -> list[Pair]:
    """The data set's pairs; images that come without a question are all asked the same one."""
    instruction = f"\n{SHORT}" if run["answers"] == "short" else ""
    return [
        Pair(item["file"], item["path"], item.get("question", QUESTION) + instruction)
        for item in load_items(dataset_folder, *DATASET_KINDS)
    ]


def measure(
    engine: Engine,
    requests: Sequence[Pair],
    run: Mapping[str, Any],
    level: str,
    output: Path,
    clock: Clock = time.monotonic,
) -> Level:
    most = run["new_tokens"]
    least = most if run["answers"] == "exact" else 0

    def perform(pair: Pair) -> dict[str, Any]:
        begun_s = clock()
        prepared, own = pair.prepared, {}
        if prepared is None:
            prepared = _prepared(engine, pair)
            own = {"preparation_ms": (clock() - begun_s) * 1000}
        generation = engine.answer(prepared, least, most)
        tokens = len(generation.tokens)
        if not least <= tokens <= most:
            raise RuntimeError(f"{tokens} tokens came instead of {'' if least else 'at most '}{most}")
        facts = {"tokens_in": prepared.tokens_in, "tokens_out": tokens, "first_token_s": generation.first_token_s}
        return facts | own

    if run["preparation"] == "beforehand":
        requests = [pair._replace(prepared=_prepared(engine, pair)) for pair in requests]
    engine.forget_peaks()
    result = one_after_another(perform, requests, run, level, clock)
    result.reported |= {f"gpu{number}_{MEMORY_PEAK}": peak / 2**20 for number, peak in engine.memory_peaks().items()}
    return result


def _prepared(engine: Engine, pair: Pair) -> Prepared:
    from PIL import Image as Pillow

    with Pillow.open(pair.file) as image:
        return engine.prepare(image.convert("RGB"), pair.question)


def metrics(samples: "pd.DataFrame", level: Mapping[str, Any], run: Mapping[str, Any]) -> list[Metric]:
    """Inferences and tokens per second of the window, the time of a pass where it has whole ones, percentiles of a
    request's time, medians of its preparation, its first and its further tokens, and the memory of each GPU.

    Time per output token: from the first to the last, over their number but one; none where only one came.
    """
    from cotejo.tasks.latency import latency_metrics, pass_metrics, percentile_metrics

    good = samples[samples["ok"] == 1]
    further = good[good["tokens_out"] > 1]
    tpot_s = (further["done_s"] - further["first_token_s"]) / (further["tokens_out"] - 1)
    prepared_ms = good["preparation_ms"].dropna()
    return [
        Metric("inferences_per_s", len(good) / level["duration_s"], "inferences/s", "higher"),
        Metric("tokens_per_s", float(good["tokens_out"].sum() / level["duration_s"]), "tokens/s", "higher"),
        *pass_metrics(level, run),
        *latency_metrics(good),
        *(percentile_metrics("preparation", prepared_ms / 1000, (50,)) if len(prepared_ms) else ()),
        *percentile_metrics("ttft", good["first_token_s"] - good["scheduled_s"], (50,)),
        *percentile_metrics("tpot", tpot_s, (50,)),
        Metric("tokens_per_inference", float(good["tokens_out"].mean()), "tokens", "lower"),
        *(Metric(name, peak, "MiB", "lower") for name, peak in level["reported"].items()),
    ]
