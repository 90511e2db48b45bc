"""README.es.md says what README.md says: the same commands, the same files, the same places."""

import re
from pathlib import Path

import pytest

from cotejo.command import ROOT

PAGES = ("README.md", "README.es.md")


def read(page: str) -> str:
    """A page, without the line by which the two lead to each other."""
    lines = Path(ROOT, page).read_text(encoding="utf-8").splitlines()
    return "\n".join(line for line in lines if not re.search(r"\]\(README(\.es)?\.md\)", line))


def commands(text: str) -> list[str]:
    """What is to be typed or written: indented blocks and fenced ones, without the comments."""
    fenced = re.findall(r"^```\w+\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)
    indented = re.findall(
        r"^ {4}(\S.*)$", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL), re.MULTILINE
    )
    return [re.sub(r" +# .*", "", line) for line in [*fenced, *indented]]


def links(text: str) -> list[str]:
    return sorted(re.findall(r"\]\(([^)]+)\)", text))


def words_of_code(text: str) -> list[str]:
    return sorted(re.findall(r"`([^`\n]+)`", text))


@pytest.mark.parametrize("told", [commands, links, words_of_code])
def test_both_tell_the_same(told: object) -> None:
    assert callable(told)
    english, spanish = (told(read(page)) for page in PAGES)
    assert english, "README.md has none: this test can't see a difference"
    assert spanish == english


def test_sections_and_tables_are_alike() -> None:
    english, spanish = (read(page) for page in PAGES)
    shape = [re.findall(r"^(#+) ", text, flags=re.MULTILINE) for text in (english, spanish)]
    rows = [[line.count("|") for line in text.splitlines() if line.startswith("|")] for text in (english, spanish)]
    assert shape[0] == shape[1] and rows[0] == rows[1]
