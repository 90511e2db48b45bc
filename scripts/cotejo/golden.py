"""The golden answer: what a server says to one question, held against PyTorch's own answer to it.

Text is compared token by token. A token is right where it is the one that PyTorch finds most likely after what came
before, or where its logit lies so little below that rounding explains it. Of two logits, each off by a relative error
`b` of all logits' standard deviation s, the difference is off by √2·b·s, and twice that is allowed: MARGIN·b·s. As `b`
serves the bound of the parity gate for the run's precision, but none below LEAST_BOUND: servers keep their caches, and
some their sums, in 16 bits, whatever the weights are stored in.
"""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from cotejo.apis import api as api_module
from cotejo.apis.interface import Item
from cotejo.golden_model import Reference
from cotejo.models import architecture
from cotejo.parity import Outputs, compared, computing_in_float32, stored_type

MOST_TOKENS = 16  # of an answer's: each costs PyTorch a step
MARGIN = 2 * 2**0.5
LEAST_BOUND = 0.01
MOST_CANDIDATES = 4096

UNKNOWN = "\N{REPLACEMENT CHARACTER}"

Step = Callable[[Sequence[int]], np.ndarray]  # the logits that follow the prompt and these tokens
Decode = Callable[[Sequence[int]], str]


class Way(NamedTuple):
    """A way through an answer's text: its tokens, and how far each lies below the most likely one, in deviations."""

    tokens: list[int]
    shortfalls: list[float]


def checked(
    api: str, kind: str, item: Item, answer: str | dict[str, np.ndarray], model_folder: Path, new_tokens: int,
    bound: float,
) -> dict[str, Any]:  # fmt: skip
    """The `golden` of launch.json: whether a server's answer to an item is PyTorch's, with what was compared.

    `answer` as cotejo.apis.ask gives it, `kind` is the model's architecture.
    """
    module = api_module(api)
    if isinstance(answer, dict):
        return _outputs(kind, module.inputs_of(item), answer, model_folder, bound) | {"item": item.item}
    prompt = module.prompt(item) if hasattr(module, "prompt") else None
    model = Reference(kind, model_folder, item.content, prompt)
    most, allowed = min(new_tokens, MOST_TOKENS), MARGIN * max(bound, LEAST_BOUND)
    found = compare_text(model.step, model.decode, answer, model.ends, most, allowed)
    return found | {"item": item.item, "answer": answer[:200]}


def _outputs(kind: str, inputs: Outputs, answer: Outputs, model_folder: Path, bound: float) -> dict[str, Any]:
    module = architecture(kind)
    model = computing_in_float32(module.load(model_folder, stored_type(model_folder)))
    found = compared([answer], [module.reference_outputs(model, inputs)])
    error = found["error"]
    good = error is not None and error <= bound
    return {
        "status": "ok" if good else "failed",
        "message": None if good else f"error {'not finite' if error is None else f'{error:.2g}'}, beyond {bound:g}",
        "metric": "relative error", "error": error, "bound": bound, "top1_agreement": found["top1_agreement"],
    }  # fmt: skip


def compare_text(
    step: Step, decode: Decode, text: str, ends: Sequence[int], most: int, allowed: float
) -> dict[str, Any]:
    """Whether a text is the model's own: its first `most` tokens, each at most `allowed` deviations below the best."""
    wanted = plain(text)
    found, deepest, expected = follow(step, decode, wanted, ends, most, allowed)
    facts = {
        "metric": "shortfall of a token's logit, in standard deviations of all logits",
        "tokens": len(deepest.tokens),
        "most_likely": sum(shortfall == 0 for shortfall in deepest.shortfalls),
        "error": max(deepest.shortfalls, default=0.0),
        "bound": allowed,
    }
    if found:
        return {"status": "ok", "message": None, **facts}
    return {
        "status": "failed",
        "message": f"after {len(deepest.tokens)} tokens PyTorch goes on with {expected!r}, the server has "
        f"{wanted[len(plain(decode(deepest.tokens)).rstrip(UNKNOWN)) :][:40]!r}",
        **facts,
    }


def plain(text: str) -> str:
    """A text without what detokenizers differ in: the space before it, and how many bytes one wrong character has."""
    return re.sub(f"{UNKNOWN}+", UNKNOWN, text).lstrip()


def follow(
    step: Step, decode: Decode, text: str, ends: Sequence[int], most: int, allowed: float
) -> tuple[bool, Way, str]:
    """Look for a way through a text: whether there is one, the longest way that was found, and what comes after it."""
    longest, expected = Way([], []), ""
    waiting = [longest]
    while waiting:
        path = waiting.pop()
        if len(path.tokens) == most:
            return True, path, ""
        logits = step(path.tokens)
        spread, best = float(logits.std()), best_of(logits, ends)
        shortfalls = (logits[best] - logits) / spread
        if len(path.tokens) >= len(longest.tokens):
            longest, expected = path, decode([*path.tokens, best])[len(decode(path.tokens)) :]
        if matches(path.tokens, decode, text, whole=True) and any(shortfalls[end] <= allowed for end in ends):
            return True, path, ""
        near = np.flatnonzero(shortfalls <= allowed)
        ordered = near[np.argsort(shortfalls[near], kind="stable")][:MOST_CANDIDATES]
        fitting = [
            Way([*path.tokens, int(token)], [*path.shortfalls, max(0.0, float(shortfalls[token]))])
            for token in ordered
            if token not in ends and matches([*path.tokens, int(token)], decode, text)
        ]
        waiting += reversed(fitting)  # the most likely one first
    return False, longest, expected


def best_of(logits: np.ndarray, ends: Sequence[int]) -> int:
    """The most likely token but for those that end an answer, whose length is asked for."""
    going_on = logits.copy()
    going_on[list(ends)] = -np.inf
    return int(going_on.argmax())


def matches(tokens: Sequence[int], decode: Decode, text: str, whole: bool = False) -> bool:
    """Whether a text begins with these tokens, the bytes of a character that is not whole yet left out."""
    decoded = plain(decode(tokens)).rstrip(UNKNOWN)
    return text.rstrip(UNKNOWN) == decoded if whole else text.startswith(decoded)
