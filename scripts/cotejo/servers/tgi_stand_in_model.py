"""The model behind TGI's stand-in: one worker that answers one request after another, token by token."""

import queue
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

UNKNOWN = "\N{REPLACEMENT CHARACTER}"  # stands at the end of a text while a character's bytes are incomplete


class Token(NamedTuple):
    """A token as TGI describes it: `text` is what it adds to the text before it."""

    id: int
    text: str
    logprob: float
    special: bool


@dataclass
class Question:
    """A request, and what becomes of it. Instants are those of CLOCK_MONOTONIC."""

    prompt: list[int]
    most: int  # tokens of the answer
    details: bool  # whether they are to be described
    received_s: float
    queued_s: float = 0.0
    begun_s: float = 0.0
    answer: "queue.SimpleQueue[Token | BaseException | None]" = field(default_factory=queue.SimpleQueue)
    finish_reason: str = "length"
    abandoned: bool = False  # nobody waits for the rest any more

    def tokens(self) -> Iterator[Token]:
        """The answer's tokens as they come; raises what went wrong."""
        while (token := self.answer.get()) is not None:
            if isinstance(token, BaseException):
                raise token
            yield token


class Worker:
    """Loads a model from its folder and generates with it: the most likely token each time, until an end or enough."""

    def __init__(self, folder: Path, dtype: str) -> None:
        from transformers import AutoModelForCausalLM, AutoTokenizer

        self.tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        self._model = AutoModelForCausalLM.from_pretrained(
            folder, dtype=dtype, local_files_only=True, use_safetensors=True
        ).eval()
        ends = self._model.generation_config.eos_token_id
        self._ends = set(ends if isinstance(ends, list) else [ends])
        self._special = set(self.tokenizer.all_special_ids)
        self._waiting: queue.SimpleQueue[Question] = queue.SimpleQueue()
        threading.Thread(target=self._work, daemon=True).start()

    def ask(self, question: Question) -> None:
        question.queued_s = time.monotonic()
        self._waiting.put(question)

    def is_last(self, token: Token, number: int, question: Question) -> bool:
        """Whether none follows the token of that number."""
        return number == question.most or token.id in self._ends

    def _work(self) -> None:
        while True:
            question = self._waiting.get()
            question.begun_s = time.monotonic()
            try:
                for token in self._generate(question):
                    question.answer.put(token)
            except Exception as error:  # whatever it is, its request is told, and the next one is served
                question.answer.put(error)
            question.answer.put(None)

    def _generate(self, question: Question) -> Iterator[Token]:
        import torch

        given, cache, text = torch.tensor([question.prompt]), None, Growing(self.tokenizer)
        for _ in range(question.most):
            if question.abandoned:
                return
            with torch.inference_mode():
                output: Any = self._model(given, past_key_values=cache, use_cache=True)
                chances = output.logits[0, -1].float().log_softmax(-1)
            cache = output.past_key_values
            token = int(chances.argmax())
            given = torch.tensor([[token]])
            if token in self._ends:
                question.finish_reason = "eos_token"
            yield Token(token, text.add(token), float(chances[token]), token in self._special)
            if token in self._ends:
                return


class Growing:
    """A text that grows by tokens, some of which are only parts of a character."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._tokens: list[int] = []
        self._begin = self._told = 0  # of what is decoded together, and of what is not yet in the text

    def add(self, token: int) -> str:
        """What the token adds; nothing while a character lacks bytes."""
        self._tokens.append(token)
        before = self._tokenizer.decode(self._tokens[self._begin : self._told])
        now: str = self._tokenizer.decode(self._tokens[self._begin :])
        if now.endswith(UNKNOWN):
            return ""
        self._begin, self._told = self._told, len(self._tokens)
        return now[len(before) :]
