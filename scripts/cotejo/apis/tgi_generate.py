"""Text Generation Inference's own API: POST /generate, and /generate_stream where answers are streamed.

https://huggingface.co/docs/text-generation-inference/reference/api_reference. It has no way to ask for tokens beyond
the end that the model sees: `tokens_out` says how many came.
"""

import json
from collections.abc import Mapping
from typing import Any

from cotejo.apis import sse
from cotejo.apis.interface import AnswerError, Item, Request
from cotejo.apis.questions import TASKS, Question, items
from cotejo.apis.text_answer import COLUMNS, Counts, TextAnswer, Token, columns, counted, text_of
from cotejo.servers.interface import Endpoint

__all__ = ["COLUMNS", "STREAMS", "TASKS", "Answer", "fixed_answer", "items", "prompt", "request", "text_of"]

STREAMS = True


def prompt(item: Item) -> str:
    """As the model is given it: the server puts the image's tokens where the image stands."""
    return ("<image>" if item.content.picture else "") + item.content.text


def request(item: Item, run: Mapping[str, Any], endpoint: Endpoint) -> Request:
    parameters = {"max_new_tokens": run["new_tokens"], "do_sample": False, "details": True}
    body = json.dumps({"inputs": _inputs(item.content), "parameters": parameters}, ensure_ascii=False)
    path = "/generate_stream" if run.get("stream") else "/generate"
    return Request(path, (body.encode(),), {"Content-Type": "application/json", **endpoint.headers})


def _inputs(question: Question) -> str:
    """An image stands in the text, as in Markdown."""
    picture = f"![]({question.picture.data_uri()})" if question.picture else ""
    return picture + question.text


class Answer(TextAnswer):
    """An answer of either path: events, each with one token, of which the last has the whole text; or that alone."""

    __slots__ = ()

    def end(self, status: int) -> dict[str, Any]:
        self.refuse_status(status)
        body = self.body()
        if not body.startswith(b"data:"):
            return self._whole(sse.json_object(body))
        tokens, counts = [], None
        for value, now_s in sse.json_events(self.pieces):
            token = value.get("token")
            if not isinstance(token, dict) or not isinstance(token.get("text"), str):
                raise AnswerError(f"an event without a token: {value!r:.100}")
            if token["text"] and not token.get("special"):
                tokens.append(Token(token["text"], now_s))
            if value.get("generated_text") is not None:
                self.text, counts = str(value["generated_text"]), _counts(value)
        if counts is None:
            raise AnswerError(f"the stream ends after {len(tokens)} tokens, without generated_text: truncated")
        return columns(self.item, tokens, counts, timed=True)

    def _whole(self, value: dict[str, Any]) -> dict[str, Any]:
        if not isinstance(value.get("generated_text"), str):
            raise AnswerError(f"an answer without generated_text: {value!r:.100}")
        self.text = value["generated_text"]
        return columns(self.item, [Token(self.text, 0.0)], _counts(value), timed=False)


def _counts(value: Mapping[str, Any]) -> Counts:
    return counted(value.get("details"), None, "generated_tokens")


def fixed_answer(run: Mapping[str, Any]) -> list[bytes]:
    tokens = run["new_tokens"]
    details = {"finish_reason": "length", "generated_tokens": tokens, "seed": None, "prefill": [], "tokens": []}
    last = {"generated_text": "word " * tokens, "details": details}
    if not run.get("stream"):
        return [json.dumps(last).encode()]
    token = {"id": 1, "text": "word ", "logprob": -1.0, "special": False}
    pieces = [sse.event({"index": 1, "token": token, "generated_text": None, "details": None})] * (tokens - 1)
    return [*pieces, sse.event({"index": tokens, "token": token, **last})]
