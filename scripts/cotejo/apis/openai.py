"""OpenAI's API, what chat and completions have in common: https://platform.openai.com/docs/api-reference.

Servers add fields of their own, by which an answer gets exactly the number of tokens asked for: `request_fields(run)`
of a server's module gives them, and `request_headers(run)` what its connections need.
"""

import json
from collections.abc import Mapping
from typing import Any

from cotejo.apis import sse
from cotejo.apis.interface import AnswerError, Request
from cotejo.apis.text_answer import Counts, TextAnswer, Token, columns, counted
from cotejo.servers import server
from cotejo.servers.interface import Endpoint


def request(path: str, question: Mapping[str, Any], run: Mapping[str, Any], endpoint: Endpoint) -> Request:
    """A request for `new_tokens` tokens, each the most likely one; streamed where the run's `stream` says so."""
    body: dict[str, Any] = {"model": endpoint.model, "max_tokens": run["new_tokens"], "temperature": 0}
    if run.get("stream"):
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    body |= _of_server("request_fields", run) | {**question}
    data = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    headers = {"Content-Type": "application/json"} | endpoint.headers | _of_server("request_headers", run)
    return Request(path, (data,), headers)


def _of_server(what: str, run: Mapping[str, Any]) -> dict[str, Any]:
    if run["server"] is None:  # the null server
        return {}
    module = server(run["server"])
    return getattr(module, what)(run) if hasattr(module, what) else {}


class Answer(TextAnswer):
    """An answer of OpenAI's API, streamed or whole. `text_at`: where a choice has its text, `delta_at` in a stream."""

    __slots__ = ()
    text_at: tuple[str, ...]
    delta_at: tuple[str, ...]

    def end(self, status: int) -> dict[str, Any]:
        self.refuse_status(status)
        body = self.body()
        if body.lstrip()[:1] == b"{":
            return self._whole(sse.json_object(body))
        return self._streamed()

    def _whole(self, value: dict[str, Any]) -> dict[str, Any]:
        choice = _choice(value)
        if choice is None:
            raise AnswerError("an answer without choices")
        self.text = _text(choice, self.text_at)
        return columns(self.item, [Token(self.text, 0.0)], _counts(value), timed=False)

    def _streamed(self) -> dict[str, Any]:
        tokens, counts, finished = [], Counts(), False
        for value, now_s in sse.json_events(self.pieces):
            if value.get("usage"):
                counts = _counts(value)
            choice = _choice(value)
            if choice is not None:
                text = _text(choice, self.delta_at)
                if text:
                    tokens.append(Token(text, now_s))
                finished = finished or choice.get("finish_reason") is not None
        if not finished:
            raise AnswerError(f"the stream ends after {len(tokens)} pieces, without a finish_reason: truncated")
        self.text = "".join(token.text for token in tokens)
        return columns(self.item, tokens, counts, timed=True)


def _choice(value: Mapping[str, Any]) -> dict[str, Any] | None:
    choices = value.get("choices")
    if not choices:
        return None  # such as the event that has the usage
    if not isinstance(choices, list) or not isinstance(choices[0], dict):
        raise AnswerError(f"choices that are none: {choices!r:.100}")
    return choices[0]


def _text(choice: Mapping[str, Any], at: tuple[str, ...]) -> str:
    value: Any = choice
    for name in at:
        value = value.get(name) if isinstance(value, dict) else None
    if value is None:
        return ""
    if not isinstance(value, str):
        raise AnswerError(f"{'.'.join(at)}: {value!r:.100}: not text")
    return value


def _counts(value: Mapping[str, Any]) -> Counts:
    return counted(value.get("usage"), "prompt_tokens", "completion_tokens")


def fixed_answer(run: Mapping[str, Any], kind: str, delta: dict[str, Any], whole: dict[str, Any]) -> list[bytes]:
    """A whole answer of one word; streamed, as many pieces as tokens are asked for, and what must follow them.

    `kind` is what its `object` says.
    """
    tokens = run["new_tokens"]
    usage = {"prompt_tokens": 1, "completion_tokens": tokens, "total_tokens": tokens + 1}
    head = {"id": "0", "object": kind, "created": 0, "model": "null"}
    if not run.get("stream"):
        answer = {**head, "choices": [{"index": 0, **whole, "finish_reason": "length"}], "usage": usage}
        return [json.dumps(answer, separators=(",", ":")).encode()]
    pieces = [sse.event({**head, "choices": [{"index": 0, **delta, "finish_reason": None}]})] * tokens
    last = {**head, "choices": [{"index": 0, "delta": {}, "text": "", "finish_reason": "length"}]}
    return [*pieces, sse.event(last), sse.event({**head, "choices": [], "usage": usage}), b"data: [DONE]\n\n"]
