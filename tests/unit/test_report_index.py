"""The index over studies: what reports say in their heads, and the page made of that."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from report_example import STUDY, Reader, html

from cotejo.command import ROOT
from cotejo.errors import CotejoError
from cotejo.report.index import ANSWER_LENGTH, index, read_head

ATTACK = '"><script>alert(1)</script>'


def put(results: Path, name: str, **changes: Any) -> Path:
    path = results / name / "report.html"
    path.parent.mkdir(parents=True)
    study = {**STUDY, **{key: changes.pop(key) for key in list(changes) if key in STUDY}}
    path.write_text(html(study, **changes), encoding="utf-8")
    return path


def test_a_reports_head_says_what_the_index_needs(tmp_path: Path) -> None:
    path = put(tmp_path, "demo", overlay="small models", answers=[{"topic": "best", "text": "a < b & c"}])
    assert read_head(path) == {
        "title": "A study",
        "description": "How fast?",
        "cotejo-answer": "a < b & c",
        "cotejo-verdicts": "1 smoke, 1 failed, 1 not measured",
        "cotejo-marks": "small models; synthetic weights (random, so it never counts as reproduced); small scale",
        "cotejo-measured": "2026-01-31 12:00 to 12:00 UTC",
    }


def test_a_long_answer_is_cut_and_none_is_none(tmp_path: Path) -> None:
    long = read_head(put(tmp_path, "long", answers=[{"topic": "best", "text": "x" * 1000}]))["cotejo-answer"]
    assert long == "x" * ANSWER_LENGTH + "…"
    assert read_head(put(tmp_path, "none", answers=[]))["cotejo-answer"] == ""


def test_every_study_stands_in_it_with_a_link(tmp_path: Path) -> None:
    reports = [put(tmp_path, "two", title="Second"), put(tmp_path, "one", title="First")]
    published = tmp_path / "published" / "index.html"
    reader = Reader(index(reports, published, tmp_path / "index.html"))
    assert [link for link in reader.values("href") if link.endswith(".html")] == [
        "published/index.html", "one/report.html", "two/report.html",
    ]  # fmt: skip
    for part in (
        "First",
        "Second",
        "one",
        "How fast?",
        "The first was best.",
        "1 smoke, 1 failed",
        "synthetic weights",
    ):
        assert part in reader.text
    assert "published/index.html" not in index(reports, None, tmp_path / "index.html")


def test_text_of_others_is_only_text(tmp_path: Path) -> None:
    path = put(tmp_path, "demo", title=ATTACK, question=ATTACK, answers=[{"topic": "best", "text": ATTACK}])
    assert read_head(path)["title"] == ATTACK
    reader = Reader(index([path], None, tmp_path / "index.html"))
    assert reader.text.count(ATTACK) == 3
    assert "alert(1)" not in "".join(reader.values("content"))


def test_a_report_of_an_earlier_version_is_listed_by_its_title(tmp_path: Path) -> None:
    path = tmp_path / "old" / "report.html"
    path.parent.mkdir()
    path.write_text("<html><head><title>An old\n study</title></head><body><title>x</title></body></html>")
    assert read_head(path)["title"] == "An old study"
    assert "An old study" in index([path], None, tmp_path / "index.html")


def test_what_is_no_report_is_said(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text("{}")
    with pytest.raises(CotejoError, match=r"report\.html: title: '': it is no report\. Delete it"):
        read_head(path)


def test_the_command_writes_it(tmp_path: Path) -> None:
    report = put(tmp_path, "demo")
    command = [sys.executable, str(ROOT / "scripts/index_reports.py"), "--reports", str(report)]
    subprocess.run([*command, "--output", str(tmp_path / "index.html")], check=True)
    assert "demo/report.html" in Reader((tmp_path / "index.html").read_text()).values("href")
