"""hey: its CSV of requests, its report, the published rows, and output that is cut."""

from pathlib import Path

import pytest
from client_example import FIXTURES, client_job, lines_of, published

from cotejo.clients import hey
from cotejo.clients.parse_hey import HEADER, parse_report, parse_rows, reported
from cotejo.errors import CotejoError

REPORTS = {1: "hey-vllm-tp1.txt", 4: "hey-vllm-tp4.txt"}
CSV = (FIXTURES / "hey-requests.csv").read_text()
NAMES = {("latency", "mean"): "average_s", ("latency", "min"): "fastest_s", ("latency", "max"): "slowest_s",
         ("request_throughput", "mean"): "requests_per_s", ("total_time", "total"): "total_s"}  # fmt: skip


@pytest.mark.parametrize("gpus", REPORTS)
def test_published_rows_are_those_of_the_report(gpus: int) -> None:
    report = parse_report((FIXTURES / REPORTS[gpus]).read_text())
    rows = published("cml-vllm-ray.csv", client="hey", accelerators=str(gpus))
    of_report = [row for row in rows if row["metric"] in dict(NAMES.keys()) and row["statistic"] != "p0"]
    assert len(of_report) == 11
    for row in of_report:
        name = NAMES.get((row["metric"], row["statistic"]))
        told = getattr(report, name) if name else report.percentiles_s[int(row["statistic"][1:])]
        assert told == float(row["value"]), row
    assert report.statuses == {200: 50} and report.errors == {}


def test_report_in_our_metrics() -> None:
    told = reported(parse_report((FIXTURES / "hey-vllm-tp1.txt").read_text()))
    assert told["requests_per_s"] == 1.9869
    assert told["latency_mean_ms"] == pytest.approx(2439.6)
    assert told["latency_p90_ms"] == pytest.approx(4742.6)
    assert "latency_p0_ms" not in told  # which hey prints where there are too few requests


@pytest.mark.parametrize("name", REPORTS.values())
def test_report_cut_at_any_line_is_an_error(name: str) -> None:
    for part in lines_of(FIXTURES / name):
        with pytest.raises(CotejoError, match=r"hey's output: line \d+: "):
            parse_report(part)


def test_failures_are_read_and_must_add_up() -> None:
    text = (FIXTURES / "hey-vllm-tp1.txt").read_text().replace("[200]\t50", "[200]\t48")
    text = text.replace("2.409 [41]", "2.409 [39]")
    both = text + '\nError distribution:\n  [2]\tPost "http://x": EOF\n'
    assert parse_report(both).errors == {'Post "http://x": EOF': 2}
    with pytest.raises(CotejoError, match="are not the 48 requests"):
        parse_report(text)


def test_rows_of_the_csv() -> None:
    rows = parse_rows(CSV)
    assert len(rows) == 47 and {row.status for row in rows} == {200}
    assert all(row.done_s > row.sent_s for row in rows)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "line 1: "),
        ("This is ApacheBench, Version 2.3\n", "line 1: This is ApacheBench"),
        (CSV[: CSV.index("\n") + 40], "line 2: "),
        (CSV.rstrip("\n"), "cut"),
        (CSV + "error: foo\n", "error: foo"),
    ],
)
def test_csv_that_is_cut_or_foreign_is_an_error(text: str, line: str) -> None:
    with pytest.raises(CotejoError) as raised:
        parse_rows(text)
    assert line in str(raised.value)


def answers(*rows: tuple[float, float, int]) -> str:
    """hey's CSV of (sent, took, status)."""
    return (
        "\n".join([HEADER, *(f"{took:.4f},0.0,0.0,0.0,0.0,0.0,{status},{sent:.4f}" for sent, took, status in rows)])
        + "\n"
    )


def test_level_has_the_requests_sent_after_the_warm_up(tmp_path: Path) -> None:
    job = client_job(tmp_path, "hey", concurrency=2, warmup_s=1, duration_s=2)
    text = answers((0, 0.9, 200), (0, 1.2, 200), (0.9, 1.2, 200), (1.2, 0.8, 500), (2, 1.5, 200), (2.1, 1.1, 200))
    level = hey.read(job, 100.0, text)
    assert (level.warmup_requests, level.warmup_s, level.duration_s, level.start_monotonic_s) == (3, 1, 2, 101)
    assert [(round(row["sent_s"], 4), row["ok"], row["status"]) for row in level.samples] == [
        (0.2, 0, 500), (1, 1, 200), (1.1, 1, 200),
    ]  # fmt: skip
    assert level.samples[0]["error"] == "HTTP 500"
    assert (level.inputs, level.load, level.concurrency) == ("identical", "closed", 2)


def test_request_without_an_answer_at_the_end_counts_as_failed(tmp_path: Path) -> None:
    job = client_job(tmp_path, "hey", concurrency=2, warmup_s=0, duration_s=2)
    level = hey.read(job, 0.0, answers((0, 1.5, 200), (1.5, 1, 200), (0, 0.5, 200)))
    assert [row["error"] for row in level.samples if not row["ok"]] == ["no answer: hey wrote no row for it"]
    assert level.summary()["failed_requests"] == 1 and level.summary()["requests"] == 4


def test_csv_cut_at_any_line_is_an_error_or_has_failures(tmp_path: Path) -> None:
    whole = CSV.splitlines(keepends=True)
    job = client_job(tmp_path, "hey", concurrency=3, warmup_s=1, duration_s=4)
    assert hey.read(job, 0.0, CSV).summary()["failed_requests"] == 0
    for number in range(1, len(whole)):
        try:
            level = hey.read(job, 0.0, "".join(whole[:number]))
        except CotejoError as error:
            assert "truncated" in str(error)
        else:
            assert number >= len(whole) - 2
            assert level.summary()["failed_requests"] == len(whole) - number


def test_command_shows_the_server_alone_and_the_body_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hey, "program", lambda name, remedy: f"/bin/{name}")
    job = client_job(tmp_path, "hey", concurrency=5, warmup_s=1, duration_s=2.5)
    command = list(hey.command(job).command)
    assert command[-1] == "http://127.0.0.1:9/generate"
    assert command[command.index("-z") + 1] == "3.5s" and command[command.index("-c") + 1] == "5"
    assert Path(command[command.index("-D") + 1]).read_text().startswith('{"inputs"')
