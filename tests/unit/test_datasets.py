"""Data sets: entries, finding files, and what is said of files that are missing or broken."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from dataset_example import prepared
from PIL import Image

from cotejo.command import ROOT
from cotejo.datasets import load_items
from cotejo.datasets.audio import RATE_HZ, joined
from cotejo.datasets.entries import entry_digest, load_entries, prepare
from cotejo.datasets.video import ZOOM, filmed, view
from cotejo.errors import CotejoError
from cotejo.files import sha256_of
from cotejo.schema import schema_of

SHIPPED = ROOT / "config" / "datasets.yaml"
Make = Callable[..., Path]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Prepares a data set from its entry, and returns its folder."""
    return partial(prepared, tmp_path)


def picture(path: Path, size: tuple[int, int] = (8, 6)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, "red").save(path)
    return path


def test_every_kind_has_a_module_and_a_source_schema() -> None:
    schema = schema_of("datasets")
    kinds = schema["additionalProperties"]["properties"]["kind"]["enum"]
    assert kinds == [rule["if"]["properties"]["kind"]["const"] for rule in schema["additionalProperties"]["allOf"]]
    assert all((ROOT / "scripts" / "cotejo" / "datasets" / f"{kind.replace('-', '_')}.py").is_file() for kind in kinds)
    assert {entry["kind"] for entry in load_entries(SHIPPED).values()} <= set(kinds)


def test_shipped_prompts_begin_with_that_of_the_edge_cloud_study(tmp_path: Path) -> None:
    prepare(SHIPPED, "prompts", tmp_path / "prompts")
    items = load_items(tmp_path / "prompts", "prompts")
    assert items[0]["text"] == "Discuss the history and evolution of artificial intelligence in 80 words"
    lengths = [len(item["text"].split()) for item in items]
    assert len(items) == 24 and min(lengths) < 10 and max(lengths) > 300
    assert len({item["text"] for item in items}) == 24
    assert all(item["path"].read_text(encoding="utf-8") == item["text"] for item in items)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"kind": "image", "source": {}}, "mine.kind: 'image': not allowed. Did you mean 'images'?"),
        ({"kind": "images"}, "mine: lacks the key 'source'."),
        (
            {"kind": "images", "source": {"folder": "photos"}},
            "mine.source.folder: 'photos': unknown key. Allowed: packages, path",
        ),
        (
            {"kind": "images", "source": {}},
            "mine.source: {}: must have one of the keys 'path' and 'packages'. Change it",
        ),
        (
            {"kind": "images", "source": {"path": 3}},
            "mine.source.path: 3: must be a path or a list of paths. Change it",
        ),
        ({"kind": "vqa", "source": {"annotations": "a.json"}}, "mine.source: lacks the key 'images'."),
        ({"kind": "prompts", "source": {"path": "a"}, "limit": 0}, "mine.limit: 0: must be at least 1. Raise it"),
        ({"kind": "prompts", "source": {"path": "a"}, "license": "x"}, "unknown key. Did you mean 'licence'?"),
    ],
)
def test_wrong_entries_are_answered_with_key_and_remedy(tmp_path: Path, entry: dict[str, Any], message: str) -> None:
    (tmp_path / "datasets.yaml").write_text(json.dumps({"mine": entry}))
    with pytest.raises(CotejoError) as caught:
        load_entries(tmp_path / "datasets.yaml")
    assert message in str(caught.value)


def test_name_of_an_entry_must_be_a_slug(tmp_path: Path) -> None:
    (tmp_path / "datasets.yaml").write_text(json.dumps({"My Photos": {"kind": "images", "source": {"path": "a"}}}))
    with pytest.raises(CotejoError, match="'My Photos': must be the name of a data set: small letters"):
        load_entries(tmp_path / "datasets.yaml")


def test_unknown_data_set_is_answered_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(CotejoError, match=r"config/datasets\.yaml: photo: no such data set\. Did you mean 'photos'\?"):
        prepare(SHIPPED, "photo", tmp_path / "made")


def test_folder_of_images(make: Make, tmp_path: Path) -> None:
    folder = tmp_path / "my photos été"
    picture(folder / "b ü.PNG", (5, 7))
    picture(folder / "deeper" / "c.jpg")
    picture(folder / "a.jpg")
    (folder / "notes.txt").write_text("no picture")
    made = make("images", {"path": str(folder)}, licence="CC BY 4.0")
    items = load_items(made, "images", "vqa")
    assert [item["file"] for item in items] == ["00001-a.jpg", "00002-b ü.PNG", "00003-c.jpg"]
    assert [(item["width"], item["height"]) for item in items] == [(8, 6), (5, 7), (8, 6)]
    assert items[2]["source"] == f"{folder}/deeper/c.jpg"
    assert {item["licence"] for item in items} == {"CC BY 4.0"}
    assert all(item["sha256"] == sha256_of(item["path"]) and not item["path"].is_symlink() for item in items)


