import csv
import shutil
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
from cotejo.verdict import THRESHOLDS, Evidence

SHEET = {**RUN, "repeats": 6}


def write(folder: Path, facts: dict[str, Any], request_s: Iterable[float] = (), bad: int = 0) -> Path:
    """A record whose requests followed one another, each of 8 tokens, the last `bad` of them failed."""
    run = facts["run"]
    path = folder / "records" / facts["system"] / f"{run['id']}~{run['digest']}" / f"r{facts['repeat']}.json"
    times = list(request_s)
    if not times:
        record.write(path, facts, None)
        return path
    level = samples.Level("single-stream", 2, 0.6, 1234.5, concurrency=1, ended_by="duration")
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
    own = {key: facts["levels"][0][key] for key in ("telemetry", "ended_by", "server")}
    record.write(path, {**facts, "levels": [level.summary() | own]}, raw)
    raw.unlink()
    return path


def attempts(folder: Path, origin: str = "") -> list[summary.Attempt]:
    return [read_attempt(path, origin) for path in record.find(folder)]


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
    assert row["verdict"] == "smoke" and row["reasons"].startswith("duration 9.4 s < 600 s")
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


def test_what_a_level_took_follows_its_metrics(tmp_path: Path) -> None:
    for repeat, cores in ((1, 0.5), (2, 0.75)):
        telemetry = {**RECORD["levels"][0]["telemetry"], "cpu_cores": cores}
        level = {**RECORD["levels"][0], "telemetry": telemetry}
        write(tmp_path, changed(RECORD, repeat=repeat, levels=[level]), [0.5])
    rows = table(tmp_path)
    row = only(rows, "cpu_cores")
    assert (row["source"], row["median"], row["unit"]) == ("telemetry", 0.625, "cores")
    assert row["verdict"] == only(rows, "tokens_per_s")["verdict"]
    sources = list(rows["source"])
    assert sources == sorted(sources) and set(sources) == {"samples", "telemetry"}


def test_a_level_without_telemetry_has_its_metrics_only(tmp_path: Path) -> None:
    write(tmp_path, changed(RECORD, levels=[{**RECORD["levels"][0], "telemetry": None}]), [0.5])
    assert set(table(tmp_path)["source"]) == {"samples"}


def test_what_some_repeats_did_not_see_has_no_row(tmp_path: Path) -> None:
    for repeat, share_mib in ((1, 100.0), (2, None)):
        telemetry = {**RECORD["levels"][0]["telemetry"], "pss_peak_mib": share_mib}
        write(tmp_path, changed(RECORD, repeat=repeat, levels=[{**RECORD["levels"][0], "telemetry": telemetry}]), [0.5])
    metrics = set(table(tmp_path)["metric"])
    assert "pss_peak_mib" not in metrics
    assert "rss_peak_mib" in metrics


def test_it_says_how_levels_ended_and_in_which_order_they_were_measured(tmp_path: Path) -> None:
    other = {"run__id": "other", "run__digest": "8888888888"}
    times = [(RECORD, 1, "09"), (RECORD, 2, "11"), (RECORD, 3, "10")]
    for facts, repeat, hour in [*times, (changed(RECORD, **other), 1, "08")]:
        ended = "interval" if repeat == 3 else "duration"
        level = {**facts["levels"][0], "ended_by": ended}
        at = {"started_at": f"2026-01-31T{hour}:00:00.000Z", "levels": [level]}
        write(tmp_path, changed(facts, repeat=repeat, **at), [0.5])
    lab = changed(RECORD, system="lab", run__system="lab", started_at="2026-01-01T00:00:00.000Z")
    write(tmp_path, lab, [0.5])
    write(tmp_path, failed("timeout", repeat=4, started_at="2026-01-31T12:00:00.000Z"))
    rows = table(tmp_path, SHEET, {**SHEET, "id": "other", "digest": "8888888888"})
    rates = rows[rows["metric"] == "tokens_per_s"].set_index(["run", "system"])
    assert rates.loc[(SHEET["id"], "local"), "order"] == "2 4 3 5"
    assert rates.loc[("other", "local"), "order"] == "1"
    assert rates.loc[(SHEET["id"], "lab"), "order"] == "1"
    assert rates.loc[(SHEET["id"], "local"), "ended"] == "duration 2; interval 1"


def test_records_from_elsewhere_stand_beside_ones_own(tmp_path: Path) -> None:
    for repeat in (1, 2):
        write(tmp_path / "own", changed(RECORD, repeat=repeat), [0.5])
    write(tmp_path / "lab", RECORD, [0.25])
    write(tmp_path / "lab", failed("timeout", repeat=2))
    rows = summarise([SHEET], [*attempts(tmp_path / "own"), *attempts(tmp_path / "lab", "lab-a30")], THRESHOLDS)
    rates = rows[rows["metric"] == "tokens_per_s"].set_index("origin")
    assert rates["environment"].nunique() == 1 and set(rates["system"]) == {"local"}
    assert rates["median"].to_dict() == {"": pytest.approx(16), "lab-a30": pytest.approx(32)}
    assert rates["attempts"].to_dict() == {"": 2, "lab-a30": 2}
    assert "1 of 2 repeats failed: timeout" in rates.loc["lab-a30", "reasons"]


