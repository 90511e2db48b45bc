"""The LLaVA worker's stream: POST /worker_generate_stream, answered by JSON objects that a zero byte ends.

Source: llava/serve/model_worker.py of https://github.com/haotian-liu/LLaVA. Each object has the whole text so far, the
question included; errors stand in `error_code` alone, under HTTP 200. There is an object for each token, whether or not
it adds to the text yet, and one at the end, with what was held back. The worker can't be told to go on beyond the end
that the model sees: `tokens_out` says how many came.
"""

import json
from collections.abc import Mapping
from typing import Any

from cotejo.apis.interface import AnswerError, Item, Request
from cotejo.apis.questions import IMAGES, items
from cotejo.apis.sse import json_object
from cotejo.apis.text_answer import COLUMNS, Counts, TextAnswer, Token, columns, delimited, quoted, text_of
from cotejo.servers.interface import Endpoint

__all__ = ["COLUMNS", "STREAMS", "TASKS", "Answer", "fixed_answer", "items", "prompt", "request", "text_of"]

TASKS = (IMAGES,)
STREAMS = True
END = b"\0"
STOP = "</s>"

# The conversation that LLaVA-1.5 was trained on: `conv_llava_v1` of llava/conversation.py.
SYSTEM = (
    "A chat between a curious human and an artificial intelligence assistant. "
    "The assistant gives helpful, detailed, and polite answers to the human's questions."
)
TOO_LONG = "Exceeds max token length"  # how an answer begins that is none


def prompt(item: Item) -> str:
    return f"{SYSTEM} USER: <image>\n{item.content.text} ASSISTANT:"


def request(item: Item, run: Mapping[str, Any], endpoint: Endpoint) -> Request:
    body = {
        "model": endpoint.model,
        "prompt": prompt(item),
        "temperature": 0.0,
        "top_p": 1.0,
        "max_new_tokens": run["new_tokens"],
        "stop": STOP,
        "images": [item.content.picture.base64],
    }
    headers = {"Content-Type": "application/json", **endpoint.headers}
    return Request("/worker_generate_stream", (json.dumps(body).encode(),), headers)


class Answer(TextAnswer):
    __slots__ = ()

    def end(self, status: int) -> dict[str, Any]:
        self.refuse_status(status)
        if not self.body().endswith(END):
            raise AnswerError(f"truncated, or not the worker's: no zero byte ends {quoted(self.body()[-80:])}")
        tokens = self._tokens()
        if tokens:  # what was held back belongs to the last token
            held_back = tokens.pop().text
            tokens[-1:] = [Token(token.text + held_back, token.now_s) for token in tokens[-1:]]
        self.text = "".join(token.text for token in tokens)
        if self.text.startswith(TOO_LONG) or not tokens:
            raise AnswerError(f"no token came: {quoted(self.text)}")
        return columns(self.item, tokens, Counts(), timed=True)

    def _tokens(self) -> list[Token]:
        """What each object adds to the text."""
        tokens: list[Token] = []
        told = len(prompt(self.item))
        for data, now_s in delimited(self.pieces, END):
            value = json_object(data)
            if value.get("error_code") != 0:
                raise AnswerError(f"error_code {value.get('error_code')}: {quoted(str(value.get('text')))}")
            text = value.get("text")
            if not isinstance(text, str):
                raise AnswerError(f"an object without a text: {quoted(data)}")
            tokens.append(Token(text[told:], now_s))
            told = max(told, len(text))
        return tokens


def fixed_answer(run: Mapping[str, Any]) -> list[bytes]:
    texts = ["word " * tokens for tokens in range(1, run["new_tokens"] + 1)]
    return [json.dumps({"text": text, "error_code": 0}).encode() + END for text in [*texts, texts[-1]]]
