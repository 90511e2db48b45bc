"""ab: its report, its table of requests, and output that is cut."""

import time
from itertools import pairwise
from pathlib import Path

import pytest
from client_example import FIXTURES, client_job, lines_of

from cotejo.clients import ab
from cotejo.clients.parse_ab import HEADER, parse_report, parse_rows, reported
from cotejo.errors import CotejoError

REPORT = (FIXTURES / "ab-report.txt").read_text()
TABLE = (FIXTURES / "ab-requests.tsv").read_text()
FAILURES = (FIXTURES / "ab-report-failures.txt").read_text()


def test_report() -> None:
    report = parse_report(REPORT)
    assert (report.concurrency, report.complete, report.failed, report.refused) == (3, 68, 0, 0)
    assert report.total_s == pytest.approx(7, abs=0.1)
    assert reported(report)["requests_per_s"] == report.requests_per_s == pytest.approx(68 / report.total_s, abs=0.01)
    assert reported(report)["latency_mean_ms"] == report.mean_ms
    assert "latency_p99_ms" in reported(report) and "latency_p100_ms" not in reported(report)


def test_failures_of_a_report() -> None:
    report = parse_report(FAILURES)
    assert (report.complete, report.failed, report.refused) == (53921, 80755, 12)


@pytest.mark.parametrize("name", ["ab-report.txt", "ab-report-failures.txt"])
def test_report_cut_at_any_line_is_an_error(name: str) -> None:
    for part in lines_of(FIXTURES / name):
        with pytest.raises(CotejoError, match=r"ab's output: line \d+: "):
            parse_report(part)


def test_table_has_every_request_of_the_report() -> None:
    rows = parse_rows(TABLE)
    assert len(rows) == parse_report(REPORT).complete
    assert [row.took_ms for row in rows] == sorted(row.took_ms for row in rows)


@pytest.mark.parametrize("text", ["", "response-time,DNS\n", TABLE[:-3], TABLE + "oops\n"])
def test_table_that_is_cut_or_foreign_is_an_error(text: str) -> None:
    with pytest.raises(CotejoError, match=r"ab's output: line \d+: "):
        parse_rows(text)


def report_of(complete: int, failed: int = 0, refused: int = 0) -> str:
    text = REPORT.replace("Complete requests:      68", f"Complete requests:      {complete}")
    text = text.replace("Failed requests:        0", f"Failed requests:        {failed}")
    return text.replace("Keep-Alive", f"Non-2xx responses:      {refused}\nKeep-Alive") if refused else text


def test_level_is_of_whole_seconds_before_any_request_was_abandoned(tmp_path: Path) -> None:
    job = client_job(tmp_path, "ab", concurrency=3, warmup_s=1, duration_s=4)
    start_s = time.monotonic()
    start_epoch_s = time.time()
    first = int(start_epoch_s) + 3
    rows = [(first - 1, 800), *((first + second, 400 + second) for second in range(4) for _ in range(5))]
    lines = [f"Sat Nov 21 15:00:00 2026\t{second}\t0\t{took}\t{took}\t{took}" for second, took in rows]
    (job.folder / "requests.tsv").write_text("\n".join([HEADER, *lines]) + "\n")
    job.run["warmup_s"] = first - start_epoch_s - 0.5
    text = report_of(len(rows)).replace(str(parse_report(REPORT).total_s), f"{first + 3.9 - start_epoch_s:.3f}", 1)
    level = ab.read(job, start_s, text)
    assert level.duration_s == pytest.approx(3)  # the fourth second has requests that were under way at the end
    assert level.start_monotonic_s - start_s == pytest.approx(first - start_epoch_s, abs=0.05)
    assert (len(level.samples), level.warmup_requests) == (15, 6)
    assert [round(row["done_s"] - row["sent_s"], 3) for row in level.samples[::5]] == [0.4, 0.401, 0.402]
    assert level.inputs == "identical" and level.samples[0]["item"] == "0.txt"


def test_failures_leave_only_numbers(tmp_path: Path) -> None:
    """ab doesn't say which requests failed, so that no time of any request can be used."""
    job = client_job(tmp_path, "ab", concurrency=3)
    level = ab.read(job, 5.0, report_of(68, failed=2, refused=3))
    assert level.samples == [] and list(level.reported) == ["requests_per_s"]
    assert (level.summary()["requests"], level.summary()["failed_requests"]) == (68, 5)
    assert level.reported["requests_per_s"] == pytest.approx(63 / level.duration_s)


def test_wrong_or_truncated_results_are_errors(tmp_path: Path) -> None:
    job = client_job(tmp_path, "ab", concurrency=3)
    (job.folder / "requests.tsv").write_text("".join(TABLE.splitlines(keepends=True)[:-1]))
    with pytest.raises(CotejoError, match=r"requests\.tsv: line 68: 68 requests should be there"):
        ab.read(job, time.monotonic(), REPORT)
    with pytest.raises(CotejoError, match="Concurrency Level: 3: not 2"):
        ab.read(client_job(tmp_path / "other", "ab", concurrency=2), 0.0, REPORT)


def test_command_is_that_of_the_published_guide(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ab, "program", lambda name, remedy: f"/usr/bin/{name}")
    command = list(ab.command(client_job(tmp_path, "ab", concurrency=3, warmup_s=0.5, duration_s=2)).command)
    given = dict(pairwise(command))
    assert (given["-t"], given["-c"], given["-T"]) == ("5", "3", "application/json")
    assert Path(given["-p"]).read_text().startswith('{"inputs"')
    assert command.index("-n") > command.index("-t")  # -t sets -n too
    assert command[-1] == "http://127.0.0.1:9/generate"
