"""Pairs of image and question that stand for VizWiz-VQA's, and what is said where those aren't here."""

import random
from pathlib import Path

import pytest
from PIL import Image

from cotejo.datasets import load_items
from cotejo.datasets.entries import check_source, load_entries, prepare
from cotejo.datasets.made_up_vqa import taken
from cotejo.errors import CotejoError
from cotejo.files import read_json
from cotejo.study import CONFIG

SHIPPED = CONFIG / "datasets.yaml"
ENTRY = """
pairs:
  kind: vqa
  source:
    questions: {questions}
    generate:
      photographs:
        - {{package: matplotlib, file: mpl-data/sample_data/grace_hopper.jpg, licence: public domain}}
        - {{package: sklearn, file: datasets/images/china.jpg, licence: CC BY 2.0}}
      pairs: 5
      width: 60
      height: 80
      seed: {seed}
"""


def made(folder: Path, name: str, seed: int = 0) -> Path:
    questions = folder / "questions.jsonl"
    questions.write_text('{"text": "What is this?"}\n{"text": "Which colour is it?"}\n')
    (folder / "datasets.yaml").write_text(ENTRY.format(questions=questions, seed=seed))
    prepare(folder / "datasets.yaml", "pairs", folder / name)
    return folder / name


def test_pairs_are_of_the_size_asked_for_and_say_what_they_are_made_of(tmp_path: Path) -> None:
    items = load_items(made(tmp_path, "pairs"), "vqa")

    assert len(items) == 5
    assert {item["question"] for item in items} <= {"What is this?", "Which colour is it?"}
    for item in items:
        with Image.open(item["path"]) as image:
            assert image.size == (item["width"], item["height"]) == (60, 80)
        assert item["source"].startswith("made up from ")
    assert [item["licence"] for item in items[:3]] == ["public domain", "CC BY 2.0", "public domain"]
    assert read_json(tmp_path / "pairs" / "dataset.json")["synthetic"] is True


def test_a_seed_makes_the_same_pairs_and_another_makes_others(tmp_path: Path) -> None:
    one, same, other = (
        [item["sha256"] for item in load_items(made(tmp_path, name, seed), "vqa")]
        for name, seed in (("one", 0), ("same", 0), ("other", 1))
    )
    assert one == same
    assert len({*one, *other}) == 10


@pytest.mark.parametrize("size", [(400, 300), (300, 400), (40, 30)])
def test_no_view_reaches_beyond_its_photograph(size: tuple[int, int]) -> None:
    white = Image.new("RGB", size, "white")
    for seed in range(20):
        view = taken(white, 30, 40, random.Random(seed))
        # A tilt leaves corners black, never the middle.
        assert view.size == (30, 40)
        assert view.getpixel((15, 20)) == (255, 255, 255)


def test_the_shipped_pairs_are_many_enough_for_percentiles_and_known_as_made_up() -> None:
    entry = load_entries(SHIPPED)["vizwiz-like"]
    assert entry["source"]["generate"]["pairs"] >= 44
    check_source("vizwiz-like", entry, SHIPPED)


def test_without_vizwiz_one_line_says_where_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    entry = load_entries(SHIPPED)["vizwiz-vqa"]

    with pytest.raises(CotejoError, match=r"vizwiz-vqa\.source\.annotations: .*train\.json: no such file") as caught:
        check_source("vizwiz-vqa", entry, SHIPPED)
    assert "vizwiz.org" in str(caught.value) and "vizwiz-like" in str(caught.value)
    assert entry["limit"] == 6081