def test_the_checks_are_given_all_that_speaks_of_a_level(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Evidence] = []
    monkeypatch.setattr(summary, "level_findings", lambda evidence, thresholds: seen.append(evidence) or [])
    for repeat, request_s in ((1, 0.5), (3, 0.25)):
        write(tmp_path, changed(RECORD, repeat=repeat), [request_s] * (repeat + 1))
    write(tmp_path, failed("timeout", repeat=2))
    table(tmp_path)
    [evidence] = seen
    assert [record["repeat"] for record in evidence.records] == [1, 2, 3]
    assert evidence.level == "single-stream"
    assert [level["requests"] for level in evidence.levels] == [2, 4]
    assert [one.requests for one in evidence.steadiness] == [2, 4]
    assert evidence.values == pytest.approx([16, 32]) and evidence.better == "higher"


def test_a_headline_that_some_repeat_lacks_is_no_evidence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Evidence] = []
    monkeypatch.setattr(summary, "level_findings", lambda evidence, thresholds: seen.append(evidence) or [])
    write(tmp_path, RECORD, [0.5])
    write(tmp_path, changed(RECORD, repeat=2), [0.5], bad=1)
    odd = [Metric("odd_ms", 1.0, "ms", "lower")]
    metrics = "cotejo.tasks.text_generation.metrics"
    monkeypatch.setattr(metrics, lambda samples, level, run: odd if (samples["ok"] == 1).any() else [])
    table(tmp_path)
    assert [(one.values, one.better) for one in seen] == [([], "")]


@pytest.mark.parametrize("name", ["local/{run}/r2.json", "edge/{run}/r1.json", "local/other~0123456789/r1.json"])
def test_a_record_under_another_name_is_refused(tmp_path: Path, name: str) -> None:
    path = write(tmp_path, RECORD, [0.5])
    copy = tmp_path / "copies" / name.format(run=path.parent.name)
    shutil.copytree(path.parent, copy.parent)
    (copy.parent / "r1.json").rename(copy)
    with pytest.raises(CotejoError, match=rf"{copy.name}: is the record of local/.*/r1\.json, which it isn't called"):
        read_attempt(copy)


def test_a_run_without_a_record_is_named(tmp_path: Path) -> None:
    rows = table(tmp_path)
    assert len(rows) == 1
    assert rows.iloc[0]["verdict"] == "not measured"
    assert rows.iloc[0]["run"] == SHEET["id"]
    assert rows.iloc[0]["attempts"] == 0


def test_a_line_that_is_not_measured_says_why(tmp_path: Path) -> None:
    needing = SHEET | {"needs": "2 GPUs", "accelerators": 2, "split": "instances"}
    merged = SHEET | {"measured_as": "text_other", "digest": "fedcba9876"}
    rows = table(tmp_path, needing, merged)
    assert list(rows["verdict"]) == ["not measured", "not measured"]
    assert list(rows["reasons"]) == ["needs 2 GPUs", "measured as text_other, which it equals under the overlay"]
    assert (rows.iloc[0]["needs"], rows.iloc[0]["accelerators"], rows.iloc[0]["split"]) == ("2 GPUs", 2, "instances")
    assert set(rows["weights"]) == set(rows["scale"]) == {""}
    # Where the same was measured elsewhere, the line has its values.
    write(tmp_path, RECORD, [0.5] * 3)
    assert only(table(tmp_path, needing), "tokens_per_s")["median"] == pytest.approx(16)


def test_a_run_of_several_systems_has_rows_of_each_once(tmp_path: Path) -> None:
    write(tmp_path, RECORD, [0.5])
    write(tmp_path, changed(RECORD, system="edge", run__system="edge"), [0.25])
    write(tmp_path, changed(RECORD, system="else", run__system="else"), [0.125])
    rows = table(tmp_path, SHEET, SHEET | {"system": "edge"})
    rates = rows[rows["metric"] == "tokens_per_s"]
    assert list(zip(rates["system"], rates["median"], strict=True)) == [
        ("edge", pytest.approx(32)), ("else", pytest.approx(64)), ("local", pytest.approx(16))
    ]  # fmt: skip


def test_of_several_systems_each_that_did_not_measure_says_why(tmp_path: Path) -> None:
    needing = SHEET | {"system": "edge", "needs": "2 GPUs"}
    three = (SHEET, needing, SHEET | {"system": "cloud"})

    def unmeasured() -> list[tuple[str, str]]:
        rows = table(tmp_path, *three)
        rows = rows[rows["verdict"] == "not measured"]
        assert set(rows["environment"].isna()) <= {True} and set(rows["attempts"]) <= {0}
        return [(row["system"], row["reasons"]) for _, row in rows.iterrows()]

    assert unmeasured() == [("local", ""), ("edge", "needs 2 GPUs"), ("cloud", "")]
    write(tmp_path, changed(RECORD, system="else", run__system="else"), [0.5])
    assert unmeasured() == []  # all values there are of others: nothing is missing to show them
    write(tmp_path, RECORD, [0.5])
    assert unmeasured() == [("edge", "needs 2 GPUs"), ("cloud", "")]
    rates = table(tmp_path, *three)
    assert set(rates[rates["metric"] == "tokens_per_s"]["needs"]) == {""}


def test_what_no_system_measured_is_said_once(tmp_path: Path) -> None:
    rows = table(tmp_path, SHEET, SHEET | {"system": "edge"})
    assert list(zip(rows["system"], rows["verdict"], strict=True)) == [("", "not measured")]


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
    assert row["reasons"].startswith("samples 43 < 44 for p90; ")
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
    assert set(rows["verdict"]) == {"failed"}
    assert list(rows["source"].isna()) == [True, *[False] * (len(rows) - 1)]
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
