"""What the top of a report says of a summary, for its tests."""

import re
from collections.abc import Sequence
from typing import Any

from summary_example import measured, summary

from cotejo.report.answers import answers

STUDY = {"tolerance_percent": 10.0}
SIX = (100.0, 101.0, 99.0, 100.5, 99.5, 102.0)
PUBLISHABLE = {"verdict": "publishable", "reasons": "", "marks": ""}


def said(*rows: dict[str, Any], topic: str = "", sheet: Sequence[dict[str, str]] = (), **tables: Any) -> list[str]:
    """The sentences, of one topic or all, with plain spaces and an x for times."""
    found = answers(STUDY, sheet, summary(*rows), **tables)
    return [one["text"].replace("\u00a0", " ").replace("\u00d7", "x") for one in found if topic in ("", one["topic"])]


def times(factor: float, values: Sequence[float] = SIX) -> list[float]:
    return [value * factor for value in values]


def line(row: dict[str, Any], **options: str) -> dict[str, str]:
    """A run's line in the sheet, with options that the summary has no column for."""
    return {"id": row["run"], "digest": row["digest"], **options}


def claims(texts: Sequence[str]) -> list[str]:
    return [
        text for text in texts if re.search(r"was (faster|slower) than|were (faster|slower) than|was the fastest", text)
    ]


ONE = measured(SIX, run="tp1", name="tp1", device="cuda", accelerators="1", **PUBLISHABLE)
TWO = measured(
    times(0.42), run="tp2", name="tp2", device="cuda", accelerators="2", split="tensor_parallel", **PUBLISHABLE
)
