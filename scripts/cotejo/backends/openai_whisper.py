"""Speech recognition by openai-whisper's own decoding, on whatever computes its encoder and its decoder."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from cotejo.tasks.speech_recognition import Transcript

# Bounded and free of second thoughts: no fallback to other temperatures, no step that depends on an earlier window.
OPTIONS: dict[str, Any] = {
    "language": "en",
    "without_timestamps": True,
    "temperature": 0.0,
    "fp16": False,
    "condition_on_previous_text": False,
    "compression_ratio_threshold": None,
    "logprob_threshold": None,
    "no_speech_threshold": None,
    "verbose": None,
}


class _Steps:
    """How often the decoder has run since `clear()`, and the instant after the first time."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        self.count = 0
        self.first_s = 0.0

    def note(self) -> None:
        self.count += 1
        if self.count == 1:
            self.first_s = time.monotonic()


class Transcriber:
    """An engine of the speech task; `model` is a whisper.model.Whisper, and `inference` what runs its decoder."""

    def __init__(self, model: Any, inference: type) -> None:
        self._model = model
        self._steps = steps = _Steps()

        class Counted(inference):
            def logits(self, tokens: Any, audio_features: Any) -> Any:
                answer = super().logits(tokens, audio_features)
                steps.note()
                return answer

        self._inference = Counted

    def prepare(self, audio: np.ndarray) -> np.ndarray:
        return audio

    def transcribe(self, clip: np.ndarray, decode_tokens: int) -> Transcript:
        self._steps.clear()
        with _decoding_by(self._inference):
            result = self._model.transcribe(clip, sample_len=decode_tokens, **OPTIONS)
        tokens_out = sum(len(segment["tokens"]) for segment in result["segments"])
        return Transcript(result["text"], tokens_out, self._steps.count, self._steps.first_s)


@contextmanager
def _decoding_by(inference: type) -> Iterator[None]:
    """openai-whisper finds what runs its decoder by a name in its own module, and nowhere else."""
    import whisper.decoding

    own = whisper.decoding.PyTorchInference
    whisper.decoding.PyTorchInference = inference
    try:
        yield
    finally:
        whisper.decoding.PyTorchInference = own
