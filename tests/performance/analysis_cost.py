"""What it costs to summarise and draw a large study: 1,000 records of 10,000 samples each, made from a seed.

The samples are log-normal times of text generation. Records share a few sample files' contents, for writing ten million
rows would take longer than reading them; each record has its own copy, and is read, hashed and checked like any other.
"""

import argparse
import copy
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

sys.path.extend(str(Path(__file__).resolve().parents[2] / folder) for folder in ("scripts", "tests/unit"))

from record_example import RECORD

from cotejo import record
from cotejo.command import ROOT
from cotejo.samples import COLUMNS
from cotejo.sheet import as_csv

RECORDS, SAMPLES, REPEATS, CONTENTS = 1000, 10_000, 8, 20
MOST_S, MOST_MIB = 60.0, 2048.0
FIGURE = {"kind": "bars", "name": "speed", "metric": "tokens_per_s", "by": ["backend", "cores"]}


class Cost(NamedTuple):
    """What one command took, from its start to its end."""

    command: str
    wall_s: float
    peak_mib: float


def analysis_costs(records: int = RECORDS, samples: int = SAMPLES) -> list[Cost]:
    """Make such a study in a temporary folder, and run the commands on it that the workflow runs."""
    with tempfile.TemporaryDirectory(prefix="cotejo-analysis-") as folder:
        results = Path(folder)
        make_results(results, records, samples)
        sheet, summary = results / "runs.csv", results / "summary.csv"
        beside = [("--verdicts", results / "verdicts.csv"), ("--distributions", results / "distributions.csv")]
        figures = [results / f"speed.{ending}" for ending in ("svg", "png")]
        return [
            cost(
                *("summarise", "--sheet", sheet, "--results", results, "--output", summary),
                *(part for pair in beside for part in pair),
            ),
            cost("plot_figure", "--summary", summary, "--figure", json.dumps(FIGURE), "--output", *figures),
        ]


def cost(command: str, *arguments: str | Path) -> Cost:
    """Run one of the scripts to its end; RuntimeError where it fails."""
    begun = time.monotonic()
    with subprocess.Popen([sys.executable, str(ROOT / "scripts" / f"{command}.py"), *map(str, arguments)]) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise RuntimeError(f"{command} ended with status {process.returncode}")
    return Cost(command, time.monotonic() - begun, usage.ru_maxrss / 1024)


def make_results(results: Path, records: int, samples: int, seed: int = 0) -> None:
    """A study's runs.csv and records, REPEATS of them for each run, in ever the same order drawn from the seed."""
    drawn = [synthetic_samples(np.random.default_rng([seed, content]), samples) for content in range(CONTENTS)]
    raw = results / "drawn.csv"
    runs: dict[str, dict[str, Any]] = {}
    for number, run, repeat in _repeats(records):
        runs[run["id"]] = run
        table = drawn[number % CONTENTS]
        raw.write_text(table.text)
        level = {**RECORD["levels"][0], "duration_s": table.duration_s, "requests": samples, "failed_requests": 0}
        facts = {**copy.deepcopy(RECORD), "run": run, "repeat": repeat, "levels": [level], "telemetry": None}
        path = results / "records" / facts["system"] / record.folder_name(run) / f"r{repeat}.json"
        record.write(path, facts, raw)
    raw.unlink()
    (results / "runs.csv").write_text(as_csv([{**run, "repeats": REPEATS} for run in runs.values()]))


def _repeats(records: int) -> Iterator[tuple[int, dict[str, Any], int]]:
    for number in range(records):
        place, repeat = divmod(number, REPEATS)
        run = {**RECORD["run"], "cores": place + 1, "id": f"text_{place + 1}c", "digest": f"{place:010x}"}
        yield number, run, repeat + 1


class Table(NamedTuple):
    """One record's samples as CSV, and the window that they fill."""

    text: str
    duration_s: float


def synthetic_samples(generator: np.random.Generator, samples: int, items: int = 50) -> Table:
    """Requests one after another: the median takes 50 ms, the coefficient of variation is 20 %, half to first token."""
    times_s = 0.05 * generator.lognormal(0, 0.2, samples)
    done_s = np.cumsum(times_s)
    sent_s = done_s - times_s
    columns = {
        "level": "single-stream",
        "index": np.arange(samples),
        "item": [f"prompt-{index % items}" for index in range(samples)],
        "scheduled_s": sent_s,
        "sent_s": sent_s,
        "first_token_s": sent_s + times_s / 2,
        "done_s": done_s,
        "tokens_in": 32,
        "tokens_out": 64,
        "ok": 1,
        "error": "",
    }
    text = pd.DataFrame(columns, columns=list(COLUMNS)).to_csv(index=False, float_format="%.7f", lineterminator="\n")
    return Table(text, float(done_s[-1]))


def table(costs: list[Cost]) -> str:
    """A Markdown table of what was measured, beside the bounds."""
    lines = ["| command | wall | bound | peak memory | bound | |", "|---|--:|--:|--:|--:|---|"]
    for each in costs:
        met = each.wall_s <= MOST_S and each.peak_mib <= MOST_MIB
        lines.append(
            f"| `{each.command}` | {each.wall_s:.1f} s | {MOST_S:g} s | {each.peak_mib:.0f} MiB | {MOST_MIB:g} MiB "
            f"| {'met' if met else '**missed**'} |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=RECORDS)
    parser.add_argument("--samples", type=int, default=SAMPLES, help="of each record")
    arguments = parser.parse_args()
    print(table(analysis_costs(arguments.records, arguments.samples)))


if __name__ == "__main__":
    main()
