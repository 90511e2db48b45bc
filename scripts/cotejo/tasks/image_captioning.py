"""Image captioning: one forward pass from an image and `caption_tokens` tokens to the next tokens' logits.

That is what the published guide calls an inference. An engine's `infer(pixels, tokens)` takes pixels as float32
[1, 3, size, size] and token ids as int64 [1, caption_tokens], and gives the logits as [1, caption_tokens, vocabulary].
Images are read, scaled and normalised outside the clock.
"""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from cotejo.files import read_json
from cotejo.samples import Clock, Level, one_after_another
from cotejo.tasks import Metric

if TYPE_CHECKING:
    import pandas as pd

OPTIONS = {"caption_tokens": 7}
IN_PROCESS_OPTIONS = {"passes": None}
ARCHITECTURES = ("blip",)
DATASET_KINDS = ("images", "vqa")
LEVELS = ("single-stream",)
UNIT = "inference"
COLUMNS = ()


class Engine(Protocol):
    def infer(self, pixels: np.ndarray, tokens: np.ndarray) -> np.ndarray: ...
    def properties(self) -> dict[str, Any]: ...


class Image(NamedTuple):
    item: str
    pixels: np.ndarray
    tokens: np.ndarray


def load_requests(run: Mapping[str, Any], dataset_folder: Path, model_folder: Path) -> list[Image]:
    """Every image as the model's processor prepares it, with a caption's first tokens, drawn from the run's seed."""
    config = read_json(model_folder / "config.json")["text_config"]
    processor = read_json(model_folder / "preprocessor_config.json")
    drawn = np.random.default_rng(run["seed"]).integers(0, config["vocab_size"], run["caption_tokens"] - 1)
    tokens = np.array([[config["bos_token_id"], *drawn]], dtype=np.int64)
    return [
        Image(item["file"], prepared(dataset_folder / item["file"], processor), tokens)
        for item in read_json(dataset_folder / "dataset.json")["items"]
    ]


def prepared(file: Path, processor: Mapping[str, Any]) -> np.ndarray:
    """An image file scaled to the processor's size and normalised: float32 [1, 3, height, width]."""
    from PIL import Image as Pillow

    size = (processor["size"]["width"], processor["size"]["height"])
    with Pillow.open(file) as image:
        scaled = image.convert("RGB").resize(size, Pillow.Resampling(processor["resample"]))
    values = np.asarray(scaled, dtype=np.float32) * processor["rescale_factor"]
    mean, deviation = (np.array(processor[name], dtype=np.float32) for name in ("image_mean", "image_std"))
    return np.ascontiguousarray(((values - mean) / deviation).transpose(2, 0, 1)[None], dtype=np.float32)


def measure(
    engine: Engine,
    requests: Sequence[Image],
    run: Mapping[str, Any],
    level: str,
    output: Path,
    clock: Clock = time.monotonic,
) -> Level:
    def perform(image: Image) -> dict[str, Any]:
        logits = engine.infer(image.pixels, image.tokens)
        if logits.shape[:2] != image.tokens.shape:
            raise RuntimeError(f"logits of shape {logits.shape} came for {image.tokens.shape[1]} tokens")
        return {"tokens_in": image.tokens.shape[1]}

    return one_after_another(perform, requests, run, level, clock)


def metrics(samples: "pd.DataFrame", level: Mapping[str, Any], run: Mapping[str, Any]) -> list[Metric]:
    """Inferences per second of the window, and percentiles of one's time."""
    from cotejo.tasks.latency import latency_metrics, pass_metrics

    good = samples[samples["ok"] == 1]
    rate = Metric("inferences_per_s", len(good) / level["duration_s"], "inferences/s", "higher")
    return [rate, *pass_metrics(level, run), *latency_metrics(good)]
