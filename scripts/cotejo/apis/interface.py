"""What an API's module gives to whoever sends its requests."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Item:
    """One thing to be asked: which item of the data set it comes from, and what the API needs to write the request."""

    item: str
    content: Any
    tokens_in: int | None = None  # as the model's own tokenizer counts them, where it is known
    new_tokens: int | None = None  # that its answer is to have, where the run leaves it to the data set


def asked(item: Item, run: Mapping[str, Any]) -> Mapping[str, Any]:
    """The run as it is for one item: with the length of its own answer, where the run leaves that to the data set."""
    return run if item.new_tokens is None else {**run, "new_tokens": item.new_tokens}


@dataclass(frozen=True)
class Request:
    """An HTTP request, ready to be sent. Its body is in pieces, so that requests can share the long ones."""

    path: str
    pieces: tuple[bytes, ...]
    headers: dict[str, str]
    method: str = "POST"

    @property
    def body(self) -> bytes:
        return b"".join(self.pieces)


class AnswerError(Exception):
    """An answer that is none: truncated, not what the API promises, or an error that the server reports."""
