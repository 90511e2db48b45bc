"""No two requests are alike, and how many tokens they have is known."""

import json
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from cotejo.apis import openai_chat, questions, unique
from cotejo.apis.interface import asked as of_item
from cotejo.errors import CotejoError
from cotejo.files import write_json
from cotejo.models import llama
from cotejo.servers.interface import Endpoint

RUN = {"task": "text-generation", "seed": 3, "shared_prefix_tokens": 0, "new_tokens": 4, "server": None}


@pytest.fixture
def prompts(tmp_path: Path) -> Path:
    folder = tmp_path / "prompts"
    items = [{"file": f"{place}.txt", "text": text} for place, text in enumerate(("Why is the sky blue?", "Sing!"))]
    write_json(folder / "dataset.json", {"kind": "prompts", "items": items})
    for item in items:
        (folder / item["file"]).write_text(item["text"])
    return folder


def asked(folder: Path, number: int, model: Path = Path("none"), **run: Any) -> list[Any]:
    return list(islice(questions.items(RUN | run, folder, model), number))


def test_words_differ_from_the_second_one_on() -> None:
    found = [unique.words(number, seed=7) for number in range(5000)]
    assert len(set(found)) == 5000
    seconds = [words.split()[1] for words in found]
    assert len(unique.WORDS) == len(set(unique.WORDS)) == len(set(seconds[:64])) == 64
    assert unique.words(0, seed=8) == unique.words(1, seed=7) != unique.words(0, seed=7)


def test_prompts_differ_but_for_the_prefix_that_is_asked_for(prompts: Path) -> None:
    texts = [item.content.text for item in asked(prompts, 200)]
    assert len(set(texts)) == 200 and len({text.split()[1] for text in texts}) == 64
    assert all(text.endswith(("Why is the sky blue?", "Sing!")) for text in texts)
    shared = [item.content.text for item in asked(prompts, 50, shared_prefix_tokens=12)]
    assert len(set(shared)) == 50 and len({tuple(text.split()[:12]) for text in shared}) == 1
    assert asked(prompts, 20) == asked(prompts, 20) != asked(prompts, 20, seed=4)


def test_what_is_sent_over_and_over_is_the_data_sets_own(prompts: Path) -> None:
    texts = {item.content.text for item in asked(prompts, 2, client="hey")}
    assert texts == {"Why is the sky blue?", "Sing!"}
    assert not texts & {item.content.text for item in asked(prompts, 2, client="cotejo")}


def test_tokens_of_a_prompt_are_counted_once_and_hold_for_all(prompts: Path, tmp_path: Path) -> None:
    model = tmp_path / "model"
    model.mkdir()
    llama.write_tokenizer(model, 32000, 2048, [], "")
    count = unique.counter(model)
    assert count is not None
    for item in asked(prompts, 100, model):
        assert item.tokens_in == count(item.content.text)
    assert {item.tokens_in for item in asked(prompts, 4)} == {None}


@pytest.mark.parametrize("ending", ["png", "jpg"])
def test_images_differ_when_they_have_been_decoded(tmp_path: Path, ending: str) -> None:
    folder = tmp_path / "images"
    write_json(folder / "dataset.json", {"kind": "images", "items": [{"file": f"a.{ending}"}]})
    noise = np.random.default_rng(0).integers(0, 256, (64, 96, 3), dtype=np.uint8)
    Image.fromarray(noise).save(folder / f"a.{ending}")
    found = asked(folder, 40, task="visual-question-answering")
    decoded = []
    for item in found:
        body = json.loads(openai_chat.request(item, RUN, Endpoint({"http": 1}, "m")).body)
        uri = body["messages"][0]["content"][0]["image_url"]["url"]
        assert uri.startswith("data:image/png;" if ending == "png" else "data:image/jpeg;")
        decoded.append(np.asarray(_image(uri)).astype(int))
    assert len({image.tobytes() for image in decoded}) == 40
    strip = np.array([image[:8, :48] for image in decoded])
    # Each differs from every other by more than JPEG's blur, and only in the strip.
    apart = np.abs(strip[:, None] - strip[None]).max(axis=(2, 3, 4))
    assert apart[~np.eye(40, dtype=bool)].min() >= 10
    if ending == "png":
        assert all((image[8:] == noise[8:]).all() and (image[:, 48:] == noise[:, 48:]).all() for image in decoded)


def _image(uri: str) -> Image.Image:
    import base64
    import io

    return Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2])))


def test_questions_are_the_data_sets_own(tmp_path: Path) -> None:
    folder = tmp_path / "vqa"
    write_json(folder / "dataset.json", {"kind": "vqa", "items": [{"file": "a.png", "question": "How many?"}]})
    Image.new("RGB", (64, 64)).save(folder / "a.png")
    (item,) = asked(folder, 1, task="visual-question-answering")
    assert item.content.text.endswith("How many?") and item.content.picture.media_type == "image/png"


def test_an_image_too_small_for_a_mark_is_refused(tmp_path: Path) -> None:
    Image.new("RGB", (40, 40)).save(tmp_path / "a.png")
    with pytest.raises(CotejoError, match="40x40 pixels: at least 48x8"):
        unique.picture(tmp_path / "a.png")


@pytest.fixture
def conversations(tmp_path: Path) -> Path:
    folder = tmp_path / "conversations"
    pairs = (("Why is the sky blue?", "light " * 9), ("Sing!", "la " * 40), ("Long?", "no " * 2100), ("Short?", ""))
    items = [{"file": f"{n}.txt", "text": asks, "answer": says.strip()} for n, (asks, says) in enumerate(pairs)]
    write_json(folder / "dataset.json", {"kind": "conversations", "items": items})
    for item in items:
        (folder / item["file"]).write_text(item["text"])
    return folder


@pytest.fixture
def counting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model whose tokens are words."""
    monkeypatch.setattr(unique, "counter", lambda folder: lambda text: len(text.split()))
    return tmp_path


def test_answers_are_to_be_as_long_as_the_data_sets_own(conversations: Path, counting: Path) -> None:
    found = asked(conversations, 6, counting, new_tokens=None)
    assert {(item.item, item.new_tokens) for item in found} == {("0.txt", 9), ("1.txt", 40)}
    item = next(item for item in found if item.item == "1.txt")
    assert of_item(item, {**RUN, "new_tokens": None})["new_tokens"] == 40
    assert json.loads(openai_chat.request(item, of_item(item, RUN), Endpoint({}, "m")).body)["max_tokens"] == 40


def test_answers_of_one_length_are_of_that_one(conversations: Path, counting: Path) -> None:
    found = asked(conversations, 8, counting, new_tokens=2)
    assert {item.new_tokens for item in found} == {None} and len({item.item for item in found}) == 4
    assert of_item(found[0], RUN) == RUN


def test_conversations_none_of_which_fits_are_an_error(conversations: Path, counting: Path) -> None:
    with pytest.raises(CotejoError, match="each of its conversations is too short or too long"):
        asked(conversations, 1, counting, new_tokens=2100)


def test_conversations_need_a_tokenizer_to_be_chosen_by(conversations: Path) -> None:
    with pytest.raises(CotejoError, match=r"by the model's tokenizer\.json, which is missing"):
        asked(conversations, 1)
