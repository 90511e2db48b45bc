from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from summary_example import failed, not_measured, served, summary, without_value

from cotejo.published.rows import COLUMNS as PUBLISHED_COLUMNS
from cotejo.published.rows import read_published
from cotejo.standing import COLUMNS, compare_published, read_standings, remarks

LIKE = {"verdict": "publishable", "reasons": "", "marks": "", "weights": "hub", "scale": "full", "system": "p100"}
GPU = {**LIKE, "device": "cuda", "accelerators": "1"}
PUBLISHED: dict[str, str] = {
    "study": "blip", "system": "p100", "run": "cpu", "task": "image-captioning", "model": "blip-image-captioning-base",
    "backend": "onnxruntime", "precision": "fp32", "accelerators": "0", "split": "", "client": "perf_analyzer",
    "concurrency": "2", "metric": "request_throughput", "statistic": "mean", "value": "20.5319", "unit": "infer/s",
    "note": "",
}  # fmt: skip


@pytest.fixture
def compared(tmp_path: Path) -> Any:
    """compared([published row, …], *summary rows): the comparison as dictionaries, through its file and back."""

    def made(published: Sequence[dict[str, str]], *rows: dict[str, Any], **terms: Any) -> list[dict[str, Any]]:
        given = [PUBLISHED | row for row in published]
        path = tmp_path / "blip.csv"
        pd.DataFrame(given, columns=list(PUBLISHED_COLUMNS)).to_csv(path, index=False)
        table = compare_published(read_published(path), summary(*rows), tolerance_percent=10, **terms)
        assert tuple(table.columns) == COLUMNS
        table.to_csv(tmp_path / "comparison.csv", index=False)
        return [*read_standings(tmp_path / "comparison.csv").to_dict("records")]  # type: ignore[list-item]

    return made


def rate(value: float, level: float = 2, **changes: Any) -> dict[str, Any]:
    """The throughput of a run, from 0.98 to 1.03 of this value."""
    return served("requests_per_s", value, level, **{**LIKE, **changes})


def latency(value_ms: float, **changes: Any) -> dict[str, Any]:
    return served("latency_mean_ms", value_ms, 2, **{**LIKE, **changes})


OF_BLOCK = {"name": "cpu", "backend": "onnxruntime", "precision": "fp32", "model": PUBLISHED["model"]}


def line(**changes: Any) -> dict[str, Any]:
    """The row of a line that isn't measured."""
    return not_measured(**OF_BLOCK, run="two", digest="9" * 10) | changes


def broken(reasons: str, **changes: Any) -> dict[str, Any]:
    """The row of a run all of whose repeats failed."""
    return failed(**OF_BLOCK) | LIKE | {"verdict": "failed", "reasons": reasons} | changes


