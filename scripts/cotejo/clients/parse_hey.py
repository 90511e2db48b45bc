"""What hey prints: its CSV of requests (`-o csv`), and its report.

Written by https://github.com/rakyll/hey, requester/print.go.
"""

from dataclasses import dataclass
from typing import NamedTuple

from cotejo.clients.lines import Lines

HEADER = "response-time,DNS+dialup,DNS,Request-write,Response-delay,Response-read,status-code,offset"
MOST_ROWS = 1_000_000  # hey forgets further requests, without a word

_NUMBER = r"(\d+\.\d+)"
_DETAILS = ("DNS+dialup", "DNS-lookup", "req write", "resp wait", "resp read")


class Row(NamedTuple):
    """A request that was answered: seconds since hey's start, and HTTP's status. hey rounds to 0.1 ms."""

    sent_s: float
    done_s: float
    status: int


@dataclass(frozen=True)
class Report:
    """hey's report, in seconds. `percentiles_s` has those that hey could tell, `errors` what got no answer."""

    total_s: float
    slowest_s: float
    fastest_s: float
    average_s: float
    requests_per_s: float
    percentiles_s: dict[int, float]
    statuses: dict[int, int]
    errors: dict[str, int]


def parse_rows(text: str) -> list[Row]:
    """The requests of hey's CSV, in the order in which they were done."""
    lines, rows = Lines(text, "hey"), []
    lines.expect(HEADER.replace("+", r"\+"))
    while not lines.at_end():
        cells = lines.expect(rf"{_NUMBER},(?:-?\d+\.\d+,){{5}}(\d{{3}}),{_NUMBER}")
        offset_s = float(cells[3])
        rows.append(Row(offset_s, offset_s + float(cells[1]), int(cells[2])))
    if not text.endswith("\n"):
        lines.wrong("the last line is cut")
    if len(rows) >= MOST_ROWS:
        lines.wrong(f"hey keeps {MOST_ROWS} requests and forgets the others. Set a shorter duration_s")
    return rows


def parse_report(text: str) -> Report:
    """hey's report, whole: its parts must be there, and agree on how many requests there were."""
    lines = Lines(text, "hey")
    lines.skip_to("Summary:")
    names = ("Total", "Slowest", "Fastest", "Average")
    total_s, slowest_s, fastest_s, average_s = (
        float(lines.expect(rf"\s+{name}:\s+(NaN|\d+\.\d+) secs")[1]) for name in names
    )
    rate = float(lines.expect(rf"\s+Requests/sec:\s+{_NUMBER}")[1])
    lines.skip_to("Response time histogram:")
    histogram = [int(match[1]) for match in lines.each(r"\s+\d+\.\d+ \[(\d+)\]\s+\|■*")]
    lines.expect("Latency distribution:")
    percentiles = {int(match[1]): float(match[2]) for match in lines.each(rf"\s+(\d+)% in {_NUMBER} secs")}
    lines.expect(r"Details \(average, fastest, slowest\):")
    for name in _DETAILS:
        lines.expect(rf"\s+{name.replace('+', '[+]')}:\s+(?:NaN|-?\d+\.\d+) secs, {_NUMBER} secs, {_NUMBER} secs")
    lines.expect("Status code distribution:")
    statuses = {int(match[1]): int(match[2]) for match in lines.each(r"\s+\[(\d+)\]\s+(\d+) responses")}
    errors: dict[str, int] = {}
    if not lines.at_end():
        lines.expect("Error distribution:")
        errors = {match[2]: int(match[1]) for match in lines.each(r"\s+\[(\d+)\]\s+(.*)")}
    answered, counted = sum(statuses.values()), sum(statuses.values()) + sum(errors.values())
    # Both of the report's numbers are rounded to four places.
    if abs(total_s * rate - counted) > 0.5 + 0.00005 * (total_s + rate) or answered != sum(histogram):
        lines.wrong(f"{total_s} s at {rate} requests/s are not the {counted} requests of its lists")
    known = {q: value for q, value in percentiles.items() if q > 0}  # "0% in 0.0000 secs": too few requests to tell
    return Report(total_s, slowest_s, fastest_s, average_s, rate, known, statuses, errors)


def reported(report: Report) -> dict[str, float]:
    """What a report says, as our metrics."""
    percentiles = {f"latency_p{q}_ms": value * 1000 for q, value in report.percentiles_s.items()}
    return {"requests_per_s": report.requests_per_s, "latency_mean_ms": report.average_s * 1000, **percentiles}
