"""OpenVINO GenAI: Llama and Whisper by its own C++ pipelines, without PyTorch."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cotejo.backends.openvino_runtime import PLUGINS, resolved_alike, settings
from cotejo.tasks.speech_recognition import RATE_HZ, WINDOW_S, Transcript
from cotejo.tasks.text_generation import Generation

# Its speech pipeline wants a layout of its own.
FORMATS = {"llama": "openvino", "whisper": "openvino-genai"}
ARCHITECTURES = tuple(FORMATS)
PRECISIONS = ("fp32", "fp16", "int8", "int4")
DEVICES = ("cpu",)
SPLITS = ()
WINDOW = RATE_HZ * WINDOW_S
DISTRIBUTIONS = ("openvino-genai", "openvino", "openvino-tokenizers", "tokenizers", "numpy", "av")


def load(run: Mapping[str, Any], artefact: Path, model_folder: Path, threads: int) -> "Llama | Whisper":
    device, properties = PLUGINS[run["device"]], settings(run, threads, "LATENCY")
    engine = Llama if run["architecture"] == "llama" else Whisper
    return engine(artefact, device, properties)


class Llama:
    """An engine of the text task. It has no streamer: the pipeline itself tells when its first token was known."""

    def __init__(self, artefact: Path, device: str, properties: Mapping[str, Any]) -> None:
        from openvino_genai import LLMPipeline

        self._properties = resolved_alike(device, properties)
        self._pipeline = LLMPipeline(artefact, device, **properties)
        self._end = self._pipeline.get_generation_config().eos_token_id

    def generate(self, tokens: Sequence[int], new_tokens: int) -> Generation:
        from openvino import Tensor
        from openvino_genai import GenerationConfig, TokenizedInputs

        prompt = np.array([tokens], dtype=np.int64)
        config = GenerationConfig(
            min_new_tokens=new_tokens, max_new_tokens=new_tokens, do_sample=False, eos_token_id=self._end
        )
        begun_s = time.monotonic()
        answer = self._pipeline.generate(TokenizedInputs(Tensor(prompt), Tensor(np.ones_like(prompt))), config)
        first_s = answer.perf_metrics.raw_metrics.m_times_to_first_token[0] / 1e6
        return Generation(answer.tokens[0], begun_s + first_s)

    def properties(self) -> dict[str, Any]:
        return self._properties


class Whisper:
    """An engine of the speech task. It hears window by window, as openai-whisper does: by itself the pipeline would go
    through a long clip by the timestamps that it decodes, and bound all windows' tokens together."""

    def __init__(self, artefact: Path, device: str, properties: Mapping[str, Any]) -> None:
        from openvino_genai import WhisperPipeline

        self._properties = resolved_alike(device, properties)
        self._pipeline = WhisperPipeline(artefact, device, **properties)
        self._config = self._pipeline.get_generation_config()
        self._config.language, self._config.task, self._config.return_timestamps = "<|en|>", "transcribe", False

    def prepare(self, audio: np.ndarray) -> list[list[float]]:
        """Windows as the lists of floats that the pipeline takes."""
        return [audio[begin : begin + WINDOW].tolist() for begin in range(0, len(audio), WINDOW)]

    def transcribe(self, clip: list[list[float]], decode_tokens: int) -> Transcript:
        self._config.max_new_tokens = decode_tokens
        begun_s = time.monotonic()
        answers = [self._pipeline.generate(window, self._config) for window in clip]
        told = [answer.perf_metrics.raw_metrics for answer in answers]
        return Transcript(
            text="".join(answer.texts[0] for answer in answers),
            tokens_out=sum(answer.perf_metrics.get_num_generated_tokens() for answer in answers),
            decode_steps=sum(len(raw.token_infer_durations) for raw in told),
            first_token_s=begun_s + told[0].m_times_to_first_token[0] / 1e6,
        )

    def properties(self) -> dict[str, Any]:
        return self._properties