def only(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    assert len(rows) == 1
    return rows[0]


@pytest.mark.parametrize(
    ("factor", "word"),
    [(1.0, "reproduced"), (0.94, "reproduced"), (1.06, "reproduced"), (1.2, "faster"), (0.8, "slower")],
)
def test_like_with_like_stands_by_its_whole_interval(compared: Any, factor: float, word: str) -> None:
    row = only(compared([{}], rate(20.5319 * factor)))
    assert (row["standing"], row["reasons"]) == (word, "")
    assert row["ratio"] == pytest.approx(1.005 * factor)
    assert (row["ratio_low"], row["ratio_high"]) == pytest.approx((0.98 * factor, 1.03 * factor), rel=1e-4)


def test_less_time_is_faster(compared: Any) -> None:
    published = [{"metric": "latency", "value": "100000", "unit": "us"}]
    for value_ms, word in ((100.0, "reproduced"), (80.0, "faster"), (120.0, "slower")):
        row = only(compared(published, latency(value_ms)))
        assert (row["standing"], row["published"], row["metric"]) == (word, 100.0, "latency_mean_ms")
        assert row["value"] == "100000"


def test_memory_is_less_or_more(compared: Any) -> None:
    published = [{"metric": "gpu_memory_per_node", "statistic": "peak", "value": "15.00", "unit": "GB"}]
    for gib, word in ((15, "reproduced"), (12, "less"), (18, "more")):
        measured = served(
            "gpu_memory_peak_mib", gib * 1024.0, 2, **LIKE, source="telemetry", unit="MiB", better="lower"
        )
        assert only(compared(published, measured))["standing"] == word


@pytest.mark.parametrize("factor", [0.9, 1.09, 1.11])
def test_an_interval_over_a_bound_tells_nothing(compared: Any, factor: float) -> None:
    row = only(compared([{}], rate(20.5319 * factor)))
    assert row["standing"] == "not comparable"
    assert "reaches over the tolerance, 0.909 to 1.1" in row["reasons"]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"system": "local"}, "other system: local, not p100"),
        ({"marks": "synthetic"}, "synthetic weights"),
        ({"marks": "small"}, "small scale"),
        ({"marks": "stand-in"}, "a stand-in that imitates the server, not the server itself"),
        ({"marks": "something new"}, "something new"),
        ({"verdict": "smoke", "reasons": "duration 12 s; repeats 2 < 6"}, "not publishable: smoke"),
        ({"verdict": "noisy", "reasons": "foreign CPU 41 %"}, "not publishable: noisy"),
        ({"verdict": "unsteady", "reasons": "drift 9 %"}, "not publishable: unsteady"),
    ],
)  # fmt: skip
def test_what_is_not_alike_is_not_comparable_and_says_why(compared: Any, changes: dict[str, Any], reason: str) -> None:
    row = only(compared([{}], rate(20.5319, **changes)))
    assert (row["standing"], row["reasons"]) == ("not comparable", reason)
    assert row["ratio"] == pytest.approx(1.005)


def test_all_reasons_are_given_and_each_once(compared: Any) -> None:
    stood_in = {"instead_of": "device=cuda; accelerators=1; precision=fp16", "device": "cpu", "accelerators": ""}
    marks = "synthetic; small; cpu instead of one GPU"
    row = only(
        compared(
            [{"accelerators": "1", "precision": "fp16"}],
            rate(20.5319, **stood_in, marks=marks, system="local", verdict="smoke", reasons="repeats 2 < 6"),
            overlay="small models",
        )
    )
    assert row["reasons"].split("; ") == [
        "other system: local, not p100", "under an overlay: small models", "synthetic weights", "small scale",
        "cpu instead of one GPU", "fp32 instead of fp16", "not publishable: smoke",
    ]  # fmt: skip


@pytest.mark.parametrize("mark", ["taskset", "identical-inputs"])
def test_harmless_marks_bar_nothing(compared: Any, mark: str) -> None:
    assert only(compared([{}], rate(20.5319, marks=mark)))["standing"] == "reproduced"


def test_a_machine_that_is_not_what_it_is_called_bars(compared: Any) -> None:
    other = {("", "p100", "abcdef"): "another CPU: Laptop, not Xeon"}
    row = only(compared([{}], rate(20.5319), unlike=other))
    assert row["reasons"] == "called p100, but with another CPU: Laptop, not Xeon"
    assert only(compared([{}], rate(20.5319, origin="lab"), unlike=other))["standing"] == "reproduced"


def test_an_overlay_alone_bars(compared: Any) -> None:
    assert only(compared([{}], rate(20.5319), overlay="other data"))["reasons"] == "under an overlay: other data"


@pytest.mark.parametrize(
    ("published", "rows", "reason"),
    [
        ({"run": ""}, [rate(20)], "no run of the study re-measures it"),
        ({"metric": "gpu_power", "unit": "W"}, [rate(20)], "no metric of ours tells it"),
        ({"run": "gone"}, [rate(20)], "the study has no run gone"),
        ({"precision": "fp16"}, [rate(20)], "the study's cpu hasn't precision fp16, but fp32"),
        ({"accelerators": "2"}, [rate(20, **GPU)], "the study's cpu hasn't accelerators 2, but 1"),
        ({}, [line()], "no record"),
        ({}, [broken("parity; killed")], "failed: parity, killed"),
        ({"metric": "latency", "statistic": "p99", "unit": "s"}, [rate(20)], "latency_p99_ms: not among its metrics"),
        ({"concurrency": "8"}, [rate(20)], "no level with 8 at once"),
        ({}, [without_value(rate(20), "samples 9 < 44 for p90")], "samples 9 < 44 for p90"),
    ],
)  # fmt: skip
def test_what_was_not_measured_says_why(
    compared: Any, published: dict[str, str], rows: list[dict[str, Any]], reason: str
) -> None:
    row = only(compared([published], *rows))
    assert (row["standing"], row["reasons"]) == ("not measured", reason)
    assert row["ratio"] != row["ratio"]


