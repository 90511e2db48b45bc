"""A model's vocabulary as GGUF holds it, so that llama.cpp makes the same tokens of a text as its own tokenizer.

Two kinds are known: byte-level BPE with GPT-2's way of cutting a text into words, and SentencePiece's BPE, which Llama
has. What llama.cpp has no equal of is refused.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = 1, 2, 3, 4, 5, 6  # gguf.TokenType
SPACE = "▁"


@dataclass(frozen=True)
class Vocabulary:
    """Tokens by their ids, of what type each is, and what the two kinds need beside that."""

    kind: str  # llama.cpp's name: "gpt2" (byte-level BPE) or "llama" (SentencePiece)
    tokens: list[str]
    types: list[int]
    merges: list[str]  # of "gpt2": pairs, the first to be merged first
    scores: list[float]  # of "llama": what is to be merged first has the highest
    space_prefix: bool  # of "llama": whether a text begins as if there were a space before it
    special: dict[str, int | None]  # bos, eos, unk, pad
    adds_bos: bool
    adds_eos: bool
    chat_template: str | None


def read(folder: Path, size: int) -> Vocabulary:
    """The vocabulary of a model folder's tokenizer, filled up to the `size` rows of the model's embedding.

    ValueError where llama.cpp has no such tokenizer.
    """
    from transformers import AutoTokenizer

    tokenizer: Any = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    state = json.loads(tokenizer.backend_tokenizer.to_str())
    special = {name: getattr(tokenizer, f"{name}_token_id") for name in ("bos", "eos", "unk", "pad")}
    around = tokenizer("")["input_ids"]
    return of_state(state, size, special, around, tokenizer.chat_template)


def of_state(
    state: dict[str, Any], size: int, special: dict[str, int | None], around: list[int], chat_template: str | None
) -> Vocabulary:
    """The vocabulary of a tokenizer as tokenizer.json has it; `around` is what it makes of an empty text."""
    kind = kind_of(state)
    names = {number: token for token, number in state["model"]["vocab"].items()}
    names |= {added["id"]: added["content"] for added in state["added_tokens"]}
    if max(names) >= size:
        raise ValueError(f"tokenizer: {max(names) + 1} tokens, and the model has {size}")
    added_types = {added["id"]: CONTROL if added["special"] else USER_DEFINED for added in state["added_tokens"]}
    merges = [pair if isinstance(pair, str) else " ".join(pair) for pair in state["model"]["merges"]]
    tokens = [names.get(number, f"[UNUSED{number}]") for number in range(size)]

    def type_of(number: int) -> int:
        if number not in names:
            return UNUSED
        if number == special["unk"]:
            return UNKNOWN
        if number in added_types:
            return added_types[number]
        return BYTE if kind == "llama" and _is_byte(names[number]) else NORMAL

    return Vocabulary(
        kind=kind,
        tokens=tokens,
        types=[type_of(number) for number in range(size)],
        merges=merges if kind == "gpt2" else [],
        scores=scores(tokens, merges) if kind == "llama" else [],
        space_prefix=kind == "llama" and _prefixes_space(state),
        special=special,
        adds_bos=special["bos"] is not None and around[:1] == [special["bos"]],
        adds_eos=special["eos"] is not None and around[-1:] == [special["eos"]],
        chat_template=chat_template,
    )


def kind_of(state: dict[str, Any]) -> str:
    """llama.cpp's name of a tokenizer's kind; ValueError where it has none."""
    model, before, normalizer = state["model"], state["pre_tokenizer"] or {}, state["normalizer"]
    if model["type"] == "BPE":
        if before.get("type") == "ByteLevel" and before["use_regex"] and not before["add_prefix_space"]:
            if normalizer is None and not model.get("ignore_merges"):
                return "gpt2"
        elif model.get("byte_fallback") and before.get("type") in (None, "Metaspace"):
            return "llama"
    raise ValueError(
        f"tokenizer.json: {model['type']} after {before.get('type')}: only byte-level BPE cut as GPT-2's, and "
        "SentencePiece's BPE, can be written to GGUF"
    )


def scores(tokens: list[str], merges: list[str]) -> list[float]:
    """Of each token minus the place of the first merge that makes it; below all those for what no merge makes."""
    place: dict[str, int] = {}
    for number, pair in enumerate(merges):
        place.setdefault(pair.replace(" ", "", 1), number)
    return [-float(place.get(token, len(merges))) for token in tokens]


def add(writer: Any, vocabulary: Vocabulary) -> None:
    """Add the vocabulary to a gguf.GGUFWriter."""
    writer.add_tokenizer_model(vocabulary.kind)
    writer.add_tokenizer_pre("gpt-2" if vocabulary.kind == "gpt2" else "default")
    writer.add_token_list(vocabulary.tokens)
    writer.add_token_types(vocabulary.types)
    if vocabulary.merges:
        writer.add_token_merges(vocabulary.merges)
    if vocabulary.scores:
        writer.add_token_scores(vocabulary.scores)
        writer.add_add_space_prefix(vocabulary.space_prefix)
    for name, number in vocabulary.special.items():
        if number is not None:
            getattr(writer, f"add_{name}_token_id")(number)
    writer.add_add_bos_token(vocabulary.adds_bos)
    writer.add_add_eos_token(vocabulary.adds_eos)
    if vocabulary.chat_template:
        writer.add_chat_template(vocabulary.chat_template)


def _is_byte(token: str) -> bool:
    return len(token) == 6 and token.startswith("<0x") and token.endswith(">")


def _prefixes_space(state: dict[str, Any]) -> bool:
    """Whether a space is put before every text: by a normalizer in older files, by the pre-tokenizer in newer ones."""
    normalizer = state["normalizer"] or {}
    steps = normalizer.get("normalizers", [normalizer])
    before = state["pre_tokenizer"] or {}
    return any(step.get("type") == "Prepend" for step in steps) or before.get("prepend_scheme") in ("always", "first")
