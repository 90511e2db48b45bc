"""Whisper's encoder and decoder on OpenVINO's runtime, under openai-whisper's own decoding."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from cotejo.backends.openai_whisper import Transcriber
from cotejo.backends.openvino_runtime import PLUGINS, resolved, settings
from cotejo.files import read_json
from cotejo.models.whisper import dimensions


class Encoder:
    """Stands in for Whisper.encoder: a spectrogram in, audio features out, and the decoder's cross-attention kept."""

    def __init__(self, compiled: Any) -> None:
        self._request = compiled.create_infer_request()
        self.cross: list[Any] = []

    def __call__(self, mel: Any) -> Any:
        import torch

        self._request.infer([mel.contiguous().numpy()], share_inputs=True)
        encoded, *self.cross = self._request.output_tensors
        return torch.from_numpy(encoded.data)


class Decoder:
    """The decoder step by step. Two requests take turns, so that one's cache is the other's input and is not copied."""

    def __init__(self, compiled: Any, width: int) -> None:
        self._requests = [compiled.create_infer_request() for _ in range(2)]
        self._width = width
        self._past: list[Any] = []

    def begin(self, sequences: int, cross: list[Any]) -> None:
        """Start a window: an empty cache, and the encoder's keys and values."""
        from openvino import Tensor

        empty = np.zeros((sequences, 0, self._width), dtype=np.float32)
        self._past = [Tensor(empty) for _ in cross]
        for request in self._requests:
            for place, tensor in enumerate(cross, start=1 + len(cross)):
                request.set_input_tensor(place, tensor)

    def step(self, tokens: np.ndarray) -> np.ndarray:
        """int64 [sequences, tokens] → logits, float32 [sequences, tokens, vocabulary], valid until the next step."""
        from openvino import Tensor

        request = self._requests[0]
        self._requests.reverse()
        request.set_input_tensor(0, Tensor(tokens, shared_memory=True))
        for place, tensor in enumerate(self._past, start=1):
            request.set_input_tensor(place, tensor)
        request.infer()
        logits, *self._past = request.output_tensors
        result: np.ndarray = logits.data
        return result


class OpenVinoTranscriber(Transcriber):
    def __init__(self, model: Any, inference: type, compiled: Mapping[str, Any]) -> None:
        super().__init__(model, inference)
        self._compiled = compiled

    def properties(self) -> dict[str, Any]:
        return {name: resolved(compiled) for name, compiled in self._compiled.items()}


def load_whisper(run: Mapping[str, Any], artefact: Path, model_folder: Path, threads: int) -> OpenVinoTranscriber:
    """openai-whisper's model without its weights: only its dimensions and its decoding are used."""
    import openvino
    import torch
    from whisper.decoding import Inference
    from whisper.model import ModelDimensions, Whisper

    torch.set_num_threads(threads)
    core = openvino.Core()
    compiled = {
        part: core.compile_model(artefact / f"{part}.xml", PLUGINS[run["device"]], settings(run, threads, "LATENCY"))
        for part in ("encoder", "decoder")
    }
    size = ModelDimensions(**dimensions(read_json(model_folder / "config.json")))
    encoder = Encoder(compiled["encoder"])
    decoder = Decoder(compiled["decoder"], size.n_text_state)

    class Model(Whisper):
        def __init__(self) -> None:
            torch.nn.Module.__init__(self)
            self.dims = size
            self.encoder = encoder

        @property
        def device(self) -> torch.device:
            return torch.device("cpu")

    class Steps(Inference):
        def __init__(self, model: Whisper, initial_token_length: int) -> None:
            self._begun = False

        def logits(self, tokens: torch.Tensor, audio_features: torch.Tensor) -> torch.Tensor:
            if not self._begun:
                decoder.begin(tokens.shape[0], encoder.cross)
                self._begun = True
            else:
                tokens = tokens[:, -1:]
            return torch.from_numpy(decoder.step(tokens.contiguous().numpy()))

    return OpenVinoTranscriber(Model(), Steps, compiled)
