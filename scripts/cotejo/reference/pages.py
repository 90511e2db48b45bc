"""The pages of docs/reference/, as Markdown."""

from collections.abc import Callable, Mapping
from typing import Any

from cotejo.labels import MARKS
from cotejo.reference.columns import tables
from cotejo.reference.markdown import code, codes, schema_table, table
from cotejo.reference.metrics import METRICS
from cotejo.reference.verdicts import REASONS, STANDINGS, VERDICTS
from cotejo.schema import schema_of

MADE = "<!-- Made by `make docs` from {source}; edit that. -->\n"


def columns_page() -> str:
    """Every table's columns."""
    parts = [
        "# Columns\n",
        MADE.format(source="scripts/cotejo/reference/columns.py"),
        "The tables of `results/<study>/`, the two that lie beside each record (`r<k>.samples.csv`,\n"
        "`r<k>.telemetry.csv`), and `results/compare/comparison.csv`. All are CSV in UTF-8 with a header; a cell\n"
        "without a value is blank. A unit such as `unit` names the column that has it.\n",
    ]
    for each in tables():
        lines = [(code(name), said.unit, said.meaning) for name, said in each.columns.items()]
        parts.append(f"## {each.file}\n\nA row is {each.row}.\n\n{table(('column', 'unit', 'what it holds'), lines)}")
    return "\n".join(parts)


def metrics_page() -> str:
    """Every metric."""
    lines = [
        (code(each.name), each.unit, each.better, each.meaning, ", ".join(each.given_by)) for each in METRICS
    ]  # fmt: skip
    return "\n".join([
        "# Metrics\n",
        MADE.format(source="scripts/cotejo/reference/metrics.py"),
        "What column `metric` of `summary.csv` names, and `metric:` in a study's figures. `<q>` is a percentile, such\n"
        "as 50, 90, 95 or 99 (a cell below its [sample floor](../method.md#percentiles-and-their-intervals) is\n"
        "blank), `<n>` the number of a GPU or a process, from 0. Given by a task: where it is measured in process.\n"
        "`servers`: by what a client sees of one. `counters`: by what the server itself counts. `telemetry`: beside\n"
        "any run. `clients`: those that report numbers and no samples.\n",
        table(("metric", "unit", "better", "what it is", "given by"), lines),
    ])  # fmt: skip


def verdicts_page() -> str:
    """Verdicts, their reasons, failures, standings and marks."""
    bounds = schema_of("config")["properties"]["verdict"]["properties"]
    reasons = [(each.text, code(each.verdict), each.meaning, codes(each.bounds)) for each in REASONS]
    failures = schema_of("record")["properties"]["reason"]["x-meanings"]
    kept = [(code(key), bounds[key]["description"]) for key in bounds]
    return "\n".join([
        "# Verdicts, standings and marks\n",
        MADE.format(source="scripts/cotejo/reference/verdicts.py and config/schemas"),
        "[method.md](../method.md) has each rule with its reason and its source.\n",
        f"## Verdicts\n\nThe worst that any rule leaves it.\n\n{_words(VERDICTS, 'verdict')}",
        "## Reasons\n\nAs `summary.csv`, `verdicts.csv` and the report print them; … stands for numbers and names.\n"
        "The second column is the best verdict that is left: one with `publishable` costs nothing, and is only said.\n"
        "Those of a machine may begin with the node that they are of.\n",
        table(("reason", "leaves", "what it means", "bound"), reasons),
        f"### Bounds\n\n`verdict:` in `config/config.yaml`.\n\n{table(('key', 'what it bounds'), kept)}",
        "## Failures\n\nThe reason of a `failed` run, and a record's `reason`; its `message` says more. `make retry`\n"
        f"deletes such records, so that they are measured again.\n\n{_words(failures, 'reason')}",
        f"## Standings\n\nHow a result stands to a published one.\n\n{_words(STANDINGS, 'standing')}",
        "## Marks\n\nWhat every figure says of such results. Beside these, an overlay's `… instead of …`.\n\n"
        + _words(MARKS, "mark"),
    ])  # fmt: skip


def record_page() -> str:
    """A record's schema."""
    schema = schema_of("record")
    return "\n".join([
        "# A record\n",
        MADE.format(source="config/schemas/record.schema.json"),
        f"{schema['description']}\n",
        "It lies at `results/<study>/records/<system>/<run>~<digest>/r<k>.json`, and beside it its samples and its\n"
        "telemetry ([columns.md](columns.md#samplescsv)). The JSON Schema itself, for programs:\n"
        "[config/schemas/record.schema.json](../../config/schemas/record.schema.json).\n",
        schema_table(schema),
    ])  # fmt: skip


def _words(meanings: Mapping[str, Any], what: str) -> str:
    return table((what, "what it means"), [(code(word), str(text)) for word, text in meanings.items()])


PAGES: Mapping[str, Callable[[], str]] = {
    "columns.md": columns_page,
    "metrics.md": metrics_page,
    "verdicts.md": verdicts_page,
    "record.md": record_page,
}
