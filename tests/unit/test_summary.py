import csv
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from record_example import RECORD, RUN, changed, failed

from cotejo import record, samples, summary
from cotejo.errors import CotejoError
from cotejo.summary import COLUMNS, read_attempt, read_sheet, read_summary, summarise
from cotejo.tasks import Metric
from cotejo.verdict import THRESHOLDS

SHEET = {**RUN, "repeats": 6}


def write(folder: Path, facts: dict[str, Any], request_s: Iterable[float] = (), bad: int = 0) -> Path:
    """A record whose requests followed one another, each of 8 tokens, the last `bad` of them failed."""
    run = facts["run"]
    path = folder / "records" / facts["system"] / f"{run['id']}~{run['digest']}" / f"r{facts['repeat']}.json"
    times = list(request_s)
    if not times:
        record.write(path, facts, None)
        return path
    level = samples.Level("single-stream", 2, 0.6, 1234.5)
    for index, time_s in enumerate(times):
        ok = index < len(times) - bad
        outcome = {"tokens_in": 4, "tokens_out": 8, "ok": 1} if ok else {"ok": 0, "error": "RuntimeError: no"}
        start_s = level.duration_s
        level.duration_s += time_s
        level.samples.append(
            {
                "level": level.level,
                "index": index,
                "item": "p",
                "scheduled_s": start_s,
                "sent_s": start_s,
                **({"first_token_s": start_s + time_s / 2} if ok else {}),
                "done_s": level.duration_s,
                **outcome,
            }
        )
    raw = folder / "samples.csv"
    samples.write_samples(raw, [level], ())
    record.write(path, {**facts, "levels": [level.summary()]}, raw)
    raw.unlink()
    return path


def attempts(folder: Path) -> list[summary.Attempt]:
    return [read_attempt(path) for path in record.find(folder)]


def table(folder: Path, *sheet: dict[str, Any]) -> pd.DataFrame:
    return summarise(sheet or [SHEET], attempts(folder), THRESHOLDS)


def only(rows: pd.DataFrame, metric: str) -> pd.Series:
    chosen = rows[rows["metric"] == metric]
    assert len(chosen) == 1
    return chosen.iloc[0]


def test_metrics_are_recomputed_from_samples_and_their_median_taken(tmp_path: Path) -> None:
    for repeat, request_s in enumerate([0.5, 0.4, 0.8, 0.25, 1.0, 0.2], start=1):
        write(tmp_path, changed(RECORD, repeat=repeat), [request_s] * 3)
    row = only(table(tmp_path), "tokens_per_s")
    # 8 tokens in each request: 16, 20, 10, 32, 8 and 40 tokens/s.
    assert row["median"] == pytest.approx(18)
    assert (row["low"], row["high"]) == (pytest.approx(8), pytest.approx(40))
    assert [float(value) for value in row["values"].split()] == pytest.approx([16, 20, 10, 32, 8, 40])
    assert (row["unit"], row["better"], row["level"]) == ("tokens/s", "higher", "single-stream")
    assert (row["repeats"], row["attempts"], row["failures"], row["requests"]) == (6, 6, 0, 18)
    assert row["measured_s"] == pytest.approx(3 * 3.15)
    assert row["verdict"] == "smoke" and row["reasons"] == "duration 9.4 s < 600 s"
    assert row["marks"] == "synthetic; small"
    assert row["cpus"] == 1


def test_fewer_than_six_repeats_have_no_interval(tmp_path: Path) -> None:
    for repeat in (1, 2):
        write(tmp_path, changed(RECORD, repeat=repeat), [0.5])
    row = only(table(tmp_path), "tokens_per_s")
    assert row["median"] == pytest.approx(16)
    assert pd.isna(row["low"]) and pd.isna(row["high"])
    assert "repeats 2 < 6" in row["reasons"]


