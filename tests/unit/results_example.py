"""Results to compare: whole folders of text generation, or rows as they would be read from some."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import pandas as pd
from record_example import RECORD, changed, failed

from cotejo import record, samples
from cotejo.comparison.table import Results, compare, read_comparison

STEADY_S = (0.500, 0.503, 0.497, 0.505, 0.495, 0.501)
REQUESTS = 3


def put_run(folder: Path, repeats: Sequence[float | str], name: str = "text", **changes: Any) -> None:
    """Add a run to a results folder: for each repeat the time of each of its requests, or the reason that it failed.

    `changes` are made to its records, as `record_example.changed` does.
    """
    for repeat, outcome in enumerate(repeats, start=1):
        facts = failed(outcome) if isinstance(outcome, str) else changed(RECORD, levels=[level_of(outcome)])
        facts = changed(facts, repeat=repeat, run__name=name, run__id=f"{name}_int8", **changes)
        path = folder / "records" / facts["system"] / record.folder_name(facts["run"]) / f"r{repeat}.json"
        if isinstance(outcome, str):
            record.write(path, facts, None)
            continue
        raw = folder / "samples.csv"
        samples.write_samples(raw, [measured(outcome)], ())
        record.write(path, facts, raw)
        raw.unlink()


def level_of(request_s: float) -> dict[str, Any]:
    """The record's facts of the level that `measured` gives the samples of."""
    return {**RECORD["levels"][0], "duration_s": REQUESTS * request_s, "requests": REQUESTS}


def measured(request_s: float) -> samples.Level:
    """Requests of 8 tokens, one after another, each of this time."""
    level = samples.Level("single-stream", duration_s=REQUESTS * request_s)
    for index in range(REQUESTS):
        start_s = index * request_s
        instants = {"scheduled_s": start_s, "sent_s": start_s, "first_token_s": start_s + request_s / 2}
        outcome = {"done_s": start_s + request_s, "tokens_in": 4, "tokens_out": 8, "ok": 1}
        level.samples.append({"level": level.level, "index": index, "item": "p", **instants, **outcome})
    return level


TOKENS = (100.0, 101.0, 99.0, 100.5, 99.5, 102.0)


def times(factor: float, values: Sequence[float] = TOKENS) -> list[float]:
    return [value * factor for value in values]


def results(*rows: dict[str, Any], folder: str = "results/demo", **merge_keys: dict[str, Any]) -> Results:
    """What `read_results` gives for these rows of a summary."""
    blank = [
        {key: None if value in ("", None) or value != value else value for key, value in row.items()} for row in rows
    ]
    settings = {(row["run"], row["digest"]): {"id": row["run"], "digest": row["digest"]} for row in rows}
    keys = {row["environment"]: merge_keys.get(row["environment"], {"cpu": "Example"}) for row in rows}
    return Results(folder, blank, settings, keys)


def table(baseline: Results, candidate: Results) -> pd.DataFrame:
    """The comparison as it is read back from its file."""
    with NamedTemporaryFile() as file:
        compare(baseline, candidate).to_csv(file, index=False)
        file.flush()
        return read_comparison(Path(file.name))


def only(comparison: pd.DataFrame) -> dict[str, Any]:
    assert len(comparison) == 1
    return comparison.iloc[0].to_dict()


def one(baseline: dict[str, Any], candidate: dict[str, Any]) -> dict[str, Any]:
    """The single row of two folders that have one row each."""
    return only(table(results(baseline), results(candidate)))
