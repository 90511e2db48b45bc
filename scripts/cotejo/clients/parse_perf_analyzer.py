"""What NVIDIA's perf_analyzer writes: its table (`-f`), its report, and the lines that end the report.

Written by https://github.com/triton-inference-server/perf_analyzer, src/report_writer.cc and
src/inference_profiler.cc.
"""

import re
from dataclasses import dataclass, field
from typing import NamedTuple

from cotejo.clients.lines import Lines
from cotejo.errors import CotejoError

LEVELS = {"Concurrency": "concurrency", "Request Rate": "rate"}
SUMMARY = "Inferences/Second vs. Client Average Batch Latency"

_NUMBER = r"(\d+(?:\.\d+)?(?:e[+-]\d+)?)"
_SUMMARY_LINE = rf"(Concurrency|Request Rate): {_NUMBER}, throughput: {_NUMBER} infer/sec, latency {_NUMBER} usec"
_PASS = rf"\s+Pass \[\d+\] throughput: {_NUMBER} infer/sec\. (?:Avg|p\d+) latency: {_NUMBER} usec.*"
_PASS_FAILED = r"\s+Pass \[\d+\] cb::Error: (.*)"


class SummaryLine(NamedTuple):
    """One of the lines that end a report: the level's number, and what stands for it."""

    level: float
    infer_per_s: float
    latency_us: float


@dataclass(frozen=True)
class Row:
    """A line of the table: all times are means over requests, or percentiles, in microseconds.

    `parts_us` are "Server Queue", "Server Compute Infer" and whatever else a request's time is divided into.
    """

    level: float
    infer_per_s: float
    percentiles_us: dict[int, float]
    mean_us: float | None  # only a verbose table has it
    parts_us: dict[str, float]


@dataclass(frozen=True)
class Measured:
    """A level of the report. `windows` are the throughputs of all measurement windows, which only `-v` prints; 0 where
    one failed.
    """

    level: float
    requests: int
    infer_per_s: float
    mean_us: float
    percentiles_us: dict[int, float]
    windows: list[float] = field(default_factory=list)
    # Of an open load: requests that weren't sent when they were due; 0 without its warning, which it gives beyond 1 %.
    delayed_percent: float = 0.0


def parse_table(text: str) -> list[Row]:
    """The table's rows, lowest level first: perf_analyzer sorts them by throughput."""
    lines = Lines(text, "perf_analyzer")
    header = lines.expect(r"(?:Concurrency|Request Rate),Inferences/Second,Client Send,[\w ,./+]+")[0].split(",")
    rows = []
    while not lines.at_end():
        numbers = [float(cell) for cell in lines.expect(rf"{_NUMBER}(?:,{_NUMBER}){{{len(header) - 1}}}")[0].split(",")]
        rows.append(_row(dict(zip(header[2:], numbers[2:], strict=True)), *numbers[:2]))
    if not rows or not text.endswith("\n"):
        lines.wrong("the table has no row" if not rows else "the last line is cut")
    return sorted(rows, key=lambda row: row.level)


def _row(cells: dict[str, float], level: float, infer_per_s: float) -> Row:
    percentiles = {int(name[1:].split()[0]): us for name, us in cells.items() if re.fullmatch(r"p\d+ latency", name)}
    parts = {name: us for name, us in cells.items() if not name.endswith(" latency")}
    return Row(level, infer_per_s, percentiles, cells.get("Avg latency"), parts)


def parse_summary(text: str) -> list[SummaryLine]:
    """The lines that end a report, or stand alone under their title."""
    lines = Lines(text, "perf_analyzer")
    lines.skip_to(re.escape(SUMMARY))
    return _summary(lines)


def _summary(lines: Lines) -> list[SummaryLine]:
    found = [SummaryLine(*map(float, match.groups()[1:])) for match in lines.each(_SUMMARY_LINE)]
    if not found or not lines.at_end():
        lines.wrong("this is no level's throughput and latency")
    return found


def parse_report(text: str) -> list[Measured]:
    """The levels of a report, whole: those that it describes must be those that its last lines name."""
    lines, found = Lines(text, "perf_analyzer"), []
    lines.skip_to(r"\*\*\* Measurement Settings \*\*\*")
    lines.skip_to(r"\s+Stabilizing using .*")
    while not lines.at_end():
        if lines.take(re.escape(SUMMARY)):
            break
        title = lines.take(rf"Request (?:concurrency|Rate): {_NUMBER}(?: inference requests per seconds)?")
        if title is None:
            lines.skip()
        else:
            found.append(_measured(lines, float(title[1])))
    summary = _summary(lines)
    if [line.level for line in summary] != [measured.level for measured in found]:
        lines.wrong(f"the last lines are not of the {len(found)} levels that the report describes")
    return found


def _measured(lines: Lines, level: float) -> Measured:
    windows, wrong = _windows(lines)
    if wrong and lines.take(r"\s+Client:\s*") is None:
        raise CotejoError(f"perf_analyzer's output: level {level:g}: {wrong}")
    if not wrong:
        lines.expect(r"\s+Client:")
    requests = int(lines.expect(r"\s+Request count: (\d+)")[1])
    delayed = 0.0
    while (throughput := lines.take(rf"\s+Throughput: {_NUMBER} infer/sec")) is None:
        if match := lines.take(rf"\s+\[WARNING\] .* {_NUMBER}% of the requests were delayed\..*"):
            delayed = float(match[1])
        else:
            lines.expect(r"\s+(?:Avg send request rate|Delayed Request Count): .*")
    lines.take(r"\s+Avg client overhead: .*")
    mean_us = float(lines.expect(rf"\s+Avg latency: {_NUMBER} usec.*")[1])
    percentiles = {int(match[1]): float(match[2]) for match in lines.each(rf"\s+p(\d+) latency: {_NUMBER} usec")}
    if not percentiles:
        lines.wrong("the percentiles are missing")
    lines.expect(rf"\s+Avg (?:HTTP|gRPC) time: {_NUMBER} usec.*")
    if lines.take(r"\s+Server:\s*"):
        lines.expect(r"\s+Inference count: \d+")
        lines.expect(r"\s+Execution count: \d+")
        lines.expect(r"\s+Successful request count: \d+")
        lines.expect(r"\s+Avg request latency: .*")
    return Measured(level, requests, float(throughput[1]), mean_us, percentiles, windows, delayed)


def _windows(lines: Lines) -> tuple[list[float], str]:
    """The throughputs of all windows, and what is said of the last one that failed."""
    windows, wrong = [], ""
    lines.at_end()
    while True:
        if match := lines.take(_PASS):
            windows.append(float(match[1]))
        elif match := lines.take(_PASS_FAILED):
            windows.append(0.0)
            wrong = match[1].strip()
        else:
            return windows, wrong


def reported(row: Row, load: str) -> dict[str, float]:
    """What a verbose table says of a level, as our metrics. Of an open load its times count from the sending."""
    name = "service" if load == "open" else "latency"
    times_us = {f"{name}_p{q}_ms": us for q, us in sorted(row.percentiles_us.items())}
    if row.mean_us is not None:
        times_us = {f"{name}_mean_ms": row.mean_us, **times_us}
    return {"requests_per_s": row.infer_per_s, **{metric: us / 1000 for metric, us in times_us.items()}}
