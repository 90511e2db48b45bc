"""PyTorch's own answer to a question, step by step: what the golden answer of a server is held against."""

import base64
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cotejo.apis.questions import Picture, Question
from cotejo.models import architecture
from cotejo.parity import computing_in_float32, stored_type

PICTURED = "llava"  # the architecture whose questions are about an image


class Reference:
    """A model in PyTorch, computing in float32, that has been asked a question.

    `prompt` is the text that the model itself is given, with <image> where the picture stands; without one, the model's
    chat template makes it of the question. What the model has seen stays in its cache, which is cut where another
    answer parts from the last one.
    """

    def __init__(self, kind: str, model_folder: Path, question: Question, prompt: str | None) -> None:
        from transformers import AutoProcessor, AutoTokenizer, DynamicCache

        loader = AutoProcessor if kind == PICTURED else AutoTokenizer
        self._processor = loader.from_pretrained(model_folder, local_files_only=True)
        self._tokenizer = getattr(self._processor, "tokenizer", self._processor)
        self._model = computing_in_float32(architecture(kind).load(model_folder, stored_type(model_folder)))
        self._cache = DynamicCache()
        self._prompt = self._encoded(question, prompt, kind)
        self._prompt_length = 0
        self._seen: list[int] = []
        self._logits: dict[tuple[int, ...], np.ndarray] = {}

    @property
    def ends(self) -> list[int]:
        """The tokens that end an answer."""
        generation: Any = self._model.generation_config
        ends = generation.eos_token_id
        return [] if ends is None else ends if isinstance(ends, list) else [ends]

    def decode(self, tokens: Sequence[int]) -> str:
        return str(self._tokenizer.decode(tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False))

    def step(self, tokens: Sequence[int]) -> np.ndarray:
        """The logits, float64 [vocabulary], of what follows the question and these tokens."""
        import torch

        if not self._prompt_length:
            self._run((), **self._prompt)
            self._prompt_length = int(self._cache.get_seq_length())
        common = 0
        while common < min(len(tokens), len(self._seen)) and tokens[common] == self._seen[common]:
            common += 1
        self._seen = list(tokens[:common])
        self._cache.crop(self._prompt_length + common)
        for token in tokens[common:]:
            self._seen.append(token)
            mask = torch.ones(1, self._prompt_length + len(self._seen), dtype=torch.long)
            self._run(tuple(self._seen), input_ids=torch.tensor([[token]]), attention_mask=mask)
        return self._logits[tuple(tokens)]

    def _run(self, tokens: tuple[int, ...], **inputs: Any) -> None:
        import torch

        with torch.inference_mode():
            output = self._model(**inputs, past_key_values=self._cache, use_cache=True)
        self._logits[tokens] = output.logits[0, -1].double().numpy()

    def _encoded(self, question: Question, prompt: str | None, kind: str) -> dict[str, Any]:
        if prompt is None:
            said: Any = question.text
            if kind == PICTURED:
                said = [{"type": "image"}] * bool(question.picture) + [{"type": "text", "text": question.text}]
            message = {"role": "user", "content": said}
            prompt = self._processor.apply_chat_template([message], add_generation_prompt=True, tokenize=False)
            # A template may begin with what the tokenizer puts first by itself.
            prompt = prompt.removeprefix(self._tokenizer.bos_token or "")
        images = {"images": image(question.picture)} if question.picture else {}
        encoded = dict(self._processor(text=prompt, return_tensors="pt", **images))
        encoded.pop("token_type_ids", None)
        if question.picture:
            encoded["pixel_values"] = encoded["pixel_values"].float()
        return encoded


def image(picture: Picture) -> Any:
    """A picture as Pillow has it (RGB)."""
    from PIL import Image

    return Image.open(io.BytesIO(base64.b64decode(picture.base64))).convert("RGB")
