"""Pairs of texts: wikiSQL's and Spider's own files, one's own, and those that are made up."""

import json
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from dataset_example import prepared

from cotejo.command import ROOT
from cotejo.datasets.entries import check_source, entry_digest, load_entries
from cotejo.datasets.made_up_sql import NUMBERS, TEXTS, made_up
from cotejo.datasets.text_pairs import ASKED
from cotejo.errors import CotejoError

SHIPPED = ROOT / "config" / "datasets.yaml"

# As wikiSQL's own files have them: columns and operators by number, and the columns' names in a file beside.
WIKISQL = {
    "phase": 1,
    "table_id": "1-1000181-1",
    "question": "Tell me what the notes are for South Australia ",
    "sql": {"sel": 5, "conds": [[3, 0, "SOUTH AUSTRALIA"]], "agg": 0},
}
TABLE = {
    "id": "1-1000181-1",
    "header": ["State/territory", "Text/background colour", "Format", "Current slogan", "Current series", "Notes"],
    "rows": [],
}
WANTED = "SELECT Notes FROM table WHERE Current slogan = SOUTH AUSTRALIA"

Make = Callable[..., Path]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Prepares the pairs of a source, and returns their folder."""
    return partial(prepared, tmp_path, "text-pairs")


def written(path: Path, *records: Any) -> str:
    path.write_text("".join(f"{json.dumps(record)}\n" for record in records))
    return str(path)


def pairs_of(folder: Path) -> list[tuple[str, str]]:
    lines = (folder / "00001-pairs.jsonl").read_text(encoding="utf-8").splitlines()
    return [(pair["source"], pair["target"]) for pair in map(json.loads, lines)]


def manifest(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "dataset.json").read_text())
    return found


def test_wikisqls_own_files(make: Make, tmp_path: Path) -> None:
    counted = {**WIKISQL, "sql": {"sel": 0, "agg": 3, "conds": [[1, 1, 5], [2, 2, "x"]]}}
    unconditional = {**WIKISQL, "sql": {"sel": 2, "agg": 0, "conds": []}}
    path = written(tmp_path / "train.jsonl", WIKISQL, counted, unconditional)
    folder = make({"path": path, "tables": written(tmp_path / "train.tables.jsonl", TABLE)}, licence="BSD-3-Clause")
    assert pairs_of(folder) == [
        (f"{ASKED}{WIKISQL['question']}", WANTED),
        (
            f"{ASKED}{WIKISQL['question']}",
            "SELECT COUNT State/territory FROM table WHERE Text/background colour > 5 AND Format < x",
        ),
        (f"{ASKED}{WIKISQL['question']}", "SELECT Format FROM table"),
    ]
    [item] = manifest(folder)["items"]
    assert (item["pairs"], item["licence"], item["source"]) == (3, "BSD-3-Clause", path)
    assert "synthetic" not in manifest(folder)


def test_the_hubs_wikisql_has_its_sql_written_out(make: Make, tmp_path: Path) -> None:
    record = {**WIKISQL, "sql": {**WIKISQL["sql"], "human_readable": WANTED}}
    assert pairs_of(make({"path": written(tmp_path / "hub.jsonl", record)})) == [(ASKED + WIKISQL["question"], WANTED)]


def test_spiders_list_and_pairs_of_ones_own(make: Make, tmp_path: Path) -> None:
    spider = {"db_id": "x", "question": "How many singers?", "query": "SELECT count(*) FROM singer", "sql": {"from": 1}}
    path = tmp_path / "train_spider.json"
    path.write_text(json.dumps([spider, {"source": "translate English to German: Hello", "target": "Hallo"}]))
    assert pairs_of(make({"path": str(path)})) == [
        (f"{ASKED}How many singers?", "SELECT count(*) FROM singer"),
        ("translate English to German: Hello", "Hallo"),
    ]
    assert len(pairs_of(make({"path": str(path)}, limit=1))) == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the file is empty"),
        ("{", "line 1: not valid JSON"),
        ("\n7\n", "line 2: 7: has no question or source"),
        ('{"question": " ", "query": "SELECT 1"}', "has no question or source"),
        ('{"question": "Why?"}', "has no SQL or target"),
        ('{"source": "a", "target": 3}', "has no SQL or target"),
        ("[1", "line 1: not valid JSON"),
        ("[[]]", "[0]: []: has no question or source"),
        (json.dumps(WIKISQL), "line 1: table_id: '1-1000181-1': its SQL is in numbers of columns"),
    ],
)
def test_what_is_no_pair_is_named_with_the_remedy(make: Make, tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "mine.jsonl"
    path.write_text(text)
    with pytest.raises(CotejoError, match=re.escape(said)) as raised:
        make({"path": str(path)})
    assert "mine.source.path: " in str(raised.value)
    assert "Each must be an object" in str(raised.value) or "Give source.tables" in str(raised.value)
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("sql", [{}, {"sel": 6, "agg": 0, "conds": []}, {"sel": 0, "agg": 0, "conds": [[0, 3, 1]]}])
def test_numbers_that_are_not_wikisqls_are_named(make: Make, tmp_path: Path, sql: dict[str, Any]) -> None:
    path = written(tmp_path / "train.jsonl", {**WIKISQL, "sql": sql})
    tables = written(tmp_path / "train.tables.jsonl", TABLE)
    with pytest.raises(CotejoError, match=r"line 1: sql: .*not wikiSQL's numbers"):
        make({"path": path, "tables": tables})


def test_a_file_of_tables_that_is_none(make: Make, tmp_path: Path) -> None:
    path = written(tmp_path / "train.jsonl", WIKISQL)
    with pytest.raises(CotejoError, match=r"source.tables: .*train.jsonl, line 1: .*: no table"):
        make({"path": path, "tables": path})


def test_a_missing_file_is_named_before_any_job(tmp_path: Path) -> None:
    entry = load_entries(SHIPPED)["wikisql"]
    there = written(tmp_path / "train.jsonl", WIKISQL)
    source = {"path": there, "tables": str(tmp_path / "nowhere.jsonl")}
    with pytest.raises(
        CotejoError, match=r"wikisql.source.tables: .*nowhere.jsonl: no such file.*synthetic-text-to-sql"
    ):
        check_source("wikisql", {**entry, "source": source}, SHIPPED)


def test_a_data_set_follows_the_content_of_its_files(tmp_path: Path) -> None:
    entry = {"kind": "text-pairs", "source": {"path": written(tmp_path / "a.jsonl", {"source": "a", "target": "b"})}}
    before = entry_digest(entry)
    written(tmp_path / "a.jsonl", {"source": "a", "target": "c"})
    assert entry_digest(entry) != before


def test_a_made_up_data_set_says_so_and_is_the_same_each_time(make: Make) -> None:
    folder = make({"generate": {"pairs": 50, "seed": 3}})
    pairs = pairs_of(folder)
    assert manifest(folder)["synthetic"] is True
    assert manifest(folder)["items"][0]["source"] == "made up by Cotejo, seed 3"
    assert pairs == pairs_of(make({"generate": {"pairs": 50, "seed": 3}}))
    assert pairs != pairs_of(make({"generate": {"pairs": 50, "seed": 4}}))
    assert load_entries(SHIPPED)["synthetic-text-to-sql"]["source"] == {"generate": {"pairs": 56355, "seed": 0}}


def test_made_up_sql_says_what_its_question_says() -> None:
    form = re.compile(r"SELECT (?:(MAX|MIN|COUNT|SUM|AVG) )?(.+?) FROM table WHERE (.+)")
    conditions = []
    aggregates = 0
    for question, sql in made_up(2000, 0):
        found = form.fullmatch(sql)
        assert found
        aggregate, wanted, where = found.groups()
        aggregates += aggregate is not None
        assert wanted in question
        assert wanted in NUMBERS or (wanted in TEXTS and aggregate in (None, "COUNT"))
        parts = [re.fullmatch(r"(.+) ([=<>]) (.+)", part) for part in where.split(" AND ")]
        assert all(part and part[1] in question and part[3] in question for part in parts)
        conditions.append(len(parts))
    assert set(conditions) == {1, 2, 3}
    assert 0.25 < aggregates / 2000 < 0.35
