"""The report's tables of results and of verdicts."""

from typing import Any

from report_example import RECORDS, ROWS, SIX, STUDY, render, verdicts
from summary_example import failed, measured, not_measured, summary

from cotejo.report.content import content
from cotejo.report.results import differing, exact, table, worth


def test_every_run_has_its_line_with_its_verdict() -> None:
    found = content(STUDY, ROWS, verdicts(ROWS), RECORDS)
    for lines in ([line for part in found["tables"] for line in part["lines"]], found["worth"]["lines"]):
        assert [(line["run"], line["verdict"]) for line in lines] == [
            ("a", "smoke"),
            ("b", "failed"),
            ("c", "not measured"),
        ]


def test_one_table_says_what_each_result_is_worth() -> None:
    rows = summary(
        measured(SIX, run="a", verdict="noisy", reasons="foreign CPU 41 % (bound 3 %); repeats 5 < 6", attempts=6.0,
                 failures=1.0, repeats=5.0, ended="duration 3; interval 2", order="3 9 15 21 27 33"),
        failed(run="b"),
        not_measured(run="c"),
    )  # fmt: skip
    first, broken, missing = worth([*verdicts(rows).to_dict("records")])["lines"]
    assert first["reasons"] == ["foreign CPU 41 % (bound 3 %)", "repeats 5 < 6"]
    assert (first["repeats"], first["ended"], first["order"]) == ("5 of 6", "duration 3; interval 2", "3 9 15 21 27 33")
    assert (broken["repeats"], broken["reasons"]) == ("0 of 6", ["parity"])
    assert (missing["repeats"], missing["verdict"]) == ("0 of 0", "not measured")
    text = render(rows=rows).text
    assert text.index("What each result is worth") < text.index("foreign CPU 41 % (bound 3 %)")


def test_a_blank_value_says_why_and_does_not_change_the_line() -> None:
    (line, *_) = table("text-generation", ROWS.to_dict("records"))["lines"]
    assert [cell["value"] for cell in line["cells"]] == ["13.0", ""]
    assert line["cells"][1]["reason"] == "samples 9 < 44 for p90"
    assert line["verdict"] == "smoke"
    assert "without latency_p90_ms: samples 9 < 44 for p90" in render().text


def test_runs_that_look_alike_are_named_by_their_ids() -> None:
    rows = summary(measured(SIX, run="a_one"), measured(SIX, run="a_two"), measured(SIX, run="b", name="other"))
    names = [line["name"] for line in table("text-generation", rows.to_dict("records"))["lines"]]
    assert names == ["a_one", "a_two", "other"]


def test_systems_and_environments_show_where_they_differ() -> None:
    def extra(*rows: dict[str, Any]) -> list[str]:
        found = table("text-generation", summary(*rows).to_dict("records"))["extra"]
        assert found == differing([*verdicts(summary(*rows)).to_dict("records")])
        return found

    assert extra(measured(SIX)) == []
    assert extra(measured(SIX), measured(SIX, system="edge")) == ["system"]
    assert extra(measured(SIX), measured(SIX, environment="fedcba")) == ["environment"]
    assert extra(measured(SIX), measured(SIX, run="other", environment="fedcba")) == []
    assert extra(measured(SIX), measured(SIX, origin="lab")) == ["origin"]
    assert extra(measured(SIX), measured(SIX, origin="lab", environment="fedcba")) == ["origin"]
    assert extra(measured(SIX, origin="lab"), not_measured(run="other")) == []


def test_what_can_not_be_measured_says_in_every_table_what_it_needs() -> None:
    rows = summary(
        measured(SIX, run="a"), not_measured(run="b", accelerators="2", needs="2 GPUs", reasons="needs 2 GPUs")
    )
    found = content(STUDY, rows, verdicts(rows), RECORDS)
    [table] = found["tables"]
    assert [line["why"] for line in table["lines"]] == ["", "needs 2 GPUs"]
    assert "2\u00a0GPUs" in table["lines"][1]["settings"]
    assert found["worth"]["lines"][1]["reasons"] == ["needs 2 GPUs"]
    assert render(rows=rows).text.count("needs 2 GPUs") == 2


def test_what_it_took_has_a_table_of_its_own() -> None:
    took = measured([0.5] * 6, run="a", metric="cpu_cores", unit="cores", source="telemetry")
    rows = summary(measured(SIX, run="a"), took)
    found = content(STUDY, rows, verdicts(rows), RECORDS)
    assert [metric["unit"] for part in found["tables"] for metric in part["metrics"]] == ["tokens/s"]
    assert [metric["unit"] for part in found["resources"] for metric in part["metrics"]] == ["cores"]
    assert "What it took" in render(rows=rows).text
    assert "What it took" not in render().text


def test_numbers_are_sorted_by_their_exact_values() -> None:
    (line, *_) = table("text-generation", ROWS.to_dict("records"))["lines"]
    assert [cell["exact"] for cell in line["cells"]] == ["13.0", ""]
    assert (exact(1 / 3), exact(float("inf")), exact(float("nan"))) == ("0.3333333333333333", "Infinity", "")
    reader = render()
    assert {"13.0", ""} <= set(reader.values("data-order"))
    assert set(reader.values("data-type")) == {"words", "number"}