def test_what_needs_more_than_there_is_says_what(compared: Any) -> None:
    needing = line(device="cuda", accelerators="2", needs="2 GPUs", reasons="needs 2 GPUs")
    row = only(compared([{"accelerators": "2"}], rate(20), needing))
    assert (row["standing"], row["reasons"], row["run"]) == ("not measured", "needs 2 GPUs", "two")


def test_what_another_machine_measured_counts_where_this_one_cannot(compared: Any) -> None:
    theirs = rate(20.5319, device="cuda", accelerators="2", needs="2 GPUs")
    assert only(compared([{"accelerators": "2"}], theirs))["standing"] == "reproduced"


def test_a_line_measured_as_another_run_takes_its_values_and_says_so(compared: Any) -> None:
    merged = line(device="cuda", accelerators="1", measured_as="blip_triton", reasons="measured as blip_triton")
    rows = compared([{"accelerators": "1"}], rate(20.5319), merged)
    row = only(rows)
    assert (row["standing"], row["run"], row["ratio"]) == ("not comparable", "two", pytest.approx(1.005))
    assert "cpu instead of one GPU" in row["reasons"]
    assert "closed" not in row["reasons"]  # of the line nobody knows what load it would have had


def test_every_system_has_its_row_and_none_is_averaged(compared: Any) -> None:
    rows = compared([{}], rate(20.5319), rate(10, system="local"), rate(41, origin="lab"), rate(12, environment="ffff"))
    assert [(row["system"], row["origin"], row["environment"], row["standing"]) for row in rows] == [
        ("p100", "", "abcdef", "reproduced"),
        ("local", "", "abcdef", "not comparable"),
        ("p100", "lab", "abcdef", "faster"),
        ("p100", "", "ffff", "slower"),
    ]


def test_each_system_stands_beside_the_published_values_of_its_own(compared: Any) -> None:
    published = [{}, {"system": "a100", "value": "41.0"}]
    measured = [rate(20.5319), rate(41, system="a100"), rate(10, system="local")]
    rows = compared(published, *measured)
    assert [(row["published_system"], row["system"], row["standing"]) for row in rows] == [
        ("p100", "p100", "reproduced"),
        ("p100", "local", "not comparable"),
        ("a100", "a100", "reproduced"),
        ("a100", "local", "not comparable"),
    ]
    # A system that didn't measure the run has no value to hide another's behind.
    missing = line(run="blip_triton", digest="0123456789", system="a100", needs="1 GPU", reasons="needs 1 GPU")
    rows = compared(published, rate(20.5319), missing)
    assert [(row["published_system"], row["system"], row["standing"]) for row in rows] == [
        ("p100", "p100", "reproduced"),
        ("a100", "p100", "not comparable"),
    ]
    rows = compared(published, line(system="p100"), line(system="a100", reasons="needs 1 GPU"))
    assert [row["reasons"] for row in rows] == ["no record", "needs 1 GPU"]


def test_levels_are_matched_by_concurrency(compared: Any) -> None:
    published = [{"concurrency": "1", "value": "10.2532"}, {"concurrency": "2"}]
    rows = compared(published, rate(10.2532, 1), rate(20.5319, 2))
    assert [(row["level"], row["standing"]) for row in rows] == [
        ("concurrency-1", "reproduced"),
        ("concurrency-2", "reproduced"),
    ]


def test_in_process_is_one_at_a_time(compared: Any) -> None:
    alone = rate(10.2532) | {"concurrency": float("nan"), "load": "", "level": "single-stream"}
    assert only(compared([{"concurrency": "1", "value": "10.2532"}], alone))["standing"] == "reproduced"
    some_a_second = rate(10.2532, 1, load="open")
    assert only(compared([{"concurrency": "1"}], some_a_second))["reasons"] == "no level with 1 at once"


