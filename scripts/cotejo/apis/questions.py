"""What text APIs ask: the prompts of a data set, or its images with a question about each."""

import base64
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from cotejo.apis import unique
from cotejo.apis.interface import Item
from cotejo.datasets import load_items
from cotejo.samples import in_seeded_order

IMAGES = "visual-question-answering"
TASKS = ("text-generation", IMAGES)
QUESTION = "What is shown in this image?"  # of images that come without one


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


def items(run: Mapping[str, Any], dataset_folder: Path, model_folder: Path) -> Iterator[Item]:
    """Questions without end, in an order drawn from the seed, no two of them alike.

    Each begins with a few words of its own (cotejo.apis.unique), and each image bears a mark of its own. With
    `shared_prefix_tokens`, all begin with the same so many words, and only then with their own.
    """
    if run["task"] == IMAGES:
        return _about_images(run, dataset_folder)
    return _prompts(run, dataset_folder, model_folder)


def _prompts(run: Mapping[str, Any], dataset_folder: Path, model_folder: Path) -> Iterator[Item]:
    prefix, count, seed = _prefix(run), unique.counter(model_folder), run["seed"]
    known: dict[str, int | None] = {}
    for number, item in enumerate(in_seeded_order(load_items(dataset_folder, "prompts"), seed)):
        text = f"{prefix}{unique.words(number, seed)}. {item['text']}"
        # Once for each prompt: all begin with as many words, and a word is a token.
        if item["file"] not in known:
            known[item["file"]] = None if count is None else count(text)
        yield Item(item["file"], Question(text), known[item["file"]])


def _about_images(run: Mapping[str, Any], dataset_folder: Path) -> Iterator[Item]:
    prefix, seed = _prefix(run), run["seed"]
    found = load_items(dataset_folder, "vqa", "images")
    pictures = {item["file"]: unique.picture(item["path"]) for item in found}
    for number, item in enumerate(in_seeded_order(found, seed)):
        image = unique.marked(pictures[item["file"]], seed + number)
        media_type, data = unique.encoded(image, item["path"].suffix)
        picture = Picture(media_type, base64.b64encode(data).decode("ascii"))
        text = f"{prefix}{unique.words(number, seed)}. {item.get('question', QUESTION)}"
        yield Item(item["file"], Question(text, picture))


def _prefix(run: Mapping[str, Any]) -> str:
    tokens = run["shared_prefix_tokens"]
    return f"{unique.shared_prefix(tokens, run['seed'])}. " if tokens else ""
