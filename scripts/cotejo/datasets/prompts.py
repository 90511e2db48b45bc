"""Texts to be answered, from a JSONL file."""

from pathlib import Path
from typing import Any

from cotejo.datasets.sources import NOT_STATED, describe, item_name, read_texts


def prepare(entry: dict[str, Any], place: str, folder: Path) -> list[dict[str, Any]]:
    """Write each prompt as a text file. CotejoError names the line that is none."""
    path, licence = entry["source"]["path"], entry.get("licence", NOT_STATED)
    items = []
    for index, (line, text) in enumerate(read_texts(path, f"{place}.path")[: entry.get("limit")]):
        target = folder / item_name(index, "prompt.txt")
        target.write_text(text, encoding="utf-8", newline="")
        items.append(describe(target, licence, f"{path}, line {line}", text=text))
    return items
