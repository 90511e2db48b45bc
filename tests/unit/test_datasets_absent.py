import json
from pathlib import Path

import pytest
from study_example import TEXT, copy_config, load

from cotejo.datasets.absent import with_recorded
from cotejo.datasets.entries import entry_digest
from cotejo.record import folder_name


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return copy_config(tmp_path)


ENTRY = {"kind": "prompts", "source": {"path": "/nowhere/mine.jsonl"}}


def put_record(folder: Path, digest: str, started_at: str, dataset: str = "mine", run: str = "a") -> None:
    path = folder / "records" / "lab" / f"{run}~{digest}" / "r1.json"
    path.parent.mkdir(parents=True)
    facts = {"run": {"dataset": dataset, "dataset_digest": digest}, "started_at": started_at}
    path.write_text(json.dumps(facts))


def test_a_missing_text_is_known_by_its_newest_record(tmp_path: Path) -> None:
    put_record(tmp_path / "results", "1111111111", "2026-01-01T00:00:00.000Z")
    put_record(tmp_path / "import", "2222222222", "2026-03-01T00:00:00.000Z")
    put_record(tmp_path / "results", "3333333333", "2026-04-01T00:00:00.000Z", dataset="other", run="b")
    found = with_recorded({"mine": ENTRY}, [tmp_path / "results", tmp_path / "import", tmp_path / "none"])
    assert entry_digest(found["mine"]) == "2222222222"


def test_without_a_record_it_is_known_by_its_entry_alone(tmp_path: Path) -> None:
    assert with_recorded({"mine": ENTRY}, [tmp_path]) == {"mine": ENTRY}


def test_what_is_no_record_tells_nothing(tmp_path: Path) -> None:
    for name, text in (("empty", "{}"), ("broken", '{"run"'), ("list", "[]")):
        path = tmp_path / "records" / "lab" / f"{name}~0123456789" / "r1.json"
        path.parent.mkdir(parents=True)
        path.write_text(text)
    assert with_recorded({"mine": ENTRY}, [tmp_path]) == {"mine": ENTRY}


def test_a_text_that_is_there_counts_whatever_was_recorded(tmp_path: Path) -> None:
    text = tmp_path / "mine.jsonl"
    text.write_text('{"text": "a"}\n')
    put_record(tmp_path, "1111111111", "2026-01-01T00:00:00.000Z")
    entry = {"kind": "prompts", "source": {"path": str(text)}}
    assert with_recorded({"mine": entry}, [tmp_path]) == {"mine": entry}


def test_a_study_finds_its_records_without_its_data(config: Path, tmp_path: Path) -> None:
    """As after copying a results folder to a machine that hasn't the text: the runs keep their names."""
    text = tmp_path / "mine.jsonl"
    text.write_text('{"text": "Hello"}\n')
    with (config / "datasets.yaml").open("a") as entries:
        entries.write(f"\nmine:\n  kind: prompts\n  licence: CC0-1.0\n  source: {{path: {text}}}\n")
    mine = TEXT.replace("prompts", "mine")
    [measured] = load(config, mine).runs
    folder = config.parent / "results" / "test" / "records" / "lab" / folder_name(measured)
    folder.mkdir(parents=True)
    (folder / "r1.json").write_text(json.dumps({"run": measured, "started_at": "2026-01-01T00:00:00.000Z"}))
    text.unlink()
    [drawn] = load(config, mine).runs
    assert drawn["digest"] == measured["digest"]
    folder.rename(folder.with_name("other~0123456789"))
    (folder.with_name("other~0123456789") / "r1.json").unlink()
    [unknown] = load(config, mine).runs
    assert unknown["digest"] != measured["digest"]
