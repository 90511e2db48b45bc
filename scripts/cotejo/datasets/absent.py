"""Data sets that are not on this machine: records of them, copied from one that has them, are known all the same."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from cotejo import record
from cotejo.datasets.entries import RECORDED, texts_of

Entry = dict[str, Any]


def with_recorded(entries: Mapping[str, Entry], folders: Iterable[Path]) -> dict[str, Entry]:
    """The entries of config/datasets.yaml, with the digest that they are known by where a text they name is missing.

    A digest follows the text, so without it a run couldn't be told from the same run of another text, and its records
    would not be found. It is the one in the newest record of the data set below these results `folders`; measuring
    anything anew needs the text itself, and asks for it.
    """
    absent = [name for name, entry in entries.items() if not all(path.is_file() for path in texts_of(entry))]
    recorded = {run["dataset"]: run["dataset_digest"] for run in recorded_runs(folders)} if absent else {}
    return {
        name: entry | ({RECORDED: recorded[name]} if name in absent and name in recorded else {})
        for name, entry in entries.items()
    }


def recorded_runs(folders: Iterable[Path]) -> list[dict[str, Any]]:
    """The runs that have records below these results folders, the newest last. Repeats of a run share its settings."""
    firsts = {path.parent: path for folder in folders for path in record.find(folder)}.values()
    # What is no record tells nothing here; summarise says what is wrong with it.
    read = [facts for path in firsts if isinstance(facts := _json(path), dict) and facts.get("run")]
    return [facts["run"] for facts in sorted(read, key=lambda facts: facts["started_at"])]


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except ValueError:
        return None
