"""Tokenizers for models with made-up weights, built offline from the byte-pair ranks that openai-whisper ships.

GPT-2's lie beside this module (gpt2.tiktoken, under its licence), so that models can be made where whisper isn't.

Real words matter even where weights do not: the number of tokens in a prompt, and so the work it makes, is as real as
with the hub's tokenizer. The first ranks of a byte-pair vocabulary are a byte-pair vocabulary themselves, so one asset
serves every size.
"""

import base64
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from itertools import count, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cotejo.errors import CotejoError
from cotejo.files import write_json

if TYPE_CHECKING:
    from tokenizers import Tokenizer

Ranks = dict[bytes, int]


@cache
def ranks(asset: str) -> Ranks:
    """{token: rank} of openai-whisper's "gpt2" (50,256 tokens) or "multilingual" (50,257) vocabulary."""
    lines = _file(asset).read_bytes().split(b"\n")
    return {base64.b64decode(token): int(rank) for token, rank in (line.split() for line in lines if line)}


def _file(asset: str) -> Path:
    beside = Path(__file__).with_name(f"{asset}.tiktoken")
    if beside.is_file():
        return beside
    package = find_spec("whisper")
    if package is None or package.origin is None:
        raise CotejoError("whisper: not installed. Run `make setup`")
    return Path(package.origin).parent / "assets" / beside.name


def merges(table: Ranks) -> list[tuple[bytes, bytes]]:
    """The pair of tokens each token of several bytes is merged from, in the order of their ranks.

    The pair is found by encoding the token with the ranks below its own. Tokens that no such pair makes (there is one
    in the multilingual vocabulary) are never produced and are left out.
    """
    pairs = []
    for token, rank in sorted(table.items(), key=lambda item: item[1]):
        parts = [bytes([byte]) for byte in token]
        while len(parts) > 2:
            candidates = ((table.get(left + right, rank), place) for place, (left, right) in enumerate(pairwise(parts)))
            best, place = min(candidates)
            if best >= rank:
                break
            parts[place : place + 2] = [parts[place] + parts[place + 1]]
        if len(parts) == 2:
            pairs.append((parts[0], parts[1]))
    return pairs


def byte_level(table: Ranks, before: Sequence[str] = ()) -> "Tokenizer":
    """A byte-level BPE tokenizer of these ranks; the tokens in `before` come first and shift the ids of the rest."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    text = {token: _printable(token) for token in table}
    model = models.BPE(
        vocab=dict(zip([*before, *(text[token] for token in sorted(table, key=table.__getitem__))], count())),
        merges=[(_printable(left), _printable(right)) for left, right in merges(table)],
    )
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def first_ranks(size: int) -> Ranks:
    """The `size` most frequent tokens of the "gpt2" vocabulary (all 256 bytes among them)."""
    return {token: rank for token, rank in ranks("gpt2").items() if rank < size}


def special(tokens: list[str]) -> list[Any]:
    from tokenizers import AddedToken

    return [AddedToken(token, special=True, normalized=False) for token in tokens]


def surround(tokenizer: "Tokenizer", before: str | None = None, after: str | None = None) -> None:
    """Put special tokens around every encoded text."""
    from tokenizers.processors import TemplateProcessing

    words = [token for token in (before, after) if token]
    tokenizer.post_processor = TemplateProcessing(
        single=[*([before] if before else []), "$A", *([after] if after else [])],
        special_tokens=[(token, tokenizer.token_to_id(token)) for token in words],
    )


def save(tokenizer: "Tokenizer", folder: Path, settings: dict[str, Any]) -> None:
    """Write tokenizer.json and tokenizer_config.json (`settings`)."""
    tokenizer.save(str(folder / "tokenizer.json"))
    write_json(folder / "tokenizer_config.json", settings)


@cache
def _alphabet() -> dict[int, str]:
    """GPT-2's table of a printable character for each byte, which tokenizers' ByteLevel uses too."""
    visible = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    hidden = [byte for byte in range(256) if byte not in visible]
    return {byte: chr(byte) for byte in visible} | {byte: chr(256 + place) for place, byte in enumerate(hidden)}


def _printable(token: bytes) -> str:
    return "".join(_alphabet()[byte] for byte in token)
