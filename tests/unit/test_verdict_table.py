from pathlib import Path

from summary_example import NAN, failed, measured, not_measured, summary

from cotejo.verdict_table import COLUMNS, read_verdicts, verdict_table

SIX = [10.0, 11.0, 12.0, 14.0, 15.0, 30.0]


def rows_of(*rows: dict[str, object]) -> list[dict[str, object]]:
    return [*verdict_table(summary(*rows)).to_dict("records")]  # type: ignore[list-item]


def test_each_level_of_each_run_has_one_row_whatever_became_of_it() -> None:
    found = rows_of(
        measured(SIX, verdict="noisy", reasons="foreign CPU 41 % (bound 3 %); repeats 2 < 6"),
        measured(SIX, metric="latency_p50_ms", verdict="noisy", reasons="foreign CPU 41 % (bound 3 %)"),
        measured(SIX, level="end-to-end", verdict="publishable", reasons="", ended="interval 4; duration 2"),
        failed("parity", run="broken"),
        not_measured(run="missing"),
    )
    assert [(row["run"], row["level"], row["verdict"], row["reasons"]) for row in found] == [
        ("text_openvino_int8", "single-stream", "noisy", "foreign CPU 41 % (bound 3 %); repeats 2 < 6"),
        ("text_openvino_int8", "end-to-end", "publishable", ""),
        ("broken", "", "failed", "parity"),
        ("missing", "", "not measured", ""),
    ]
    assert [(row["attempts"], row["failures"]) for row in found] == [(6, 0), (6, 0), (6, 6), (0, 0)]
    assert found[0]["ended"] == "duration 6" and found[1]["ended"] == "interval 4; duration 2"
    assert found[0]["order"] == "1 2 3 4 5 6"


def test_a_blank_percentile_is_named_with_its_reason_and_leaves_the_verdict_alone() -> None:
    blank = {"median": NAN, "values": ""}
    [row] = rows_of(
        measured(SIX, metric="latency_p99_ms", verdict="smoke", reasons="samples 9 < 459 for p99; repeat 3 is cold")
        | blank,
        measured(SIX, verdict="publishable", reasons="repeat 3 is cold"),
    )
    assert (row["verdict"], row["reasons"]) == ("publishable", "repeat 3 is cold")
    assert row["blank"] == "latency_p99_ms: samples 9 < 459 for p99"


def test_a_level_of_blanks_only_is_worth_what_they_are() -> None:
    [row] = rows_of(measured(SIX, reasons="no value in 1 of 6 repeats") | {"median": NAN, "values": ""})
    assert (row["verdict"], row["blank"]) == ("smoke", "tokens_per_s")


def test_origins_systems_and_environments_stand_apart() -> None:
    found = rows_of(
        measured(SIX),
        measured(SIX, origin="lab"),
        measured(SIX, system="edge"),
        measured(SIX, environment="fedcba"),
    )
    assert len(found) == 4


def test_it_survives_its_file(tmp_path: Path) -> None:
    path = tmp_path / "verdicts.csv"
    verdict_table(summary(measured(SIX), failed(), not_measured(run="missing"))).to_csv(path, index=False)
    found = read_verdicts(path)
    assert tuple(found.columns) == COLUMNS
    assert list(found["repeats"]) == ["6", "", ""]
    assert list(found["attempts"]) == ["6", "6", "0"]
    assert not found.isna().any(axis=None)
