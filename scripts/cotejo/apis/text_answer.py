"""What the answers of all text APIs have in common: text that comes piece by piece, each with its instant."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from cotejo.apis.interface import AnswerError, Item

COLUMNS = ("status", "characters_out", "tokens_by", "gaps_ms")

MOST_QUOTED = 200  # characters of a wrong answer in a sample's error


class Token(NamedTuple):
    """A piece of text, of one token as a rule, and the instant at which it was there."""

    text: str
    now_s: float


class Counts(NamedTuple):
    """The numbers of tokens as the server gives them, where it does."""

    tokens_in: int | None = None
    tokens_out: int | None = None


def counted(said: Any, tokens_in: str | None, tokens_out: str) -> Counts:
    """The numbers of tokens under these names of what a server says, if it says any; AnswerError where it is amiss."""
    if said is None:
        return Counts()
    numbers = (
        [said.get(name) if name else None for name in (tokens_in, tokens_out)] if isinstance(said, dict) else [said]
    )
    if any(number is not None and type(number) is not int for number in numbers):
        raise AnswerError(f"not numbers of tokens: {said!r:.100}")
    return Counts(*numbers)


class TextAnswer:
    """Keeps an answer's pieces while it comes, for they are only read once nothing is being timed."""

    __slots__ = ("item", "pieces", "text")

    def __init__(self, item: Item) -> None:
        self.item = item
        self.text = ""
        self.pieces: list[tuple[bytes, float]] = []

    def feed(self, data: bytes, now_s: float) -> None:
        self.pieces.append((data, now_s))

    def body(self) -> bytes:
        return b"".join(data for data, _ in self.pieces)

    def refuse_status(self, status: int) -> None:
        """AnswerError with what the server says, for any status but 200."""
        if status != 200:
            raise AnswerError(f"HTTP {status}: {quoted(self.body())}")


def text_of(answer: TextAnswer) -> str:
    return answer.text


def columns(item: Item, tokens: Sequence[Token], counts: Counts, timed: bool) -> dict[str, Any]:
    """A text answer's columns of its sample, from its pieces of text that aren't empty.

    The number of tokens is the server's own where it gives one (`tokens_by` is then "usage"), and otherwise that of the
    pieces ("pieces"). `gaps_ms` are the times between one piece and the next. An answer that came whole (not `timed`)
    has neither gaps nor a first token, and a number of tokens only if the server counted them.
    """
    found: dict[str, Any] = {
        "characters_out": sum(len(token.text) for token in tokens),
        "tokens_in": item.tokens_in if counts.tokens_in is None else counts.tokens_in,
    }
    if counts.tokens_out is not None:
        found |= {"tokens_out": counts.tokens_out, "tokens_by": "usage"}
    elif timed:
        found |= {"tokens_out": len(tokens), "tokens_by": "pieces"}
    if timed and tokens:
        found["first_token_s"] = tokens[0].now_s
        gaps_s = (later.now_s - earlier.now_s for earlier, later in pairwise(tokens))
        found["gaps_ms"] = " ".join(f"{gap_s * 1000:.2f}" for gap_s in gaps_s)
    return found


def delimited(pieces: Sequence[tuple[bytes, float]], delimiter: bytes) -> Iterator[tuple[bytes, float]]:
    """What stands before each delimiter, with the instant at which the delimiter had come.

    What follows the last one comes too, unless it is empty; no delimiter stands before it.
    """
    rest = b""
    for data, now_s in pieces:
        *whole, rest = (rest + data).split(delimiter)
        for part in whole:
            yield part, now_s
    if rest:
        yield rest, pieces[-1][1]


def quoted(data: bytes | str) -> str:
    """The beginning of what a server sent, on one line."""
    text = data.decode("utf-8", "replace") if isinstance(data, bytes) else data
    shown = " ".join(text.split())
    return shown if len(shown) <= MOST_QUOTED else shown[:MOST_QUOTED] + "…"
