"""What text APIs ask: the prompts of a data set, or its images with a question about each."""

import base64
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from cotejo.apis import unique
from cotejo.apis.interface import Item
from cotejo.clients import client
from cotejo.datasets import QUESTION, load_items
from cotejo.datasets.lengths import LEAST, fits
from cotejo.errors import CotejoError
from cotejo.samples import in_seeded_order

IMAGES = "visual-question-answering"
TASKS = ("text-generation", IMAGES)


class Picture(NamedTuple):
    """An image file as it is sent."""

    media_type: str
    base64: str

    def data_uri(self) -> str:
        return f"data:{self.media_type};base64,{self.base64}"


class Question(NamedTuple):
    """What is asked, and about which image, if any."""

    text: str
    picture: Picture | None = None
    answer: str | None = None  # the data set's own, where it has one


class Lengths(NamedTuple):
    """The tokens of a prompt and of its answer, where they are known, and whether such a pair is asked at all."""

    prompt: int | None
    answer: int | None
    fit: bool


def items(run: Mapping[str, Any], dataset_folder: Path, model_folder: Path) -> Iterator[Item]:
    """Questions without end, in an order drawn from the seed, no two of them alike.

    Each begins with a few words of its own (cotejo.apis.unique), and each image bears a mark of its own. With
    `shared_prefix_tokens`, all begin with the same so many words, and only then with their own. Where the client sends
    the first alone, over and over, it has none.
    """
    if run["task"] == IMAGES:
        return _about_images(run, dataset_folder)
    return _prompts(run, dataset_folder, model_folder)


def _prompts(run: Mapping[str, Any], dataset_folder: Path, model_folder: Path) -> Iterator[Item]:
    prefix, count, seed = _prefix(run), unique.counter(model_folder), run["seed"]
    found = load_items(dataset_folder, "prompts", "conversations")
    known: dict[str, Lengths] = {}
    for number, item in enumerate(in_seeded_order(found, seed)):
        text = f"{prefix}{_own_words(run, number)}{item['text']}"
        # Once for each prompt: all begin with as many words, and a word is a token.
        if item["file"] not in known:
            known[item["file"]] = _lengths(text, item.get("answer"), run, count)
            if len(known) == len(found) and not any(lengths.fit for lengths in known.values()):
                raise CotejoError(f"{dataset_folder}: each of its conversations is too short or too long. Use another")
        lengths = known[item["file"]]
        if lengths.fit:
            yield Item(item["file"], Question(text, answer=item.get("answer")), lengths.prompt, lengths.answer)


def _lengths(text: str, answer: str | None, run: Mapping[str, Any], count: unique.Counter | None) -> Lengths:
    """The tokens of a prompt, and of the data set's answer where the run leaves the server's length to that.

    Of conversations only those fit that vLLM's benchmarks take, which count each text with a token to begin it.
    """
    prompt = None if count is None else count(text)
    if answer is None:
        return Lengths(prompt, None, fit=True)
    if count is None or prompt is None:
        raise CotejoError("dataset: of conversations those of a fit length are taken, by the model's tokenizer.json, "
                          "which is missing. Use another model, or data set")  # fmt: skip
    wanted = count(answer) if run["new_tokens"] is None else None
    answered = max(LEAST, run["new_tokens"]) if wanted is None else wanted
    return Lengths(prompt, wanted, fits(prompt + 1, answered + 1))


def _about_images(run: Mapping[str, Any], dataset_folder: Path) -> Iterator[Item]:
    prefix, seed = _prefix(run), run["seed"]
    found = load_items(dataset_folder, "vqa", "images")
    pictures = {item["file"]: unique.picture(item["path"]) for item in found}
    for number, item in enumerate(in_seeded_order(found, seed)):
        image = unique.marked(pictures[item["file"]], seed + number)
        media_type, data = unique.encoded(image, item["path"].suffix)
        picture = Picture(media_type, base64.b64encode(data).decode("ascii"))
        text = f"{prefix}{_own_words(run, number)}{item.get('question', QUESTION)}"
        yield Item(item["file"], Question(text, picture))


def _own_words(run: Mapping[str, Any], number: int) -> str:
    """How a question begins; a client that sends one over and over sends it as the data set has it."""
    if run.get("client") and client(run["client"]).INPUTS == "identical":
        return ""
    return f"{unique.words(number, run['seed'])}. "


def _prefix(run: Mapping[str, Any]) -> str:
    tokens = run["shared_prefix_tokens"]
    return f"{unique.shared_prefix(tokens, run['seed'])}. " if tokens else ""
