"""Records of servers in the summary: a row for each level and metric, beside those measured in process."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from record_example import RECORD, changed
from results_example import put_run
from serving_example import RUN, SERVED, aggregates, failing, level, request
from summary_example import served
from summary_example import summary as rows_of

from cotejo import record
from cotejo.comparison.table import compare, read_results
from cotejo.distribution import COLUMNS as DISTRIBUTED
from cotejo.distribution import distribution, distributions, highest_share, of_row, read_distributions
from cotejo.errors import CotejoError
from cotejo.labels import level_label, metric_label, value_label
from cotejo.report.content import content
from cotejo.report.serving import servers
from cotejo.samples import Level, write_samples
from cotejo.summary import read_attempt, read_summary, summarise
from cotejo.verdict import THRESHOLDS
from cotejo.verdict_table import verdict_table

OWN = ("characters_out", "gaps_ms", "status")
Rows = list[dict[str, Any]]


def closed_rows(requests: int = 60, took_s: float = 0.25) -> Rows:
    """Two at once, one after another."""
    return [request(took_s * (place // 2), took_s) for place in range(requests)]


def put(folder: Path, levels: Mapping[str, tuple[Rows, dict[str, Any]]], repeat: int = 1, **changes: Any) -> Path:
    """A record of these levels: for each its samples and its facts."""
    facts = changed(SERVED, repeat=repeat, levels=[{**own, "level": name} for name, (_, own) in levels.items()])
    facts = changed(facts, **changes)
    raw = folder / "samples.csv"
    samples = [{**row, "level": name, "index": i} for name, (rows, _) in levels.items() for i, row in enumerate(rows)]
    raw.parent.mkdir(parents=True, exist_ok=True)
    write_samples(raw, [Level("all", samples=samples)], OWN)
    path = folder / "records" / facts["system"] / record.folder_name(facts["run"]) / f"r{repeat}.json"
    record.write(path, facts, raw)
    raw.unlink()
    return path


def closed(rows: Rows, **changes: Any) -> tuple[Rows, dict[str, Any]]:
    return rows, level(rows, duration_s=max(row["done_s"] for row in rows), **changes)


def table(folder: Path) -> pd.DataFrame:
    attempts = [read_attempt(path) for path in record.find(folder)]
    output = folder / "summary.csv"
    summarise([{**attempts[0].record["run"], "repeats": 6}], attempts, THRESHOLDS).to_csv(output, index=False)
    return read_summary(output)


def only(rows: pd.DataFrame, metric: str, level: str = "concurrency-2") -> dict[str, Any]:
    (row,) = rows[(rows["metric"] == metric) & (rows["level"] == level)].to_dict("records")
    return row


def test_levels_come_lowest_first_with_their_load(tmp_path: Path) -> None:
    for repeat in (1, 2):
        levels = {
            "concurrency-2": closed(closed_rows()),
            "concurrency-1": closed([request(place, 1.0) for place in range(5)], concurrency=1),
        }
        put(tmp_path, levels, repeat, run__concurrency="1-2")
    rows = table(tmp_path)
    assert list(dict.fromkeys(rows["level"])) == ["concurrency-1", "concurrency-2"]
    row = only(rows, "tokens_per_s")
    assert row["median"] == pytest.approx(60 * 9 / 7.5)
    assert (row["server"], row["client"], row["load"], row["inputs"]) == ("vllm", "cotejo", "closed", "unique")
    assert (row["concurrency"], row["source"], row["unit"]) == (2, "samples", "tokens/s")
    assert pd.isna(row["rate_rps"])
    assert only(rows, "latency_p90_ms", "concurrency-1")["reasons"].startswith("samples 5 < 44 for p90; ")


def test_an_open_level_has_its_rate(tmp_path: Path) -> None:
    rows = [request(place / 5, 0.1, late_s=0.01) for place in range(60)]
    put(tmp_path, {"rate-5": (rows, level(rows, "open", duration_s=12.0))}, run__load="open")
    row = only(table(tmp_path), "service_p50_ms", "rate-5")
    assert (row["load"], row["rate_rps"], row["median"]) == ("open", 5, pytest.approx(100))
    assert pd.isna(row["concurrency"])


def test_in_process_all_of_it_is_blank(tmp_path: Path) -> None:
    put_run(tmp_path, [0.5, 0.5])
    row = table(tmp_path).iloc[0]
    assert (row["server"], row["client"], row["load"], row["inputs"]) == ("", "", "", "")
    assert pd.isna(row["concurrency"]) and pd.isna(row["rate_rps"])


def test_what_the_server_counted_has_a_source_of_its_own(tmp_path: Path) -> None:
    counted = {"requests": 60, "queue_s": 3.0, "compute_s": 9.0, "inference_s": 13.5, "tokens_out": 540}
    put(tmp_path, {"concurrency-2": closed(closed_rows(), server=counted)})
    rows = table(tmp_path)
    assert (only(rows, "queue_ms")["source"], only(rows, "queue_ms")["median"]) == ("server", pytest.approx(50))
    sources = list(dict.fromkeys(rows["source"]))
    assert sources == ["samples", "server", "telemetry"]
    assert not any("counters" in reasons for reasons in rows["reasons"])


def test_aggregates_are_the_clients_and_say_so(tmp_path: Path) -> None:
    facts = {**aggregates(60, requests_per_s=10.0, latency_mean_ms=200.0, latency_p90_ms=250.0), "duration_s": 6.0}
    put(tmp_path, {"concurrency-2": ([], facts)}, client__name="perf_analyzer", run__client="perf_analyzer")
    rows = table(tmp_path)
    row = only(rows, "requests_per_s")
    assert (row["source"], row["median"], row["requests"]) == ("client", 10, 60)
    assert only(rows, "latency_p90_ms")["median"] == 250
    assert "Little's law" not in row["reasons"]


def test_an_invalid_level_has_no_value_but_says_why(tmp_path: Path) -> None:
    rows = [request(place / 5, 0.1, late_s=0.2) for place in range(60)]
    put(tmp_path, {"rate-5": (rows, level(rows, "open", duration_s=12.0))}, run__load="open")
    found = table(tmp_path)
    assert set(found["verdict"]) == {"failed"}
    assert found["median"].isna().all() and set(found["values"]) == {""}
    assert found.iloc[0]["reasons"].startswith("invalid: 0 % of the arrivals sent on time in 1 of 1 repeats")


def test_a_level_without_a_good_request_fails_beside_its_neighbours(tmp_path: Path) -> None:
    levels = {"concurrency-2": closed(closed_rows()), "concurrency-4": closed([failing(0), failing(1)], concurrency=4)}
    put(tmp_path, levels, run__concurrency="2,4")
    rows = table(tmp_path)
    assert set(rows[rows["level"] == "concurrency-4"]["verdict"]) == {"failed"}
    assert only(rows, "tokens_per_s")["median"] > 0


def test_verdicts_have_a_line_for_each_level_with_its_load(tmp_path: Path) -> None:
    levels = {f"concurrency-{n}": closed(closed_rows(), concurrency=n) for n in (1, 2)}
    put(tmp_path, levels, run__concurrency="1-2")
    found = verdict_table(table(tmp_path))
    assert list(found["level"]) == ["concurrency-1", "concurrency-2"]
    assert set(found["server"]) == {"vllm"} and set(found["client"]) == {"cotejo"}
    assert found.iloc[0]["verdict"] == "unsteady" and "Little's law" in found.iloc[0]["reasons"]


def test_two_folders_are_compared_level_by_level(tmp_path: Path) -> None:
    for side, took_s in (("before", 0.25), ("after", 0.5)):
        for repeat in range(1, 7):
            rows = closed_rows(took_s=took_s * (1 + repeat / 1000))
            levels = {f"concurrency-{n}": closed(rows, concurrency=2) for n in (2, 4)}
            put(tmp_path / side, levels, repeat, run__concurrency="2,4")
    found = compare(*(read_results(tmp_path / side, THRESHOLDS) for side in ("before", "after")))
    heads = found[found["headline"] == "yes"]
    assert list(heads["level"]) == ["concurrency-2", "concurrency-4"]
    assert set(heads["standing"]) == {"slower"} and set(heads["server"]) == {"vllm"}
    assert list(heads["ratio"]) == pytest.approx([0.5, 0.5], rel=0.01)


# Distributions.


def test_a_distribution_ends_where_its_requests_tell_no_more() -> None:
    rows = pd.DataFrame([request(0, (place + 1) / 1000) for place in range(459)])
    found = distribution(rows)
    assert found is not None
    assert found.shares[-1] == pytest.approx(0.99, abs=1e-4)
    assert found.latencies_ms[-1] == pytest.approx(455, abs=1)
    assert len(found.shares) < 202 and list(found.shares) == sorted(found.shares)


@pytest.mark.parametrize(("requests", "share"), [(1, 0.5), (44, 0.9), (90, 0.95), (459, 0.99)])
def test_the_highest_share_is_that_of_the_floors(requests: int, share: float) -> None:
    assert highest_share(requests) == pytest.approx(share, abs=0.001)


def test_distributions_survive_their_file(tmp_path: Path) -> None:
    put(tmp_path, {"concurrency-2": closed([*closed_rows(), failing(9)])})
    attempts = [read_attempt(path) for path in record.find(tmp_path)]
    distributions(attempts).to_csv(tmp_path / "distributions.csv", index=False)
    rows = read_distributions(tmp_path / "distributions.csv")
    assert tuple(rows.columns) == DISTRIBUTED and len(rows) == 1
    assert rows.iloc[0]["run"] == RUN["id"] and rows.iloc[0]["level"] == "concurrency-2"
    found = of_row(rows.iloc[0].to_dict())
    assert found.requests == 60 and found == attempts[0].levels["concurrency-2"].distribution
    with pytest.raises(CotejoError, match="lacks the column repeat"):
        rows.drop(columns="repeat").to_csv(tmp_path / "less.csv", index=False)
        read_distributions(tmp_path / "less.csv")


def test_what_has_no_samples_has_no_distribution(tmp_path: Path) -> None:
    put(tmp_path, {"concurrency-2": ([], aggregates(60, requests_per_s=10.0))})
    assert distributions([read_attempt(path) for path in record.find(tmp_path)]).empty


# For people.


def test_labels_read_well() -> None:
    words = ("ttft_p50_ms", "tpot_p90_ms", "itl_p99_ms", "characters_p10_per_s", "service_p50_ms", "goodput_per_s")
    assert [metric_label(name) for name in words] == [
        "Time to first token, median", "Time per output token, p90", "Time between tokens, p99",
        "Rate of one request, p10", "Service time, median", "Goodput",
    ]  # fmt: skip
    assert [level_label(name) for name in ("concurrency-4", "rate-2.5", "end-to-end")] == [
        "4\u00a0at\u00a0once", "2.5/s", "end-to-end",
    ]  # fmt: skip
    assert value_label("load", "open") == "open\u00a0loop" and value_label("load", "") == ""
    assert value_label("inputs", "identical") == "identical\u00a0inputs"


def test_the_report_names_server_client_and_level() -> None:
    rows = rows_of(served("requests_per_s", 9.0, 1), served("requests_per_s", 12.0, 4), served("queue_ms", 5.0, 4))
    study = {"title": "t", "question": "q", "overlay": "", "figures": []}
    shown = content(study, rows, verdict_table(rows).astype(str), {"records/r1.json": {**RECORD, "origin": ""}})
    (found,) = shown["tables"]
    assert found["extra"] == ["level"]
    assert [line["extra"] for line in found["lines"]] == [["1\u00a0at\u00a0once"], ["4\u00a0at\u00a0once"]]
    assert "triton\u00a0· client\u00a0cotejo" in found["lines"][0]["settings"]
    assert [metric["label"] for metric in found["metrics"]] == ["Throughput", "Waiting, by the server"]


def test_the_report_says_what_the_client_can_do() -> None:
    facts = changed(SERVED, server__stand_in=True, server__key=False, client__shared_cores=True)
    uncalibrated = changed(SERVED, client__calibration=None)
    found = servers([SERVED, SERVED, facts, uncalibrated, RECORD])
    assert [each["title"] for each in found] == ["vllm, driven by cotejo"] * 3
    assert found[0]["facts"] == {
        "Server": "version 0.11.0, envs/vllm.txt",
        "Client": "version 0.4, on CPUs 1",
        "What the client can do": "at a server that answers at once: 1,000 requests/s, 500 streamed answers/s, "
        "adding 0.100 ms (median), 0.500 ms (p99)",
    }
    assert "a stand-in that only imitates it, without a key" in found[1]["facts"]["Server"]
    assert found[1]["facts"]["Client"].endswith("some of them the server's too")
    assert found[2]["facts"]["What the client can do"] == "not calibrated"


def test_the_report_says_that_no_server_was_running() -> None:
    facts = {"client__engine": True, "client__calibration": None, "server__command": [], "server__ready_s": None}
    (found,) = servers([changed(SERVED, **facts)])
    assert found["title"] == "vllm, its engine held by cotejo"
    assert found["facts"] == {"Client": "version 0.4, holding the engine itself, on CPUs 1; no server was running"}


def test_what_a_client_adds_is_said_as_far_as_it_is_known() -> None:
    (found,) = servers([changed(SERVED, client__calibration__added_latency_p50_ms=None)])
    assert found["facts"]["What the client can do"].endswith("adding 0.500 ms (p99)")
