"""OpenAI's chat completions: POST /v1/chat/completions, images as data URIs."""

from collections.abc import Mapping
from typing import Any

from cotejo.apis import openai
from cotejo.apis.interface import Item, Request
from cotejo.apis.questions import TASKS, Question, items
from cotejo.apis.text_answer import COLUMNS, text_of
from cotejo.servers.interface import Endpoint

__all__ = ["COLUMNS", "STREAMS", "TASKS", "Answer", "fixed_answer", "items", "request", "text_of"]

STREAMS = True


def request(item: Item, run: Mapping[str, Any], endpoint: Endpoint) -> Request:
    question = {"messages": [{"role": "user", "content": _content(item.content)}]}
    return openai.request("/v1/chat/completions", question, run, endpoint)


def _content(question: Question) -> Any:
    if question.picture is None:
        return question.text
    return [
        {"type": "image_url", "image_url": {"url": question.picture.data_uri()}},
        {"type": "text", "text": question.text},
    ]


class Answer(openai.Answer):
    __slots__ = ()
    text_at = ("message", "content")
    delta_at = ("delta", "content")


def fixed_answer(run: Mapping[str, Any]) -> list[bytes]:
    kind = "chat.completion.chunk" if run.get("stream") else "chat.completion"
    whole = {"message": {"role": "assistant", "content": "word"}}
    return openai.fixed_answer(run, kind, {"delta": {"content": "word "}}, whole)
