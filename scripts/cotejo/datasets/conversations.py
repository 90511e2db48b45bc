"""Prompts with an answer to each, whose length an answer is to have: ShareGPT's, or made-up ones of such lengths."""

import json
import math
import random
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from cotejo.apis.unique import WORDS
from cotejo.datasets.lengths import fits
from cotejo.datasets.sources import NOT_STATED, describe, item_name, read_text_file
from cotejo.errors import CotejoError

REMEDY = 'It must be a list of objects with "conversations", as ShareGPT_V3_unfiltered_cleaned_split.json is'


class Conversation(NamedTuple):
    """The first turn, the second, and where they come from."""

    prompt: str
    answer: str
    source: str


def prepare(entry: dict[str, Any], place: str, folder: Path) -> list[dict[str, Any]]:
    """Write each prompt as a text file; its answer stands in the manifest. CotejoError names the entry that is none."""
    source, licence = entry["source"], entry.get("licence", NOT_STATED)
    if "generate" in source:
        found = list(_made_up(source["generate"]))
    else:
        found = _drawn(_read(source["path"], f"{place}.path"), entry.get("limit"))
    items = []
    for index, each in enumerate(found):
        target = folder / item_name(index, "prompt.txt")
        target.write_text(each.prompt, encoding="utf-8", newline="")
        items.append(describe(target, licence, each.source, text=each.prompt, answer=each.answer))
    return items


def _read(path: str, place: str) -> list[Conversation]:
    """The conversations of at least two turns, in the file's order."""
    at = f"{place}: {path}"
    try:
        entries = json.loads(read_text_file(path, place))
    except json.JSONDecodeError as error:
        raise CotejoError(f"{at}, line {error.lineno}: not valid JSON ({error.msg}). {REMEDY}") from error
    if not isinstance(entries, list):
        raise CotejoError(f"{at}: not a list. {REMEDY}")
    found = []
    for index, entry in enumerate(entries):
        turns = entry.get("conversations") if isinstance(entry, dict) else None
        if not isinstance(turns, list):
            raise CotejoError(f"{at}: [{index}]: has no conversations. {REMEDY}")
        match [turn.get("value") if isinstance(turn, dict) else None for turn in turns[:2]]:
            case [str(prompt), str(answer)]:
                found.append(Conversation(prompt, answer, f"{path}, [{index}]"))
            case [_, _]:
                raise CotejoError(f"{at}: [{index}].conversations: a turn has no value. {REMEDY}")
    if not found:
        raise CotejoError(f"{at}: no conversation of two turns. {REMEDY}")
    return found


def _drawn(found: list[Conversation], limit: int | None) -> list[Conversation]:
    """So many of them, always the same: neighbours in the file are often pieces of one conversation."""
    return found if limit is None or limit >= len(found) else random.Random(0).sample(found, limit)


def _made_up(shape: Mapping[str, Any]) -> Iterator[Conversation]:
    """Texts of common words, which are about a token each, of log-normal lengths that fit (cotejo.datasets.lengths)."""
    draws = random.Random(shape["seed"])

    def tokens(what: str) -> int:
        return round(draws.lognormvariate(math.log(shape[f"{what}_median"]), shape[f"{what}_sigma"]))

    made = 0
    while made < shape["conversations"]:
        prompt, answer = tokens("prompt"), tokens("answer")
        if fits(prompt, answer):
            made += 1
            asked, answered = (" ".join(draws.choices(WORDS, k=count)) for count in (prompt, answer))
            yield Conversation(asked, answered, f"made up: {prompt} and {answer} words")
