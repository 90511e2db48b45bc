"""Speech recognition: an audio clip goes in, its transcript comes out.

An engine's `prepare(audio)` is given float32 samples at 16 kHz, mono, outside the clock; its `transcribe(clip,
decode_tokens)` makes a Transcript of what came of that. Decoding is greedy: at most `decode_tokens` per window.
"""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from cotejo.errors import CotejoError
from cotejo.files import read_json
from cotejo.samples import Clock, Level, one_after_another
from cotejo.tasks import Metric

if TYPE_CHECKING:
    import pandas as pd

OPTIONS = {"decode_tokens": 64}
IN_PROCESS_OPTIONS = {"passes": None}
ARCHITECTURES = ("whisper",)
DATASET_KINDS = ("audio",)
LEVELS = ("single-stream",)
UNIT = "audio second"
COLUMNS = ("audio_s", "decode_steps")

RATE_HZ = 16000
WINDOW_S = 30  # Whisper hears so much at once


class Transcript(NamedTuple):
    """What was said, in how many tokens, how often the decoder ran for them, and when its first answer was known."""

    text: str
    tokens_out: int
    decode_steps: int
    first_token_s: float


class Engine(Protocol):
    def prepare(self, audio: np.ndarray) -> Any: ...
    def transcribe(self, clip: Any, decode_tokens: int) -> Transcript: ...
    def properties(self) -> dict[str, Any]: ...


class Clip(NamedTuple):
    item: str
    audio: Any
    audio_s: float


def load_requests(run: Mapping[str, Any], dataset_folder: Path, model_folder: Path) -> list[Clip]:
    """The data set's recordings, decoded and resampled."""
    clips = []
    for item in read_json(dataset_folder / "dataset.json")["items"]:
        audio = load_audio(dataset_folder / item["file"])
        clips.append(Clip(item["file"], audio, len(audio) / RATE_HZ))
    return clips


def load_audio(file: Path) -> np.ndarray:
    """A file's first audio stream as float32 samples in -1…1 at 16 kHz, mono."""
    import av

    resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE_HZ)
    with av.open(str(file)) as container:
        if not container.streams.audio:
            raise CotejoError(f"{file}: holds no audio. Take it out of the data set")
        frames = [part for frame in container.decode(audio=0) for part in resampler.resample(frame)]
    frames += resampler.resample(None)
    return np.concatenate([frame.to_ndarray()[0] for frame in frames])


def measure(
    engine: Engine,
    requests: Sequence[Clip],
    run: Mapping[str, Any],
    level: str,
    output: Path,
    clock: Clock = time.monotonic,
) -> Level:
    def perform(clip: Clip) -> dict[str, Any]:
        transcript = engine.transcribe(clip.audio, run["decode_tokens"])
        return {
            "first_token_s": transcript.first_token_s,
            "tokens_out": transcript.tokens_out,
            "decode_steps": transcript.decode_steps,
            "audio_s": clip.audio_s,
        }

    prepared = [clip._replace(audio=engine.prepare(clip.audio)) for clip in requests]
    return one_after_another(perform, prepared, run, level, clock)


def metrics(samples: "pd.DataFrame", level: Mapping[str, Any], run: Mapping[str, Any]) -> list[Metric]:
    """Seconds of work per second of audio (below 1 is faster than real time), decode steps per second, percentiles."""
    from cotejo.tasks.latency import latency_metrics, pass_metrics

    good = samples[samples["ok"] == 1]
    if good.empty:
        return []
    busy_s = (good["done_s"] - good["sent_s"]).sum()
    return [
        Metric("real_time_factor", float(busy_s / good["audio_s"].sum()), "s/s", "lower"),
        Metric("decode_steps_per_s", float(good["decode_steps"].sum() / level["duration_s"]), "steps/s", "higher"),
        *pass_metrics(level, run),
        *latency_metrics(good),
    ]
