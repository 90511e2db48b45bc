"""OpenAI's completions, which take a prompt as it is: POST /v1/completions."""

from collections.abc import Mapping
from typing import Any

from cotejo.apis import openai
from cotejo.apis.interface import Item, Request
from cotejo.apis.questions import items
from cotejo.apis.text_answer import COLUMNS, text_of
from cotejo.servers.interface import Endpoint

__all__ = ["COLUMNS", "STREAMS", "TASKS", "Answer", "fixed_answer", "items", "prompt", "request", "text_of"]

TASKS = ("text-generation",)
STREAMS = True


def prompt(item: Item) -> str:
    return str(item.content.text)


def request(item: Item, run: Mapping[str, Any], endpoint: Endpoint) -> Request:
    return openai.request("/v1/completions", {"prompt": prompt(item)}, run, endpoint)


class Answer(openai.Answer):
    __slots__ = ()
    text_at = ("text",)
    delta_at = ("text",)


def fixed_answer(run: Mapping[str, Any]) -> list[bytes]:
    return openai.fixed_answer(run, "text_completion", {"text": "word "}, {"text": "word"})