def test_unlike_environments_never_merge(tmp_path: Path) -> None:
    write(tmp_path, RECORD, [0.5])
    write(tmp_path, changed(RECORD, repeat=2, environment__machine__cpu="Another CPU"), [0.25])
    rows = table(tmp_path)
    rates = rows[rows["metric"] == "tokens_per_s"]
    assert sorted(rates["median"]) == pytest.approx([16, 32])
    assert rates["environment"].nunique() == 2
    assert set(rates["repeats"]) == {1}


def test_another_host_name_and_revision_merge(tmp_path: Path) -> None:
    write(tmp_path, RECORD, [0.5])
    other = changed(RECORD, repeat=2, environment__machine__hostname="edge-2", git_revision="7" * 40)
    write(tmp_path, other, [0.25])
    assert only(table(tmp_path), "tokens_per_s")["repeats"] == 2


def test_records_of_another_system_stand_beside(tmp_path: Path) -> None:
    write(tmp_path, RECORD, [0.5])
    write(tmp_path, changed(RECORD, system="edge", run__system="edge"), [0.25])
    rows = table(tmp_path)
    rates = rows[rows["metric"] == "tokens_per_s"].set_index("system")["median"]
    assert rates.to_dict() == {"edge": pytest.approx(32), "local": pytest.approx(16)}


def test_a_failed_run_is_one_row_beside_the_healthy(tmp_path: Path) -> None:
    parity = {"id": "broken", "digest": "ffffffffff"}
    for repeat in (1, 2):
        write(tmp_path, changed(RECORD, repeat=repeat), [0.5])
        write(tmp_path, failed("parity", repeat=repeat, **{f"run__{key}": value for key, value in parity.items()}))
    rows = table(tmp_path, SHEET, {**SHEET, **parity})
    assert only(rows, "tokens_per_s")["median"] == pytest.approx(16)
    broken = rows[rows["run"] == "broken"]
    assert len(broken) == 1
    row = broken.iloc[0]
    assert (row["verdict"], row["reasons"]) == ("failed", "parity")
    assert (row["attempts"], row["failures"]) == (2, 2)
    assert pd.isna(row["metric"]) and pd.isna(row["median"])
    assert row["system"] == "local" and row["marks"] == "synthetic; small"


def test_a_failed_repeat_shows_in_its_run(tmp_path: Path) -> None:
    write(tmp_path, RECORD, [0.5])
    write(tmp_path, failed("out-of-memory", repeat=2, process=None))
    rows = table(tmp_path)
    assert not pd.isna(rows["metric"]).any()
    row = only(rows, "tokens_per_s")
    assert (row["repeats"], row["attempts"], row["failures"]) == (1, 2, 1)
    assert "1 of 2 repeats failed: out-of-memory" in row["reasons"]


def test_a_run_without_a_record_is_named(tmp_path: Path) -> None:
    rows = table(tmp_path)
    assert len(rows) == 1
    assert rows.iloc[0]["verdict"] == "not measured"
    assert rows.iloc[0]["run"] == SHEET["id"]
    assert rows.iloc[0]["attempts"] == 0


def test_records_of_former_settings_are_left_out(tmp_path: Path) -> None:
    write(tmp_path, RECORD, [0.5])
    write(tmp_path, changed(RECORD, run__digest="9999999999"), [0.1])
    assert only(table(tmp_path), "tokens_per_s")["median"] == pytest.approx(16)


def test_rows_follow_the_sheet(tmp_path: Path) -> None:
    first, second = {"id": "z", "digest": "1111111111"}, {"id": "a", "digest": "2222222222"}
    for run in (second, first):
        write(tmp_path, changed(RECORD, **{f"run__{key}": value for key, value in run.items()}), [0.5])
    rows = table(tmp_path, {**SHEET, **first}, {**SHEET, **second})
    assert list(dict.fromkeys(rows["run"])) == ["z", "a"]


