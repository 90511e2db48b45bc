"""Text generation by transformers' own generate(), which PyTorch models and optimum's OpenVINO models share."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from cotejo.tasks.text_generation import Generation


class _FirstToken:
    """What generate() calls a streamer: it is given the prompt first, then each new token."""

    def __init__(self) -> None:
        self.seen = 0
        self.at_s = 0.0

    def put(self, tokens: Any) -> None:
        self.seen += 1
        if self.seen == 2:
            self.at_s = time.monotonic()

    def end(self) -> None:
        pass


class Greedy:
    """Generates with a model's generate(): the most likely token each time, as many as asked for.

    `device` is torch's name of where the model takes its inputs.
    """

    def __init__(self, model: Any, device: str = "cpu") -> None:
        from transformers import GenerationConfig

        special = model.generation_config
        end = special.eos_token_id
        padding = special.pad_token_id
        # A published model's own file may ask for sampling.
        model.generation_config = GenerationConfig(
            do_sample=False,
            bos_token_id=special.bos_token_id,
            eos_token_id=end,
            pad_token_id=padding if padding is not None else end[0] if isinstance(end, list) else end,
        )
        self.model = model
        self.device = device

    def generate(self, tokens: Sequence[int], new_tokens: int) -> Generation:
        import torch

        prompt = torch.tensor([tokens])
        return self.follow({"input_ids": prompt, "attention_mask": torch.ones_like(prompt)}, new_tokens, new_tokens)

    def follow(self, inputs: Mapping[str, Any], least: int, most: int) -> Generation:
        """What follows a prompt, `input_ids` [1, tokens] among the inputs: up to an end token, but not before `least`.

        Reading the tokens waits for all that computes them, on a GPU too: no clock is read before they are known.
        """
        first = _FirstToken()
        given = {name: value.to(self.device) for name, value in inputs.items()}
        answer = self.model.generate(**given, min_new_tokens=least, max_new_tokens=most, streamer=first)
        return Generation(answer[0, inputs["input_ids"].shape[1] :].tolist(), first.at_s)
