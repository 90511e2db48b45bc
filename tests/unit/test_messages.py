"""What users read when something is wrong: the page that lists it, the rule that it follows, and the answers to it."""

import ast
import fnmatch
import re
from functools import cache
from pathlib import Path

import pytest

from cotejo.command import ROOT
from tests.list_messages import COMMAND, PAGE, page
from tests.message_collection import Message, messages
from tests.message_texts import PLACEHOLDER, Module, Reader, parse

FAQ = ROOT / "docs" / "faq.md"
# Taken up by the record of a repeat, which says of which run they are: they needn't say what to do.
TOLD_IN_A_RECORD = ("scripts/cotejo/clients/*", "scripts/cotejo/servers/*", "scripts/cotejo/nodes.py")
DEVELOPERS_WORDS = re.compile(
    r"\b(traceback|stack ?trace|exceptions?|assert\w*|NoneType|kwargs|argv|dict|tuple|TODO|FIXME|NotImplemented)\b",
    re.I,
)
AMERICAN = re.compile(r"\b(license|color|behavior|favorite|initialize\w*|recognize\w*|catalog)\b", re.I)


def errors() -> list[Message]:
    return [each for each in messages() if each.kind == "error" and not each.says]


def shown(found: list[Message]) -> str:
    return "\n".join(f"{each.module}: {each.text}" for each in found)


def test_page_lists_what_the_code_says() -> None:
    written = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
    assert written == page(messages()), f"tests/messages.md is stale. `make docs` writes it, or {COMMAND}"


def test_most_of_the_code_that_refuses_is_listed() -> None:
    """So that a collector which finds nothing any more fails here, and not in silence."""
    raised = sum(path.read_text().count("raise CotejoError(") for path in (ROOT / "scripts").rglob("*.py"))
    assert raised > 200
    assert len(errors()) >= raised


@pytest.mark.parametrize(
    ("rule", "breaks_it"),
    [
        ("says something", lambda text: not re.search(r"[A-Za-z]{2}", PLACEHOLDER.sub("", text))),
        ("ends without full stop, space or newline", lambda text: re.search(r"[.\s]$", text)),
        ("is one line", lambda text: "\n" in text),
        ("closes its quotes and brackets", lambda text: text.count("`") % 2 or text.count("(") != text.count(")")),
        ("has no developers' words", lambda text: DEVELOPERS_WORDS.search(PLACEHOLDER.sub("", text))),
        ("is British", lambda text: AMERICAN.search(PLACEHOLDER.sub("", text))),
        ("does not shout", lambda text: "!" in text or "please" in text.lower()),
    ],
)
def test_every_message_follows_the_rule(rule, breaks_it) -> None:
    assert not shown([each for each in messages() if breaks_it(each.text)]), rule


def test_every_error_begins_by_naming_where() -> None:
    assert not shown([each for each in errors() if not each.place])


def test_every_error_says_what_to_do() -> None:
    own = [each for each in errors() if not any(fnmatch.fnmatch(each.module, part) for part in TOLD_IN_A_RECORD)]
    assert not shown([each for each in own if not each.remedy])


def module(text: str) -> Module:
    return parse("module.py", text)


def texts(text: str, name: str) -> list[str]:
    """What a name says at the end of the last function of a module."""
    made = module(text)
    function = list(made.functions.values())[-1]
    return Reader(made, {"module": made}).texts(ast.Name(id=name), function)


@pytest.mark.parametrize(
    ("assigned", "said"),
    [
        ('"plain"', ["plain"]),
        ('f"{path}: no such {kind!r:.20}"', ["{path}: no such {kind}"]),
        ('f"{shown(path)}: {run[\'cores\']}: {len(found)} of {self.limit:g} cores"',
         ["{path}: {cores}: {found} of {limit} cores"]),
        ('"one" if few else "many"', ["one", "many"]),
        ('f"{\'no\' if few else \'many\'} places, {REMEDY}"', ["no places, mend it", "many places, mend it"]),
        ('f"at most {LIMIT:g} of them" + ". Lower it"', ["at most 4.5 of them. Lower it"]),
        ('f"names {\', \'.join(sorted(names))}"', ["names {names}"]),
        ('f"{path}: wrong{ending(path)}"', ["{path}: wrong{ending}"]),
    ],
)  # fmt: skip
def test_texts_are_read_with_what_is_filled_in_by_name(assigned: str, said: list[str]) -> None:
    source = (
        'REMEDY = "mend it"\nLIMIT = 4.5\n'
        'def ending(path):\n    return ". Did you mean it?"\n'
        f"def function(path):\n    text = {assigned}\n    return text\n"
    )
    assert texts(source, "text") == said


def collected(folder: Path, source: str) -> list[tuple[str, str]]:
    (folder / "scripts").mkdir()
    (folder / "scripts" / "command.py").write_text(
        f"class CotejoError(Exception):\n    pass\nclass Lost(CotejoError):\n    pass\n{source}"
    )
    (folder / "Snakefile").write_text('rule all:\n    input: "a"\n\n\ndef of(w):\n    stop(f"{w}: none. Make it")\n')
    return [(each.kind, each.text) for each in messages(folder)]


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ('raise CotejoError("a: is wrong. Mend it")\n', ("error", "a: is wrong. Mend it")),
        ('raise Lost("the server died")\n', ("record", "the server died")),
        ('Failure("timeout", f"after {limit_s:g} s")\n', ("record", "after {limit_s} s")),
        ('parser.error("--a: is missing. Give it")\n', ("error", "--a: is missing. Give it")),
        ('sys.exit("error: a: is old. Take b".format())\n', ("error", "a: is old. Take b")),
        ('print(f"{name}: not checked", file=sys.stderr)\n', ("notice", "{name}: not checked")),
        ('Finding("smoke", f"repeats {n} < {least}")\n', ("verdict", "repeats {n} < {least}")),
        ('raise ValueError(f"{text}: odd")\n', ("inner", "{text}: odd")),
        (
            "def wrong(key, what):\n    return CotejoError(f'file: {key}: {what}')\n"
            "raise wrong('cores', 'too many. Lower')\n",
            ("error", "file: cores: too many. Lower"),
        ),
    ],
)
def test_each_way_to_say_something_is_found(tmp_path: Path, source: str, found: tuple[str, str]) -> None:
    assert set(collected(tmp_path, source)) == {found, ("error", "{w}: none. Make it")}


@cache
def patterns() -> list[re.Pattern[str]]:
    """What each message may look like when it is emitted, for those of at least three letters a word, twice."""
    fixed = (each.text for each in messages() if len(re.findall(r"[a-z]{3}", PLACEHOLDER.sub("", each.text))) > 1)
    return [re.compile(".*".join(map(re.escape, PLACEHOLDER.split(text))) + ".*") for text in fixed]


def quoted() -> list[str]:
    """The messages that the page of questions quotes: the lines of its blocks of plain text."""
    blocks = re.findall(r"^```text\n(.*?)^```", FAQ.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


@pytest.mark.parametrize("line", quoted())
def test_questions_quote_what_the_code_says(line: str) -> None:
    told = line.removeprefix("error: ")
    # The place may be more than the message itself: the file before a key, the run before a setting.
    starts = [0, *(match.end() for match in re.finditer(r": |\]\.", told))]
    assert any(pattern.fullmatch(told[start:]) for pattern in patterns() for start in starts)


def test_a_message_that_is_not_emitted_is_found_out() -> None:
    assert not any(pattern.fullmatch("config/studies/mine.yaml: is not to my taste") for pattern in patterns())
