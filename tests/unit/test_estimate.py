"""Estimates from made-up records: what they are based on, and what isn't known."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from cotejo.estimate import (
    ALIKE,
    SAME,
    SETTINGS,
    UNKNOWN,
    Earlier,
    Estimate,
    bytes_per_repeat,
    estimate,
    missing,
    total,
)
from cotejo.load import levels_of
from cotejo.record import folder_name
from cotejo.sheet import as_csv
from cotejo.study import load_study

RUN = load_study("demo").runs[0]  # 0.5 s of warm-up, 2 s of measuring, one level


def write(results, run, took_s, number=1, status="ok", levels=((0.5, 2.0),)):
    """A record of a repeat that took so long, of levels that warmed up and measured for so long."""
    began = datetime(2026, 1, 31, 12, tzinfo=UTC)
    record = {
        "run": run,
        "status": status,
        "started_at": began.isoformat(),
        "finished_at": (began + timedelta(seconds=took_s)).isoformat(),
        "levels": [{"warmup_s": warmup_s, "duration_s": duration_s} for warmup_s, duration_s in levels],
    }
    path = results / "demo/records" / run["system"] / folder_name(run) / f"r{number}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(record))
    return path


def other(**more):
    """Another run, like RUN but for these settings."""
    return RUN | {"digest": "fedcba9876", "id": "other"} | more


def test_a_run_that_was_measured_takes_what_it_took(tmp_path):
    write(tmp_path, RUN, 5.0, 1)
    write(tmp_path, RUN, 7.0, 2)
    assert estimate(RUN, Earlier(tmp_path, "local")) == Estimate(5.0, 7.0, SAME)


def test_runs_alike_tell_what_comes_on_top_of_measuring(tmp_path):
    write(tmp_path, RUN, 5.5, 1)  # 3 s on top
    write(tmp_path, RUN, 6.5, 2)  # 4 s on top
    assert estimate(other(duration_s=60), Earlier(tmp_path, "local")) == Estimate(63.5, 64.5, ALIKE)


def test_the_more_alike_counts_and_a_failure_only_for_itself(tmp_path):
    write(tmp_path, other(model="another"), 99.0)
    write(tmp_path, other(digest="aaaaaaaaaa"), 5.5)
    write(tmp_path, other(digest="bbbbbbbbbb"), 0.1, status="failed", levels=())
    assert estimate(RUN, Earlier(tmp_path, "local")) == Estimate(5.5, 5.5, ALIKE)
    failing = other(digest="bbbbbbbbbb")
    assert estimate(failing, Earlier(tmp_path, "local")) == Estimate(0.1, 0.1, SAME)


def test_what_another_system_took_tells_nothing(tmp_path):
    write(tmp_path, RUN, 5.0)
    assert estimate(RUN | {"system": "elsewhere"}, Earlier(tmp_path, "elsewhere")).basis == SETTINGS


def test_without_anything_alike_only_the_least_is_known(tmp_path):
    earlier = Earlier(tmp_path, "local")
    assert estimate(RUN, earlier) == Estimate(4.5, None, SETTINGS)
    assert estimate(RUN | {"stop_width": 0.02, "stop_least_s": 1, "duration_s": 600}, earlier).low_s == 3.5
    assert estimate(RUN | {"duration_s": 600, "timeout_s": 30}, earlier).low_s == 32.0


def test_all_load_levels_of_a_server_count(tmp_path):
    run = next(run for run in load_study("serving").runs if run["load"] == "closed")
    levels = len(levels_of(run))
    assert levels > 1
    assert estimate(run, Earlier(tmp_path, "local")).low_s == levels * (run["warmup_s"] + run["duration_s"]) + 2.0


def test_nobody_knows_how_long_a_pass_takes_that_was_never_made(tmp_path):
    write(tmp_path, RUN, 5.0)
    run = other(passes=1, duration_s=None)
    assert estimate(run, Earlier(tmp_path, "local")).basis == UNKNOWN
    write(tmp_path, run, 400.0)
    assert estimate(run, Earlier(tmp_path, "local")) == Estimate(400.0, 400.0, SAME)


def test_a_row_of_a_sheet_is_estimated_as_its_run(tmp_path):
    import csv
    import io

    write(tmp_path, RUN, 5.5)
    run = other(duration_s=60)
    [row] = csv.DictReader(io.StringIO(as_csv([run])))
    row = {key: value or None for key, value in row.items()}
    assert estimate(row, Earlier(tmp_path, "local")) == estimate(run, Earlier(tmp_path, "local"))


def test_a_record_that_cannot_be_read_tells_nothing(tmp_path):
    write(tmp_path, RUN, 5.0).write_text("{")
    assert estimate(RUN, Earlier(tmp_path, "local")).basis == SETTINGS


@pytest.mark.parametrize(
    ("estimates", "told"),
    [
        ([Estimate(100, 140, SAME)] * 2, "3 to 5 min of measuring (from earlier repeats)"),
        ([Estimate(118, 120, ALIKE)], "about 2 min of measuring (from runs alike)"),
        ([Estimate(60, 60, SAME), Estimate(60, None, SETTINGS)],
         "at least 2 min of measuring (from earlier repeats and warm-up and duration alone)"),
        ([Estimate(2, None, UNKNOWN)], "nobody knows how long 1 repeat of whole passes or epochs will take"),
        ([Estimate(60, 60, SAME), *[Estimate(2, None, UNKNOWN)] * 2],
         "at least 1 min of measuring (from earlier repeats), and nobody knows how long 2 repeats of whole passes or "
         "epochs will take"),
    ],
)  # fmt: skip
def test_a_total_says_what_it_is_based_on(estimates, told):
    assert total(estimates).words() == told


def test_what_has_a_record_is_done(tmp_path):
    write(tmp_path, RUN, 5.0, 1)
    write(tmp_path, RUN, 5.0, 4)
    assert missing(RUN, tmp_path / "demo") == [2, 3, 5, 6]


def test_what_a_repeat_takes_on_disk_is_the_median_of_what_others_took(tmp_path):
    assert bytes_per_repeat(tmp_path) is None
    record = write(tmp_path, RUN, 5.0, 1)
    record.with_name("r1.samples.csv").write_bytes(b"x" * 1000)
    assert bytes_per_repeat(tmp_path) == 1000 + record.stat().st_size
