"""A report made of made-up results, and who reads it as a browser would."""

from html.parser import HTMLParser
from typing import Any

import pandas as pd
from markupsafe import Markup
from record_example import RECORD
from record_example import failed as failed_record
from summary_example import failed, measured, not_measured, summary

from cotejo.report.content import content
from cotejo.report.index import head
from cotejo.report.page import page
from cotejo.verdict_table import verdict_table

STUDY: dict[str, Any] = {
    "title": "A study",
    "question": "How fast?",
    "overlay": "",
    "figures": [{"kind": "bars", "name": "speed", "title": "Speed", "metric": "tokens_per_s"}],
}
SIX = [10.0, 11.0, 12.0, 14.0, 15.0, 30.0]
ROWS = summary(
    measured(SIX, run="a", reasons="duration 12 s < 600 s"),
    measured([1.0] * 6, run="a", metric="latency_p90_ms", unit="ms", better="lower")
    | {
        "median": float("nan"),
        "low": float("nan"),
        "values": "",
        "reasons": "samples 9 < 44 for p90; duration 12 s < 600 s",
    },
    failed(run="b", precision="int4"),
    not_measured(run="c", precision="fp16"),
)
OWN = {**RECORD, "origin": ""}
RECORDS = {
    "records/local/a/r1.json": OWN,
    **{
        f"records/local/b/r{n}.json": failed_record(
            "parity", "error 0.6 > 0.4", repeat=n, run__id="b", run__digest="1" * 10, origin=""
        )
        for n in (1, 2)
    },
}


def verdicts(rows: pd.DataFrame) -> pd.DataFrame:
    """A summary's table of verdicts, every cell as text, as `read_verdicts` gives it."""
    return verdict_table(rows).astype(object).fillna("").astype(str)


class Reader(HTMLParser):
    """What a browser would find in a page: tags, attributes, and text outside styles and scripts."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.texts: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "link"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"</{tag}> closes another element"

    def handle_data(self, data: str) -> None:
        if not {"style", "script"} & {*self.open}:
            self.texts.append(" ".join(data.split()))

    def values(self, attribute: str) -> list[str]:
        return [str(attributes[attribute]) for _, attributes in self.tags if attribute in attributes]

    @property
    def text(self) -> str:
        return " ".join(text for text in self.texts if text)


def render(
    study: dict[str, Any] = STUDY,
    rows: Any = ROWS,
    records: Any = RECORDS,
    **changes: Any,
) -> Reader:
    """The page as read: of these results, and otherwise as the command gives it, but for these changes."""
    reader = Reader(html(study, rows, records, **changes))
    assert not reader.open
    return reader


def html(study: dict[str, Any] = STUDY, rows: Any = ROWS, records: Any = RECORDS, **changes: Any) -> str:
    """The page itself."""
    found = content(study, rows, verdicts(rows), records)
    answers = changes.pop("answers", [{"topic": "best", "text": "The first was best."}])
    figures = [
        {**entry, "drawing": Markup("<svg></svg>"), "words": "Throughput: 13.0 tokens/s.",
         "files": [{"form": "SVG", "path": f"figures/{entry['name']}.svg"}]}
        for entry in found["figures"]
    ]  # fmt: skip
    given = {
        "head": head(found, answers),
        "cautions": ["Nothing here is publishable."],
        "answers": answers,
        "figures": figures,
        "command": "snakemake",
        "config": [],
        "summary": "summary.csv",
        "verdict_table": "verdicts.csv",
        "sheet": "runs.csv",
        "beside": None,
        "comparison": "comparison.csv",
        "cost": None,
        "cost_table": "cost.csv",
    }
    return page({**found, **given, **changes})
