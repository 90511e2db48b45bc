"""Pairs of texts, a source and the target to be made of it: questions and their SQL, or any others."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeGuard

from cotejo.datasets.made_up_sql import made_up
from cotejo.datasets.sources import NOT_STATED, describe, item_name, read_text_file
from cotejo.errors import CotejoError
from cotejo.schema import short

# How T5 was taught to be told its task: Raffel et al. 2020, "Exploring the limits of transfer learning with a unified
# text-to-text transformer", Journal of Machine Learning Research 21:140.
ASKED = "translate English to SQL: "

# wikiSQL's numbers for them: its lib/query.py.
AGGREGATES = ("", "MAX", "MIN", "COUNT", "SUM", "AVG")
OPERATORS = ("=", ">", "<")

REMEDY = (
    'Each must be an object with "question" and its SQL, as wikiSQL and Spider publish them, or with "source" and '
    '"target"'
)

Headers = Mapping[str, list[str]]  # the columns' names, by the table's id


def prepare(entry: dict[str, Any], place: str, folder: Path) -> list[dict[str, Any]]:
    """Write all pairs to one JSONL file, {"source", "target"} on each line. CotejoError names the one that is none."""
    source, limit = entry["source"], entry.get("limit")
    if "generate" in source:
        wanted = source["generate"]
        questions = [*made_up(wanted["pairs"], wanted["seed"])][:limit]
        pairs = [(f"{ASKED}{question}", sql) for question, sql in questions]
        origin = f"made up by Cotejo, seed {wanted['seed']}"
    else:
        headers = read_headers(source["tables"], f"{place}.tables") if "tables" in source else {}
        records = read_records(source["path"], f"{place}.path")[:limit]
        pairs = [pair_of(record, headers, f"{place}.path: {at}") for at, record in records]
        origin = source["path"]
    file = folder / item_name(0, "pairs.jsonl")
    lines = (json.dumps({"source": text, "target": wanted}, ensure_ascii=False) for text, wanted in pairs)
    file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8", newline="")
    return [describe(file, entry.get("licence", NOT_STATED), origin, pairs=len(pairs))]


def pair_of(record: Any, headers: Headers, at: str) -> tuple[str, str]:
    """The source and the target of a record; `at` is how messages call it."""
    said = record if isinstance(record, dict) else {}
    question, sql = said.get("question"), said.get("query", said.get("sql"))
    if isinstance(sql, dict):
        # The hub's copies of wikiSQL carry the SQL that its own files lack.
        sql = sql.get("human_readable") or readable(sql, said.get("table_id"), headers, at)
    asked = f"{ASKED}{question}" if _is_text(question) else None
    source, target = said.get("source", asked), said.get("target", sql)
    if _is_text(source) and _is_text(target):
        return source, target
    missing = "SQL or target" if _is_text(source) else "question or source"
    raise CotejoError(f"{at}: {short(record)}: has no {missing}. {REMEDY}")


def readable(sql: Mapping[str, Any], table: Any, headers: Headers, at: str) -> str:
    """wikiSQL's numbers as SQL, as its own `lib/query.py` writes them, but with the columns' names."""
    if table not in headers:
        raise CotejoError(
            f"{at}: table_id: {short(table)}: its SQL is in numbers of columns, and no file tells their names. Give "
            "source.tables, the file of that split's tables (train.tables.jsonl)"
        )
    try:
        columns = headers[table]
        selected = f"{AGGREGATES[sql['agg']]} {columns[sql['sel']]}".strip()
        conditions = [f"{columns[column]} {OPERATORS[operator]} {value}" for column, operator, value in sql["conds"]]
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise CotejoError(f"{at}: sql: {short(sql)}: not wikiSQL's numbers ({error!r}). {REMEDY}") from error
    return f"SELECT {selected} FROM table" + (f" WHERE {' AND '.join(conditions)}" if conditions else "")


def read_headers(path: str, place: str) -> Headers:
    """The names of the tables' columns, from wikiSQL's file of tables."""
    headers = {}
    for at, table in read_records(path, place):
        match table:
            case {"id": str(name), "header": list(columns)}:
                headers[name] = columns
            case _:
                raise CotejoError(
                    f'{place}: {at}: {short(table)}: no table. Each must be an object with "id" and "header"'
                )
    return headers


def read_records(path: str, place: str) -> list[tuple[str, Any]]:
    """The records of a JSONL file, or of a JSON file that is a list, each with how messages call it."""
    text = read_text_file(path, place)
    records = [*(_listed if text.lstrip().startswith("[") else _lines)(text, path, place)]
    if not records:
        raise CotejoError(f"{place}: {path}: the file is empty. {REMEDY}")
    return records


def _listed(text: str, path: str, place: str) -> Iterator[tuple[str, Any]]:
    try:
        records = json.loads(text)
    except json.JSONDecodeError as error:
        raise CotejoError(
            f"{place}: {path}, line {error.lineno}: not valid JSON ({error.msg} at column {error.colno}). {REMEDY}"
        ) from error
    yield from ((f"{path}, [{index}]", record) for index, record in enumerate(records))


def _lines(text: str, path: str, place: str) -> Iterator[tuple[str, Any]]:
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        at = f"{path}, line {number}"
        try:
            yield at, json.loads(line)
        except json.JSONDecodeError as error:
            raise CotejoError(
                f"{place}: {at}: not valid JSON ({error.msg} at column {error.colno}). {REMEDY}"
            ) from error


def _is_text(value: Any) -> TypeGuard[str]:
    return isinstance(value, str) and bool(value.strip())
