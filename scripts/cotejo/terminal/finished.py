"""What came of things, each in a line: a repeat by its record, a study by its tables."""

import csv
import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cotejo.terminal.words import plural

# What a task's requests are where they have a name of their own.
_REQUESTS = {"video-segmentation": "frame", "fine-tuning": "step"}
WORDS = ("publishable", "smoke", "unsteady", "noisy", "failed", "not measured")


def repeat_result(record: Mapping[str, Any]) -> str:
    """What one repeat amounts to: counts that its record has, and no speed, which takes several repeats to tell."""
    if record["status"] != "ok":
        return f"failed ({record['reason']}): {record['message']}"
    levels = record["levels"]
    requests = sum(level["requests"] for level in levels)
    failed = sum(level["failed_requests"] for level in levels)
    noun = _REQUESTS.get(record["run"]["task"], "request")
    at = f" at {len(levels)} levels" if len(levels) > 1 else ""
    told = f"{plural(requests, noun)} in {sum(level['duration_s'] for level in levels):.1f} s{at}"
    return told + (f", {failed} failed" if failed else "")


def repeat_result_of(path: Path) -> tuple[str, bool]:
    """The same of a record's file, and whether the repeat failed."""
    record = json.loads(path.read_text(encoding="utf-8"))
    return repeat_result(record), record["status"] != "ok"


def verdict_words(verdicts: Path) -> str:
    """How many results of a study are worth what, by its verdicts.csv: "5 smoke, 1 noisy"; empty without the file.

    A result is a run at one load level.
    """
    if not verdicts.is_file():
        return ""
    with verdicts.open(newline="", encoding="utf-8") as stream:
        counts = Counter(row["verdict"] for row in csv.DictReader(stream))
    ordered = sorted(counts, key=lambda word: WORDS.index(word) if word in WORDS else len(WORDS))
    return ", ".join(f"{counts[word]} {word}" for word in ordered)
