"""What an API's module gives to whoever sends its requests."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Item:
    """One thing to be asked: which item of the data set it comes from, and what the API needs to write the request."""

    item: str
    content: Any
    tokens_in: int | None = None  # as the model's own tokenizer counts them, where it is known


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