def test_limit_takes_the_first_and_an_absent_licence_is_said(make: Make, tmp_path: Path) -> None:
    for name in "cab":
        picture(tmp_path / "in" / f"{name}.jpg")
    items = load_items(make("images", {"path": str(tmp_path / "in")}, limit=2), "images")
    assert [(item["file"], item["licence"]) for item in items] == [
        ("00001-a.jpg", "not stated"),
        ("00002-b.jpg", "not stated"),
    ]


def test_copies_do_not_follow_later_changes_of_the_original(make: Make, tmp_path: Path) -> None:
    original = picture(tmp_path / "a.jpg")
    item = load_items(make("images", {"path": str(original)}), "images")[0]
    picture(original, (9, 9))
    assert item["sha256"] == sha256_of(item["path"]) != sha256_of(original)


def test_relative_paths_start_at_the_project_and_tilde_is_the_home(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    picture(tmp_path / "a.jpg")
    assert load_items(make("images", {"path": "~/a.jpg"}), "images")
    with pytest.raises(CotejoError, match=r"mine\.source\.path: a\.jpg: no such file or folder"):
        make("images", {"path": "a.jpg"})
    assert load_items(make("prompts", {"path": "config/datasets/prose.jsonl"}), "prompts")


def test_missing_empty_and_unreadable_sources_are_named(make: Make, tmp_path: Path) -> None:
    with pytest.raises(CotejoError, match=r"mine\.source\.path: /nowhere: no such file or folder\. Mend the path"):
        make("images", {"path": "/nowhere"})
    with pytest.raises(CotejoError, match=r"/nowhere: no such file or folder\. Install the sounds"):
        make("audio", {"path": "/nowhere"}, if_missing="Install the sounds")
    (tmp_path / "empty").mkdir()
    with pytest.raises(CotejoError, match=r"empty: no file here ends in \.jpg .*Put some there"):
        make("images", {"path": str(tmp_path / "empty")})
    broken = picture(tmp_path / "broken.jpg", (64, 64))
    broken.write_bytes(broken.read_bytes()[:300])
    with pytest.raises(
        CotejoError, match=r"mine\.source\.path: .*broken\.jpg: not a readable image .*Replace the file"
    ):
        make("images", {"path": str(broken)})
    with pytest.raises(CotejoError, match=r"broken\.jpg: not a readable video"):
        make("video", {"path": str(broken)})
    (tmp_path / "text.wav").write_text("no sound")
    with pytest.raises(CotejoError, match=r"text\.wav: not a readable recording"):
        make("audio", {"path": str(tmp_path / "text.wav")})
    assert not (tmp_path / "made").exists()


def test_package_without_the_file_is_named(make: Make) -> None:
    with pytest.raises(CotejoError, match=r"packages: PIL: nothing\.jpg: the package holds no such file"):
        make("images", {"packages": [{"package": "PIL", "file": "nothing.jpg", "licence": "x"}]})
    with pytest.raises(CotejoError, match=r"nosuchpackage: this package is not installed\. Run `make setup`"):
        make("images", {"packages": [{"package": "nosuchpackage", "file": "a.jpg", "licence": "x"}]})


def test_prompts_of_ones_own(make: Make, tmp_path: Path) -> None:
    path = tmp_path / "my prompts.jsonl"
    path.write_text(
        '\ufeff{"text": "Wie geht\\u0027s?\\u2028So.", "id": 7}\r\n\n{"text": "Two\\nlines"}\n', encoding="utf-8"
    )
    items = load_items(make("prompts", {"path": str(path)}), "prompts")
    assert [item["text"] for item in items] == ["Wie geht's?\u2028So.", "Two\nlines"]
    assert [item["source"] for item in items] == [f"{path}, line 1", f"{path}, line 3"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"text": "a"}\n{"text": \n', "line 2: not valid JSON (Expecting value at column 10). Each line must be"),
        ('{"prompt": "a"}\n', 'line 1: \'{"prompt": "a"}\': has no text. Each line must be an object with the key'),
        ('{"text": ["a"]}\n', "line 1: "),
        ('"a"\n', "has no text"),
        ("\n\n", "the file is empty"),
        (b"\xff\xfe", "not UTF-8 text (invalid start byte at byte 0). Save it as UTF-8"),
    ],
)
def test_bad_line_of_prompts_is_named(make: Make, tmp_path: Path, content: str | bytes, message: str) -> None:
    path = tmp_path / "prompts.jsonl"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(CotejoError) as caught:
        make("prompts", {"path": str(path)})
    assert f"mine.source.path: {path}" in str(caught.value) and message in str(caught.value)