def test_a_blank_of_the_published_row_restricts_nothing(compared: Any) -> None:
    blank = dict.fromkeys(("precision", "accelerators", "concurrency"), "")
    assert [row["level"] for row in compared([blank], rate(10, 1), rate(20, 2))] == ["concurrency-1", "concurrency-2"]


OOM = {"metric": "gpu_memory_per_node", "statistic": "peak", "value": "OOM", "unit": "GB"}


def test_running_out_of_memory_can_be_reproduced(compared: Any) -> None:
    row = only(compared([OOM], broken("out-of-memory")))
    assert (row["standing"], row["reasons"]) == ("reproduced", "both out of memory")
    elsewhere = only(compared([OOM], broken("out-of-memory", system="local")))
    assert elsewhere["standing"] == "not comparable"
    assert elsewhere["reasons"] == "both out of memory; other system: local, not p100"
    few = only(compared([OOM], broken("out-of-memory", attempts=2.0)))
    assert (few["standing"], few["reasons"]) == ("not comparable", "both out of memory; attempts 2 < 6")
    mixed = only(compared([OOM], broken("out-of-memory; timeout")))
    assert (mixed["standing"], mixed["reasons"]) == ("not comparable", "both out of memory; in part timeout")


def test_what_ran_where_the_published_one_could_not_is_not_comparable(compared: Any) -> None:
    measured = served("gpu_memory_peak_mib", 9000.0, 2, **LIKE, source="telemetry", unit="MiB", better="lower")
    assert only(compared([OOM], measured))["reasons"] == "published: ran out of memory"
    assert only(compared([{"value": ""}], rate(20)))["reasons"] == "published: has no value"


def test_a_failed_run_reproduces_no_number(compared: Any) -> None:
    row = only(compared([{}], broken("out-of-memory")))
    assert (row["standing"], row["reasons"]) == ("not measured", "failed: out-of-memory")


def test_a_published_value_says_what_it_is(compared: Any) -> None:
    kinds = {"iteration2": "published: a single iteration", "mean": "", "snapshot": "published: a snapshot"}
    for statistic, remark in kinds.items():
        published = {"metric": "inference_rate", "statistic": statistic, "unit": "inf/s", "value": "20.5319"}
        assert only(compared([published], served("inferences_per_s", 20.5319, 2, **LIKE)))["remarks"] == remark
    assert remarks({"statistic": "approx", "value": "7465", "ours": "train_s"}) == ["published: approximate"]
    coarse = {"statistic": "peak", "value": "3", "ours": "gpu_memory_peak_mib"}
    assert remarks(coarse) == ["published: printed to ± 16.7 %"]
    assert remarks(coarse | {"statistic": "count", "ours": ""}) == []
    assert remarks({"statistic": "approx", "value": "-", "ours": "train_s"}) == []


def test_a_value_printed_too_coarsely_is_never_reproduced(compared: Any) -> None:
    published = {"metric": "gpu_memory_per_node", "statistic": "peak", "value": "3", "unit": "GB"}
    measured = served("gpu_memory_peak_mib", 3 * 1024.0, 2, **LIKE, source="telemetry", unit="MiB", better="lower")
    row = only(compared([published], measured))
    assert row["standing"] == "not comparable"
    assert (row["ratio_low"], row["ratio_high"]) == pytest.approx((0.98 / (1 + 1 / 6), 1.03 / (1 - 1 / 6)))
    twice = served("gpu_memory_peak_mib", 6 * 1024.0, 2, **LIKE, source="telemetry", unit="MiB", better="lower")
    assert only(compared([published], twice))["standing"] == "more"


def test_no_published_row_is_left_out(compared: Any) -> None:
    published = [{"run": run, "concurrency": str(n)} for run in ("cpu", "gone", "") for n in (1, 2, 3)]
    rows = compared(published, rate(20.5319), rate(10, 1, system="local"))
    assert {(row["name"], row["concurrency"]) for row in rows} == {
        (row["run"], row["concurrency"]) for row in published
    }
