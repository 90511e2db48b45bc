"""Server-sent events with their instants: https://html.spec.whatwg.org/multipage/server-sent-events.html."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from cotejo.apis.interface import AnswerError
from cotejo.apis.text_answer import delimited, quoted

DONE = "[DONE]"  # OpenAI's last event


def events(pieces: Sequence[tuple[bytes, float]]) -> Iterator[tuple[str, float]]:
    """The data of each event, with the instant at which it was whole.

    An event that no blank line ends is none yet: it is left out, as the standard asks. AnswerError where one isn't
    UTF-8. Of the standard's three ends of a line, the carriage return alone isn't known here: no server writes it.
    """
    data: list[bytes] = []
    for line, now_s in delimited(pieces, b"\n"):
        line = line.removesuffix(b"\r")
        if line.startswith(b"data:"):
            data.append(line[5:].removeprefix(b" "))
        elif not line and data:
            yield _decoded(b"\n".join(data)), now_s
            data = []


def json_events(pieces: Sequence[tuple[bytes, float]]) -> Iterator[tuple[dict[str, Any], float]]:
    """The JSON objects that events carry, up to OpenAI's last; AnswerError where one isn't, or says an error."""
    for text, now_s in events(pieces):
        if text == DONE:
            return
        yield json_object(text), now_s


def json_object(data: bytes | str) -> dict[str, Any]:
    """A JSON object; AnswerError for anything else, and for one that carries an error."""
    try:
        value = json.loads(data)
    except ValueError as error:  # bad JSON, or bad UTF-8
        raise AnswerError(f"not JSON ({error}): {quoted(data)}") from error
    if not isinstance(value, dict):
        raise AnswerError(f"not a JSON object: {quoted(data)}")
    if value.get("error"):
        said = value["error"]
        raise AnswerError(
            f"the server says: {quoted(str(said.get('message', said) if isinstance(said, dict) else said))}"
        )
    return value


def event(value: Any) -> bytes:
    """One event that carries a JSON value."""
    return b"data: " + json.dumps(value, separators=(",", ":")).encode() + b"\n\n"


def _decoded(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise AnswerError(f"not UTF-8 ({error.reason}): {quoted(data)}") from error
