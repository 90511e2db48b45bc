"""perf_analyzer: its table, its report, the published rows, and output that is cut."""

import csv
import io
import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from client_example import FIXTURES, client_job, lines_of, published

from cotejo.apis import triton_infer
from cotejo.clients import perf_analyzer
from cotejo.clients.parse_perf_analyzer import SUMMARY, parse_report, parse_summary, parse_table, reported
from cotejo.errors import CotejoError

KINDS = {"concurrency": [1, 2, 3, 4], "rate": [50, 75, 100], "verbose": [2]}
MODELS = ("base_model_cpu", "base_model_gpu", "base_model_multi_gpu")


def fixture(kind: str, suffix: str) -> Path:
    return FIXTURES / f"perf-analyzer-{kind}.{suffix}"


@pytest.mark.parametrize("model", MODELS)
def test_published_rows_are_those_of_the_last_lines(model: str) -> None:
    rows = published("chameleon-blip-triton.csv", note=model)
    told = {(row["concurrency"], row["metric"]): row["value"] for row in rows}
    levels = list(dict.fromkeys(row["concurrency"] for row in rows))
    rates, latencies = ([told[each, name] for each in levels] for name in ("request_throughput", "latency"))
    lines = [
        f"Concurrency: {level}, throughput: {rate} infer/sec, latency {latency} usec"
        for level, rate, latency in zip(levels, rates, latencies, strict=True)
    ]
    found = parse_summary("\n".join([SUMMARY, *lines]) + "\n")
    assert [line.level for line in found] == list(map(float, levels))
    assert [line.infer_per_s for line in found] == [float(told[level, "request_throughput"]) for level in levels]
    assert [line.latency_us for line in found] == [float(told[level, "latency"]) for level in levels]


@pytest.mark.parametrize("kind", KINDS)
def test_table_has_the_values_of_every_cell(kind: str) -> None:
    text = fixture(kind, "csv").read_text()
    cells = {float(next(iter(row.values()))): row for row in csv.DictReader(io.StringIO(text))}
    rows = parse_table(text)
    assert [row.level for row in rows] == KINDS[kind] == sorted(cells)
    for row in rows:
        cell = cells[row.level]
        assert row.infer_per_s == float(cell["Inferences/Second"]) and row.mean_us == float(cell["Avg latency"])
        assert row.percentiles_us == {q: float(cell[f"p{q} latency"]) for q in (50, 90, 95, 99)}
        assert row.parts_us["Server Queue"] == float(cell["Server Queue"])
        assert row.parts_us["Server Compute Infer"] == float(cell["Server Compute Infer"])


def test_rows_sorted_by_throughput_come_back_by_level() -> None:
    header, *rows = fixture("concurrency", "csv").read_text().splitlines()
    shuffled = "\n".join([header, *sorted(rows, key=lambda row: -float(row.split(",")[1]))]) + "\n"
    assert shuffled != fixture("concurrency", "csv").read_text()
    assert [row.level for row in parse_table(shuffled)] == KINDS["concurrency"]


@pytest.mark.parametrize("kind", KINDS)
def test_report_agrees_with_the_table(kind: str) -> None:
    report, table = parse_report(fixture(kind, "txt").read_text()), parse_table(fixture(kind, "csv").read_text())
    assert [level.level for level in report] == KINDS[kind]
    for level, row in zip(report, table, strict=True):
        assert level.mean_us == row.mean_us and level.percentiles_us == row.percentiles_us
        assert level.infer_per_s == pytest.approx(row.infer_per_s, abs=0.005)


def test_windows_and_late_requests_of_a_report() -> None:
    assert parse_report(fixture("verbose", "txt").read_text())[0].windows == [241.471, 290.067, 295.724]
    assert [level.delayed_percent for level in parse_report(fixture("rate", "txt").read_text())] == [0, 0, 1.7]


@pytest.mark.parametrize("kind", KINDS)
def test_report_cut_at_any_line_is_an_error(kind: str) -> None:
    for part in lines_of(fixture(kind, "txt")):
        with pytest.raises(CotejoError, match=r"perf_analyzer's output: line \d+: "):
            parse_report(part)


def test_measurement_that_never_became_stable_is_an_error_with_its_words() -> None:
    with pytest.raises(CotejoError, match="Failed to obtain stable measurement within 3 measurement windows"):
        parse_report(fixture("unstable", "txt").read_text())


NOTHING = "No valid requests recorded within time interval. Please use a larger time window."


def test_level_in_which_nothing_was_answered_failed_for_that_reason() -> None:
    windows = "".join(f"  Pass [{number}] cb::Error: {NOTHING}\n" for number in (1, 2, 3))
    head, _, _ = fixture("unstable", "txt").read_text().partition("  Pass [1]")
    with pytest.raises(CotejoError, match=rf"^perf_analyzer's output: level 2: {NOTHING}$"):
        parse_report(head + windows + "Failed to obtain stable measurement.\n")