def test_a_percentile_that_some_repeat_cannot_tell_is_blank(tmp_path: Path) -> None:
    write(tmp_path, RECORD, [0.02] * 43)
    write(tmp_path, changed(RECORD, repeat=2), [0.01] * 44)
    rows = table(tmp_path)
    assert list(rows["metric"])[:3] == ["tokens_per_s", "latency_p50_ms", "latency_p90_ms"]
    assert only(rows, "latency_p50_ms")["median"] == pytest.approx(15)
    row = only(rows, "latency_p90_ms")
    assert pd.isna(row["median"]) and pd.isna(row["values"])
    assert row["verdict"] == "smoke"
    assert "samples 43 < 44 for p90" in row["reasons"]
    assert "p90" not in only(rows, "latency_p50_ms")["reasons"]


def test_percentiles_at_their_floor_are_there(tmp_path: Path) -> None:
    write(tmp_path, RECORD, [0.01] * 44)
    assert only(table(tmp_path), "latency_p90_ms")["median"] == pytest.approx(10)


def test_failed_requests_count_against_the_floor(tmp_path: Path) -> None:
    write(tmp_path, RECORD, [0.01] * 44, bad=1)
    rows = table(tmp_path)
    row = only(rows, "tokens_per_s")
    assert (row["requests"], row["failed_requests"]) == (44, 1)
    assert "1 of 44 requests failed" in row["reasons"]
    assert not (rows["metric"].eq("latency_p90_ms") & rows["median"].notna()).any()


def test_a_level_without_a_good_request_has_failed(tmp_path: Path) -> None:
    write(tmp_path, RECORD, [0.5, 0.5], bad=2)
    rows = table(tmp_path)
    assert set(rows["verdict"]) == {"failed"}
    assert all("2 of 2 requests failed" in reasons for reasons in rows["reasons"])


def test_a_level_that_yields_no_metric_is_a_failed_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, RECORD, [0.5, 0.5], bad=2)
    monkeypatch.setattr("cotejo.tasks.text_generation.metrics", lambda samples, level, run: [])
    rows = table(tmp_path)
    assert len(rows) == 1
    assert rows.iloc[0]["verdict"] == "failed"
    assert rows.iloc[0]["reasons"].startswith("no request succeeded")
    assert rows.iloc[0]["level"] == "single-stream"


@pytest.mark.parametrize("value", [None, float("nan"), float("inf")])
def test_a_value_that_is_none_is_blank(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: float | None) -> None:
    write(tmp_path, RECORD, [0.5])
    odd = [Metric("odd_ms", value, "ms", "lower")]  # type: ignore[arg-type]
    monkeypatch.setattr("cotejo.tasks.text_generation.metrics", lambda samples, level, run: odd)
    row = only(table(tmp_path), "odd_ms")
    assert pd.isna(row["median"])
    assert "no value in 1 of 1 repeats" in row["reasons"]


def test_a_changed_sample_file_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, RECORD, [0.5])
    record.samples_path(path).write_text("level,index\n")
    with pytest.raises(CotejoError, match=r"r1\.samples\.csv: has changed"):
        attempts(tmp_path)


def test_summary_and_sheet_survive_their_files(tmp_path: Path) -> None:
    sheet = tmp_path / "runs.csv"
    with sheet.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, SHEET)
        writer.writeheader()
        writer.writerow(SHEET)
    write(tmp_path, RECORD, [0.5])
    runs = read_sheet(sheet)
    assert runs[0]["cores"] == "1"
    missing = {**runs[0], "id": "none", "digest": "8888888888", "cores": "0-3,8"}
    output = tmp_path / "summary.csv"
    summarise([*runs, missing], attempts(tmp_path), THRESHOLDS).to_csv(output, index=False)
    rows = read_summary(output)
    assert tuple(rows.columns) == COLUMNS
    assert only(rows, "tokens_per_s")["median"] == pytest.approx(16)
    gap = only(rows, "")
    assert (gap["verdict"], gap["cores"], gap["level"], gap["values"]) == ("not measured", "0-3,8", "", "")
    assert pd.isna(gap["median"]) and pd.isna(gap["cpus"])
