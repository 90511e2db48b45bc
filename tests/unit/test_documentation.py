"""Every page's links and anchors lead somewhere, and the commands, scripts and files that pages name are there."""

import re
import subprocess
import unicodedata
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from cotejo.command import ROOT

_LISTED = subprocess.run(
    ["git", "ls-files", "-co", "--exclude-standard", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True
)
PAGES = sorted(name for name in set(_LISTED.stdout.splitlines()) if (ROOT / name).exists())
TARGETS = set(re.findall(r"^([a-z-]+|env-%):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))

_FENCE = re.compile(r"^( *)(```+).*?^\1\2 *$", flags=re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"!?\[(?:[^\[\]]|\[[^\]]*\])*\]\(([^()\s]+)\)")
_PLACED = re.compile(r"`((?:scripts|config)/[^`]+)`:\n\n```")  # files that a how-to has its reader write


@cache
def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def prose_of(page: Path) -> str:
    """A page without its fenced blocks."""
    return _FENCE.sub("", text_of(page))


@cache
def anchors(page: Path) -> frozenset[str]:
    """As GitHub makes them of headings: small letters, no punctuation, hyphens for blanks, numbered if repeated."""
    found: Counter[str] = Counter()
    slugs = set()
    for heading in re.findall(r"^#{1,6} +(.+?) *#*$", prose_of(page), flags=re.MULTILINE):
        shown = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        kept = [each for each in shown if each in " -_" or unicodedata.category(each)[0] in "LN"]
        slug = "".join(kept).replace(" ", "-")
        slugs.add(f"{slug}-{found[slug]}" if found[slug] else slug)
        found[slug] += 1
    return frozenset([*slugs, *re.findall(r'<a (?:id|name)="([^"]+)"', text_of(page))])


@pytest.mark.parametrize("name", PAGES)
def test_every_link_of_a_page_leads_somewhere(name):
    page = ROOT / name
    for link in _LINK.findall(prose_of(page)):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{name}: {link}: no such file"
        if anchor:
            assert anchor in anchors(target), f"{name}: {link}: no such heading"


@pytest.mark.parametrize("name", PAGES)
def test_every_make_target_that_a_page_names_is_one(name):
    for target in re.findall(
        r"(?:`|^ +|^|= |auto |cu\d+ )make ([a-z][a-z-]*+)(?![<{*…])", text_of(ROOT / name), flags=re.MULTILINE
    ):
        stack = target.removeprefix("env-")
        known = target in TARGETS or (target.startswith("env-") and (ROOT / "envs" / f"{stack}.txt").is_file())
        assert known, f"{name}: make {target}"


# The messages that the FAQ explains name files that are missing.
@pytest.mark.parametrize("name", [name for name in PAGES if name != "docs/faq.md"])
def test_every_file_of_the_project_that_a_page_names_is_there(name):
    text = text_of(ROOT / name)
    written = {*_PLACED.findall(text), *re.findall(r"cat >>? (\S+) <<", text)}
    named = re.findall(r"(?<![\w/.-])((?:scripts|config|docs|tests|rules|envs)/[\w./<>*{},-]+\.[a-z]+)\b", text)
    for path in sorted({*named} - written):
        assert re.search(r"[<>*{}]", path) or (ROOT / path).exists(), f"{name}: {path}"


def test_the_index_of_the_documentation_names_every_page():
    told = {
        (ROOT / "docs" / link.partition("#")[0]).resolve() for link in _LINK.findall(text_of(ROOT / "docs/README.md"))
    }
    missing = [name for name in PAGES if name.startswith("docs/") and (ROOT / name).resolve() not in told]
    assert missing == ["docs/README.md"]


def test_make_alone_lists_every_target():
    listed = re.findall(r"^([a-z%-]+):.*## ", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert set(listed) == TARGETS


@pytest.mark.parametrize(
    ("heading", "slug"),
    [("What a server's load was", "what-a-servers-load-was"), ("`plain` and *more*: 2, 3", "plain-and-more-2-3")],
)
def test_anchors_are_made_as_github_makes_them(tmp_path, heading, slug):
    page = tmp_path / "page.md"
    page.write_text(f"# {heading}\n\n```\n# no heading\n```\n\n## {heading}\n")
    assert anchors(page) == {slug, f"{slug}-1"}