VIZWIZ = [
    {
        "image": "VizWiz_val_00000000.jpg",
        "question": "Ok. There is another picture I hope it is a better one.",
        "answers": [
            {"answer_confidence": "yes", "answer": "unanswerable"},
            {"answer_confidence": "no", "answer": "no"},
        ],
        "answer_type": "unanswerable",
        "answerable": 0,
    },
    {"image": "VizWiz_val_00000001.jpg", "question": "Can you tell me what medicine this is please?"},
]


def test_vizwiz_annotations_with_their_images(make: Make, tmp_path: Path) -> None:
    (tmp_path / "val.json").write_text(json.dumps(VIZWIZ))
    for record in VIZWIZ:
        picture(tmp_path / "val images" / str(record["image"]))
    source = {"annotations": str(tmp_path / "val.json"), "images": str(tmp_path / "val images")}
    items = load_items(make("vqa", source, licence="CC BY 4.0"), "images", "vqa")
    assert [item["question"] for item in items] == [record["question"] for record in VIZWIZ]
    assert items[0]["file"] == "00001-VizWiz_val_00000000.jpg" and items[0]["width"] == 8
    assert len(load_items(make("vqa", source, limit=1), "vqa")) == 1
    (tmp_path / "val images" / "VizWiz_val_00000001.jpg").unlink()
    with pytest.raises(
        CotejoError, match=r"val\.json: \[1\]\.image: VizWiz_val_00000001\.jpg: no such file in .*val images"
    ):
        make("vqa", source)


@pytest.mark.parametrize(
    ("annotations", "message"),
    [
        ({"questions": []}, "not a list, or an empty one. It must be a list of objects"),
        ([{"image": "a.jpg"}], "[0].question: None: must be text. It must be a list of objects"),
        ([{"image": 4, "question": "?"}], "[0].image: 4: must be text."),
        ("nonsense", "line 1: not valid JSON (Expecting value)."),
    ],
)
def test_wrong_annotations_are_named(make: Make, tmp_path: Path, annotations: Any, message: str) -> None:
    path = tmp_path / "val.json"
    path.write_text(annotations if isinstance(annotations, str) else json.dumps(annotations))
    with pytest.raises(CotejoError) as caught:
        make("vqa", {"annotations": str(path), "images": str(tmp_path)})
    assert f"mine.source.annotations: {path}" in str(caught.value) and message in str(caught.value)


def test_reader_refuses_other_kinds_and_lost_files(make: Make, tmp_path: Path) -> None:
    picture(tmp_path / "a.jpg")
    made = make("images", {"path": str(tmp_path / "a.jpg")})
    with pytest.raises(CotejoError, match=r"dataset\.json: kind: images: here only audio can be read"):
        load_items(made, "audio")
    (made / "00001-a.jpg").unlink()
    with pytest.raises(CotejoError, match=r"00001-a\.jpg: no such file\. Delete .*made and run"):
        load_items(made, "images")


def test_digest_follows_the_entry_and_the_text_it_names(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "a"}\n')
    entry = {"kind": "prompts", "source": {"path": str(path)}}
    first = entry_digest(entry)
    assert first == entry_digest(dict(entry)) != entry_digest(entry | {"limit": 1})
    path.write_text('{"text": "b"}\n')
    assert entry_digest(entry) != first


def test_recordings_join_into_clips_of_at_least_a_length() -> None:
    second = b"\0\0" * RATE_HZ
    recordings = [(name, f"{name}.wav", second) for name in "abcdefg"]
    clips = joined(recordings, 3)
    assert [(name, origin, len(samples) // len(second)) for name, origin, samples in clips] == [
        ("a", "a.wav, b.wav, c.wav", 3),
        ("d", "d.wav, e.wav, f.wav, g.wav", 4),
    ]
    assert joined(recordings, 0) == recordings
    assert len(joined(recordings, 100)) == 1


@pytest.mark.parametrize("size", [(640, 427), (512, 600), (1280, 720), (2000, 100)])
def test_camera_stays_inside_the_picture_and_keeps_its_aspect(size: tuple[int, int]) -> None:
    views = [view(size, 16 / 9, progress / 10) for progress in range(11)]
    for left, top, right, bottom in views:
        assert left >= 0 and top >= 0 and right <= size[0] and bottom <= size[1]
        assert (right - left) / (bottom - top) == pytest.approx(16 / 9)
    widths = [right - left for left, _, right, _ in views]
    assert widths == sorted(widths, reverse=True) and widths[-1] == pytest.approx(ZOOM * widths[0])


def test_each_picture_is_filmed_for_its_share_of_the_frames() -> None:
    pictures = [Image.new("RGB", (64, 36), colour) for colour in ("red", "lime", "blue")]
    frames = list(filmed(pictures, 7, 32, 18))
    colours = [frame.getpixel((16, 9)) for frame in frames]
    assert [colours.count(colour) for colour in ((255, 0, 0), (0, 255, 0), (0, 0, 255))] == [3, 2, 2]
    assert all(frame.size == (32, 18) for frame in frames)