def test_window_that_failed_before_the_stable_ones_is_warm_up() -> None:
    text = fixture("verbose", "txt").read_text()
    failed = text.replace("  Pass [1] ", f"  Pass [1] cb::Error: {NOTHING}\n  Pass [2] ", 1)
    [level] = parse_report(failed)
    assert level.windows == [0.0, 241.471, 290.067, 295.724]
    assert level.requests == parse_report(text)[0].requests


def test_open_level_says_how_many_were_sent_on_time(tmp_path: Path) -> None:
    job = client_job(tmp_path, "perf_analyzer", "triton-infer", rate_rps=100, duration_s=2.1)
    head, _, rest = fixture("rate", "txt").read_text().partition("Request Rate: 50")
    last = "Request Rate: 100" + rest.partition("Request Rate: 100")[2]
    lines = [
        line for line in last.splitlines(keepends=True) if not line.startswith(("Request Rate: 50", "Request Rate: 75"))
    ]
    header, *rows = fixture("rate", "csv").read_text().splitlines(keepends=True)
    (job.folder / "levels.csv").write_text(header + next(row for row in rows if row.startswith("100,")))
    level = perf_analyzer.read(job, 0.0, head + "".join(lines))
    assert level.reported["sent_on_time_percent"] == 98.3


@pytest.mark.parametrize("cut", [lambda text: "", lambda text: text.splitlines()[0] + "\n", lambda text: text[:-4],
                                 lambda text: "concurrency,x\n1,2\n", lambda text: text + "5,many\n"])  # fmt: skip
def test_table_that_is_cut_or_foreign_is_an_error(cut) -> None:
    with pytest.raises(CotejoError, match=r"perf_analyzer's output: line \d+: "):
        parse_table(cut(fixture("concurrency", "csv").read_text()))


def test_times_of_an_open_load_count_from_the_sending() -> None:
    row = parse_table(fixture("rate", "csv").read_text())[0]
    assert set(reported(row, "closed")) == {
        "requests_per_s",
        "latency_mean_ms",
        *(f"latency_p{q}_ms" for q in (50, 90, 95, 99)),
    }
    assert reported(row, "open")["service_p99_ms"] == 12.058


def test_level_is_what_the_last_windows_amount_to(tmp_path: Path) -> None:
    job = client_job(tmp_path, "perf_analyzer", "triton-infer", concurrency=2, duration_s=2.1)
    (job.folder / "levels.csv").write_text(fixture("verbose", "csv").read_text())
    passes = "  Pass [4] throughput: 280.1 infer/sec. Avg latency: 7000 usec (std 10 usec). \n"
    text = fixture("verbose", "txt").read_text().replace("  Client: \n", passes + "  Client: \n", 1)
    level = perf_analyzer.read(job, 50.0, text)
    assert (level.start_monotonic_s, level.warmup_s) == (pytest.approx(50.7), pytest.approx(0.7))
    assert level.summary()["requests"] == 696 and level.summary()["failed_requests"] == 0 and level.samples == []
    assert level.duration_s == pytest.approx(696 / 275.768)
    assert level.reported["latency_mean_ms"] == 7.231 and level.reported["requests_per_s"] == 275.768


def test_other_levels_than_the_one_asked_for_are_an_error(tmp_path: Path) -> None:
    job = client_job(tmp_path, "perf_analyzer", "triton-infer", concurrency=3)
    text = fixture("verbose", "txt").read_text()
    with pytest.raises(CotejoError, match=r"line 1: \(end\): this isn't"):
        perf_analyzer.read(job, 0.0, text)
    (job.folder / "levels.csv").write_text(fixture("verbose", "csv").read_text())
    with pytest.raises(CotejoError, match=r"levels \[2\.0\]: not \[3\]"):
        perf_analyzer.read(job, 0.0, text)


def test_command_sends_the_real_tensors_at_one_level(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    item = triton_infer.Item("a.png", None)
    tensors = {"pixel_values": np.full((1, 3, 2, 2), 0.5, np.float32), "input_ids": np.array([[1, 2]])}
    monkeypatch.setattr(triton_infer, "items", lambda *arguments: iter([item]))
    monkeypatch.setattr(triton_infer, "inputs_of", lambda given: tensors)
    monkeypatch.setattr(perf_analyzer, "_program", lambda job: Path("/bin/perf_analyzer"))
    job = client_job(tmp_path, "perf_analyzer", "triton-infer", rate_rps=2.5, duration_s=3)
    launch = perf_analyzer.command(job)
    given = dict(pairwise(launch.command))
    assert (given["--request-rate-range"], given["--request-distribution"], given["-p"]) == (
        "2.5:2.5:1",
        "poisson",
        "1000",
    )
    assert given["-u"] == "127.0.0.1:9"
    (entry,) = json.loads(Path(given["--input-data"]).read_text())["data"]
    assert entry["input_ids"] == {"content": [1, 2], "shape": [2]} and entry["pixel_values"]["shape"] == [3, 2, 2]
