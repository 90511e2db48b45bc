"""config/README.md says what the schemas say."""

from document_config import reference, rows, takes

from cotejo import tasks
from cotejo.command import ROOT
from cotejo.schema import schema_of


def test_the_committed_page_is_what_the_schemas_make() -> None:
    assert (ROOT / "config" / "README.md").read_text(encoding="utf-8") == reference(), "run `make docs`"


def test_every_key_is_described() -> None:
    for name in ("config", "study", "overlay", "system", "models", "datasets", "run"):
        schema = schema_of(name)
        for key, _, _, meaning in rows(schema, schema):
            assert meaning, f"{name}: {key} has no description"


def test_every_option_of_a_task_is_a_setting_with_its_default() -> None:
    page = reference()
    for name in tasks.TASKS:
        for option, default in tasks.task(name).OPTIONS.items():
            line = next(line for line in page.splitlines() if line.startswith(f"| `{option}` |"))
            assert f"| `{default}` |" in line


def test_bounds_are_said_in_words() -> None:
    assert takes({"type": "integer", "minimum": 1, "maximum": 9}, {}) == "whole number ≥ 1, ≤ 9"
    assert takes({"type": "array", "items": {"enum": ["a", "b"]}}, {}) == "list of `a`, `b`"
