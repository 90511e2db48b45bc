"""Conversations: ShareGPT's, made-up ones as long, and which of them are asked."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from dataset_example import prepared

from cotejo.command import ROOT
from cotejo.datasets import load_items
from cotejo.datasets.entries import check_source, load_entries, prepare
from cotejo.datasets.lengths import fits
from cotejo.errors import CotejoError

SHIPPED = ROOT / "config" / "datasets.yaml"
Make = Callable[..., Path]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Prepares conversations from their source, and returns their folder."""
    return partial(prepared, tmp_path)


def test_conversations_are_the_first_two_turns_of_those_that_have_two(make: Make, tmp_path: Path) -> None:
    turns = [["Hi", "Hello there", "Bye"], ["Alone"], ["Why?", "Because."]]
    path = tmp_path / "share.json"
    path.write_text(json.dumps([{"id": n, "conversations": [{"from": "x", "value": t} for t in each]}
                                for n, each in enumerate(turns)]))  # fmt: skip
    items = load_items(make("conversations", {"path": str(path)}), "conversations")
    assert [(item["text"], item["answer"]) for item in items] == [("Hi", "Hello there"), ("Why?", "Because.")]
    assert items[1]["source"] == f"{path}, [2]"
    assert [item["path"].read_text() for item in items] == ["Hi", "Why?"]


def test_of_conversations_some_are_drawn_always_the_same(make: Make, tmp_path: Path) -> None:
    path = tmp_path / "share.json"
    path.write_text(json.dumps([{"conversations": [{"value": f"{n}"}, {"value": "x"}]} for n in range(100)]))
    drawn = [item["text"] for item in load_items(make("conversations", {"path": str(path)}, limit=9), "conversations")]
    assert drawn == [
        item["text"] for item in load_items(make("conversations", {"path": str(path)}, limit=9), "conversations")
    ]
    assert len(set(drawn)) == 9 and drawn != [str(n) for n in range(9)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[", "line 1: not valid JSON"),
        ("{}", "not a list"),
        ('[{"turns": []}]', "[0]: has no conversations"),
        ('[{"conversations": [{"value": "a"}, {"text": "b"}]}]', "[0].conversations: a turn has no value"),
        ('[{"conversations": [{"value": "a"}]}]', "no conversation of two turns"),
    ],
)
def test_wrong_conversations_are_named(make: Make, tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "share.json"
    path.write_text(text)
    with pytest.raises(CotejoError) as caught:
        make("conversations", {"path": str(path)})
    assert f"mine.source.path: {path}" in str(caught.value) and message in str(caught.value)


def test_made_up_conversations_are_as_long_as_sharegpts(tmp_path: Path) -> None:
    """The means of vLLM's benchmark on a thousand of its prompts: https://github.com/vllm-project/vllm/pull/18566."""
    prepare(SHIPPED, "sharegpt-like", tmp_path / "made")
    items = load_items(tmp_path / "made", "conversations")
    lengths = [(len(item["text"].split()), len(item["answer"].split())) for item in items]
    assert len(items) == 1000 and all(fits(*each) for each in lengths)
    means = [sum(each[place] for each in lengths) / 1000 for place in (0, 1)]
    assert means == pytest.approx([229.7, 203.1], rel=0.05)  # of 1000 draws with a deviation about as large as the mean
    assert json.loads((tmp_path / "made" / "dataset.json").read_text())["synthetic"] is True


def test_sharegpt_that_is_not_there_says_where_to_get_it() -> None:
    entry = load_entries(SHIPPED)["sharegpt"]
    entry["source"]["path"] = "/nowhere/ShareGPT.json"
    with pytest.raises(CotejoError, match=r"no such file or folder\. It is to be had \(0\.6 GiB\) from huggingface"):
        check_source("sharegpt", entry, SHIPPED)


@pytest.mark.parametrize(
    ("prompt", "answer", "fit"),
    [(4, 4, True), (3, 9, False), (9, 3, False), (1024, 1024, True), (1025, 9, False), (9, 2040, False)],
)
def test_conversations_that_vllm_leaves_out(prompt: int, answer: int, fit: bool) -> None:
    assert fits(prompt, answer) == fit
