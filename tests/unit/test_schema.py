"""The messages that a wrong configuration is answered with."""

from pathlib import Path

import pytest

from cotejo.errors import CotejoError
from cotejo.schema import check, did_you_mean, load_yaml

RULE = {
    "type": "object",
    "additionalProperties": False,
    "required": ["name"],
    "properties": {
        "name": {
            "description": "The name.",
            "type": "string",
            "pattern": "^[a-z]+$",
            "x-pattern": "must be small letters",
        },
        "count": {"type": "integer", "minimum": 1, "maximum": 9},
        "kind": {"enum": ["closed", "open"]},
        "list": {"type": "array", "minItems": 1, "items": {"type": "number"}},
    },
}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"name": "a", "cuont": 1}, "file.yaml: cuont: 1: unknown key. Did you mean 'count'?"),
        ({}, "file.yaml: top level: lacks the key 'name'. The name."),
        ({"name": "A"}, "file.yaml: name: 'A': must be small letters. Change it"),
        ({"name": "a", "count": 0}, "file.yaml: count: 0: must be at least 1. Raise it"),
        ({"name": "a", "count": 10}, "file.yaml: count: 10: must be at most 9. Lower it"),
        ({"name": "a", "count": "1"}, "file.yaml: count: '1': must be a whole number, not text. Change it"),
        ({"name": "a", "kind": "opne"}, "file.yaml: kind: 'opne': not allowed. Did you mean 'open'?"),
        ({"name": "a", "list": []}, "file.yaml: list: []: must not be empty. Give at least 1"),
        ({"name": "a", "list": [1, "b"]}, "file.yaml: list[1]: 'b': must be a number, not text. Change it"),
        ([], "file.yaml: top level: []: must be a mapping, not a list. Change it"),
        (None, "file.yaml: top level: is empty. Give it name"),
    ],
)
def test_a_mistake_is_named_with_its_place_and_its_remedy(data: object, message: str) -> None:
    with pytest.raises(CotejoError) as caught:
        check(data, RULE, Path("file.yaml"))
    assert str(caught.value) == message


def test_what_follows_the_schema_passes() -> None:
    check({"name": "a", "count": 3, "kind": "open", "list": [0.5]}, RULE, Path("file.yaml"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("studies: [a", "line 1"),
        ("studies: [a]\nstudies: [b]\n", "key 'studies' is given twice"),
        ("1: a\n", "key 1 is not text"),
        ("studies: !!python/object:os.system {}\n", "could not determine a constructor"),
        ("a: &a [*a]\n", "recursive"),
    ],
)
def test_broken_yaml_is_refused_in_one_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(text)
    with pytest.raises(CotejoError, match=message) as caught:
        load_yaml(path, "config")
    assert "\n" not in str(caught.value)


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(CotejoError, match="not UTF-8"):
        load_yaml(path, "config")


def test_a_missing_file_suggests_its_neighbour(tmp_path: Path) -> None:
    (tmp_path / "smoke.yaml").write_text("")
    with pytest.raises(CotejoError, match="Did you mean 'smoke'"):
        load_yaml(tmp_path / "smoek.yaml", "overlay")


def test_words_unlike_any_get_the_whole_list() -> None:
    assert did_you_mean("zzz", ["b", "a"]) == ". Allowed: a, b"


def test_names_of_a_registry_are_a_schemas_own(tmp_path):
    text = 'mine: {architecture: blip, task: video-segmentatoin, licence: MIT, folder: "~/mine"}\n'
    (tmp_path / "models.yaml").write_text(text)
    with pytest.raises(CotejoError, match=r"mine\.task: 'video-segmentatoin'.*Did you mean 'video-segmentation'"):
        load_yaml(tmp_path / "models.yaml", "models")
