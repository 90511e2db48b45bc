"""What ApacheBench prints: its report, and the table of requests that `-g` writes.

Written by https://github.com/apache/httpd, support/ab.c.
"""

from dataclasses import dataclass
from typing import NamedTuple

from cotejo.clients.lines import Lines

HEADER = "starttime\tseconds\tctime\tdtime\tttime\twait"

_NUMBER = r"(\d+(?:\.\d+)?)"
_TIMES = ("Connect", "Processing", "Waiting", "Total")


class Row(NamedTuple):
    """A request: the second of the epoch in which it was started, and how long it took, in whole milliseconds."""

    second: int
    took_ms: int


@dataclass(frozen=True)
class Report:
    """ab's report. `failed` got no whole answer, `refused` an answer whose status isn't 2xx; one may be counted twice.

    `percentiles_ms` are of all requests; ab leaves them out where it completed none.
    """

    concurrency: int
    total_s: float
    complete: int
    failed: int
    refused: int
    requests_per_s: float
    mean_ms: float
    percentiles_ms: dict[int, float]


def parse_rows(text: str) -> list[Row]:
    """The requests of ab's table, shortest first, as ab sorts them."""
    lines, rows = Lines(text, "ab"), []
    lines.expect(HEADER)
    while not lines.at_end():
        cells = lines.expect(r"\w{3} \w{3} +\d+ \d\d:\d\d:\d\d \d{4}\t(\d+)\t\d+\t\d+\t(\d+)\t\d+")
        rows.append(Row(int(cells[1]), int(cells[2])))
    if not text.endswith("\n"):
        lines.wrong("the last line is cut")
    return rows


def parse_report(text: str) -> Report:
    """ab's report, whole."""
    lines = Lines(text, "ab")
    lines.skip_to(r"This is ApacheBench, Version .*")
    concurrency = int(lines.skip_to(r"Concurrency Level:\s+(\d+)")[1])
    total_s = float(lines.expect(rf"Time taken for tests:\s+{_NUMBER} seconds")[1])
    complete = int(lines.expect(r"Complete requests:\s+(\d+)")[1])
    failed = int(lines.expect(r"Failed requests:\s+(\d+)")[1])
    lines.take(r"\s+\(Connect: \d+, Receive: \d+, Length: \d+, Exceptions: \d+\)")
    lines.take(r"Write errors:\s+\d+")
    refusal = lines.take(r"Non-2xx responses:\s+(\d+)")
    lines.take(r"Keep-Alive requests:\s+\d+")
    lines.expect(r"Total transferred:\s+\d+ bytes")
    lines.take(r"Total (?:body sent|POSTed|PUT):\s+\d+")
    lines.expect(r"HTML transferred:\s+\d+ bytes")
    # Where nothing was completed ab prints none of what follows.
    rate, mean_ms = 0.0, 0.0
    if complete:
        rate = float(lines.expect(rf"Requests per second:\s+{_NUMBER} \[#/sec\] \(mean\)")[1])
        mean_ms = float(lines.expect(rf"Time per request:\s+{_NUMBER} \[ms\] \(mean\)")[1])
        lines.skip_to(r"Connection Times \(ms\)")
        lines.expect(r"\s+min\s+mean\[\+/-sd\] median\s+max")
        for name in _TIMES:
            lines.expect(rf"{name}:\s+{_NUMBER}\s+{_NUMBER}\s+{_NUMBER}\s+{_NUMBER}\s+{_NUMBER}")
    return Report(
        concurrency, total_s, complete, failed, int(refusal[1]) if refusal else 0, rate, mean_ms, _percentiles(lines)
        if complete > 1 else {},
    )  # fmt: skip


def _percentiles(lines: Lines) -> dict[int, float]:
    lines.skip_to(r"Percentage of the requests served within a certain time \(ms\)")
    found = {int(match[1]): float(match[2]) for match in lines.each(r"\s+(\d+)%\s+(\d+)(?: \(longest request\))?")}
    if 100 not in found:
        lines.wrong("the longest request is missing")
    return found


def reported(report: Report) -> dict[str, float]:
    """What a report says, as our metrics; percentiles in whole milliseconds, the longest left out."""
    percentiles = {f"latency_p{q}_ms": value for q, value in report.percentiles_ms.items() if q < 100}
    return {"requests_per_s": report.requests_per_s, "latency_mean_ms": report.mean_ms, **percentiles}
