from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from results_example import STEADY_S, TOKENS, one, only, put_run, results, table, times
from summary_example import failed, measured

from cotejo.command import ROOT
from cotejo.comparison.folders import check_folders, records_digest
from cotejo.comparison.gate import regressions
from cotejo.comparison.table import compare, read_results
from cotejo.comparison.text import lines
from cotejo.errors import CotejoError
from cotejo.study import load_config
from cotejo.verdict import THRESHOLDS


class TestCompare:
    def test_the_same_values_are_indistinguishable(self) -> None:
        row = one(measured(TOKENS), measured(TOKENS))
        assert row["ratio"] == pytest.approx(1, abs=0.005)
        assert row["ratio_low"] < 1 < row["ratio_high"]
        assert row["p"] > 0.05
        assert (row["standing"], row["note"], row["headline"]) == ("indistinguishable", "", "yes")
        assert (row["baseline_repeats"], row["candidate_repeats"]) == (6, 6)
        assert row["baseline_median"] == row["candidate_median"] == 100.25
        assert row["baseline_verdict"] == "smoke"

    @pytest.mark.parametrize(("factor", "standing"), [(0.8, "slower"), (1.25, "faster")])
    def test_a_rate_that_falls_is_slower(self, factor: float, standing: str) -> None:
        row = one(measured(TOKENS), measured(times(factor)))
        assert row["standing"] == standing
        assert row["ratio"] == pytest.approx(factor, rel=0.01)
        assert row["p"] == pytest.approx(2 / 924)  # six and six, wholly apart: 2 of C(12, 6) orders

    def test_a_time_that_falls_is_faster(self) -> None:
        time = {"metric": "latency_p50_ms", "unit": "ms", "better": "lower"}
        row = one(measured(TOKENS, **time), measured(times(0.8), **time))
        assert row["standing"] == "faster"
        assert row["ratio"] == pytest.approx(0.8, rel=0.01)

    @pytest.mark.parametrize(("factor", "standing"), [(0.8, "less"), (1.25, "more"), (1.0, "indistinguishable")])
    def test_resources_are_less_or_more(self, factor: float, standing: str) -> None:
        memory = {"metric": "rss_peak_mib", "unit": "MiB", "better": "lower", "source": "telemetry"}
        assert one(measured(TOKENS, **memory), measured(times(factor), **memory))["standing"] == standing

    def test_too_few_repeats_have_a_ratio_without_interval(self) -> None:
        row = one(measured(TOKENS), measured([50.0]))
        assert row["ratio"] == pytest.approx(0.5, rel=0.01)
        assert np.isnan(row["ratio_low"]) and np.isnan(row["ratio_high"]) and np.isnan(row["p"])
        assert row["standing"] == "indistinguishable"
        assert row["note"] == "too few repeats: 6 in baseline, 1 in candidate, least 4"

    def test_a_blank_value_is_not_compared(self) -> None:
        row = one(measured(TOKENS), measured(TOKENS) | {"values": "", "median": float("nan")})
        assert (row["note"], row["standing"]) == ("no value in candidate", "")
        assert np.isnan(row["ratio"])

    def test_zeros_have_no_ratio(self) -> None:
        row = one(measured([0.0] * 6, source="telemetry"), measured(TOKENS, source="telemetry"))
        assert (row["note"], row["standing"]) == ("no ratio: some values are zero", "")

    def test_only_the_first_metric_of_a_level_is_the_headline(self) -> None:
        both = [measured(TOKENS), measured(TOKENS, metric="ttft_p50_ms"), measured(TOKENS, level="busy")]
        found = table(results(*both), results(*both))
        assert list(found["headline"]) == ["yes", "", "yes"]

    def test_a_metric_of_one_side_is_said(self) -> None:
        energy = measured(TOKENS, metric="package_energy_per_request_j")
        found = table(results(measured(TOKENS), energy), results(measured(TOKENS)))
        assert list(found["note"]) == ["", "only in baseline"]
        assert found["baseline_median"].notna().all()

    def test_runs_of_one_side_are_said(self) -> None:
        found = table(
            results(measured(TOKENS), measured(TOKENS, run="old", digest="1")),
            results(measured(TOKENS), measured(TOKENS, run="new", digest="2")),
        ).set_index("run")
        assert found.loc["old", "note"] == "only in baseline"
        assert found.loc["new", "note"] == "only in candidate"
        assert list(found["standing"]) == ["indistinguishable", "", ""]

    def test_other_settings_are_named_and_not_compared(self) -> None:
        before, after = results(measured(TOKENS, digest="1")), results(measured(times(2), digest="2"))
        before.settings[measured(TOKENS)["run"], "1"].update(weights="hub", study="a", seed=0)  # type: ignore[attr-defined]
        after.settings[measured(TOKENS)["run"], "2"].update(weights="synthetic", study="b", seed=0)  # type: ignore[attr-defined]
        row = only(table(before, after))
        assert row["note"] == "unlike settings: weights hub | synthetic"
        assert np.isnan(row["ratio"])
        assert (row["baseline_system"], row["candidate_system"]) == ("local", "local")

    def test_a_run_whose_twin_is_not_certain_is_of_one_side(self) -> None:
        found = table(
            results(measured(TOKENS, digest="1")), results(measured(TOKENS, digest="2"), measured(TOKENS, digest="3"))
        )
        assert sorted(found["note"]) == ["only in baseline", "only in candidate", "only in candidate"]

    def test_marks_of_both_sides_are_kept_once(self) -> None:
        row = one(measured(TOKENS, marks="synthetic; small"), measured(TOKENS, marks="small; taskset"))
        assert row["marks"] == "synthetic; small; taskset"


class TestSystems:
    def test_one_system_each_is_compared_across(self) -> None:
        row = one(measured(TOKENS, system="laptop"), measured(times(2), system="cloud", environment="fedcba"))
        assert (row["baseline_system"], row["candidate_system"], row["standing"]) == ("laptop", "cloud", "faster")

    def test_of_several_systems_those_in_common_are_compared(self) -> None:
        found = table(
            results(measured(TOKENS, system="laptop"), measured(TOKENS, system="edge")),
            results(measured(times(2), system="cloud"), measured(times(2), system="edge")),
        ).set_index("baseline_system")
        assert found.loc["edge", "standing"] == "faster"
        assert found.loc["laptop", "note"] == "only in baseline"
        assert found.loc["", "note"] == "only in candidate"

    def test_several_systems_and_none_in_common_are_refused(self) -> None:
        before = results(measured(TOKENS, system="laptop"), measured(TOKENS, system="edge"))
        with pytest.raises(CotejoError, match="systems cloud: results/demo has none of them, but edge, laptop"):
            compare(before, results(measured(TOKENS, system="cloud")))


class TestEnvironments:
    def test_what_differs_is_named(self) -> None:
        before = results(measured(TOKENS), abcdef={"cpu": "A", "code": "1", "gpus": []})
        after = results(measured(TOKENS, environment="123456"), **{"123456": {"cpu": "B", "code": "2", "gpus": []}})
        row = only(table(before, after))
        assert row["differs"] == "cpu, code"
        assert (row["baseline_environment"], row["candidate_environment"]) == ("abcdef", "123456")

    def test_the_same_environments_are_paired_like_with_like(self) -> None:
        fast, slow = measured(times(2), environment="aaaaaa"), measured(TOKENS, environment="bbbbbb")
        found = table(results(fast, slow), results(slow, fast))
        assert list(found["standing"]) == ["indistinguishable"] * 2
        assert list(found["baseline_environment"]) == list(found["candidate_environment"])
        assert "  bbbbbb  " in "\n".join(lines(found))

    def test_unlike_environments_are_neither_merged_nor_guessed(self) -> None:
        old, new = measured(TOKENS, environment="aaaaaa"), measured(times(0.5), environment="bbbbbb")
        row = only(table(results(old), results(old, new)))
        assert row["note"].startswith("environments aaaaaa in baseline, aaaaaa and bbbbbb in candidate: leave in each")
        assert (row["standing"], row["headline"]) == ("", "")
        assert np.isnan(row["ratio"])


class TestFailures:
    @pytest.mark.parametrize(
        ("baseline", "candidate", "standing", "note"),
        [
            (measured(TOKENS), failed("parity"), "newly failed", "failed in candidate: parity"),
            (failed("parity"), measured(TOKENS), "no longer failed", "failed in baseline: parity"),
            (failed("parity"), failed("killed"), "", "failed in baseline: parity; failed in candidate: killed"),
        ],
    )
    def test_a_failed_run(self, baseline: Any, candidate: Any, standing: str, note: str) -> None:
        row = one(baseline, candidate)
        assert (row["standing"], row["note"], row["headline"], row["level"]) == (standing, note, "yes", "")

    def test_a_failed_level_leaves_the_others_compared(self) -> None:
        nothing = {"verdict": "failed", "reasons": "no request succeeded", "metric": "", "values": "", "source": ""}
        found = table(
            results(measured(TOKENS), measured(TOKENS, level="busy")),
            results(measured(TOKENS), measured(TOKENS, level="busy") | nothing),
        ).set_index("level")
        assert found.loc["single-stream", "standing"] == "indistinguishable"
        assert found.loc["busy", "standing"] == "newly failed"
        assert "busy: newly failed: no request succeeded" in regressions(found.reset_index(), 2)[0]


class TestReadResults:
    def test_records_are_read_and_judged(self, tmp_path: Path) -> None:
        put_run(tmp_path, STEADY_S)
        put_run(tmp_path, ["parity"] * 2, name="broken")
        found = read_results(tmp_path, THRESHOLDS)
        assert found.systems == ["local"]
        by_run = {row["run"]: row for row in found.rows if row["metric"] in (None, "tokens_per_s")}
        assert by_run["broken_int8"]["verdict"] == "failed" and by_run["broken_int8"]["metric"] is None
        assert by_run["text_int8"]["median"] == pytest.approx(8 / 0.5, rel=0.01)
        assert found.settings["text_int8", "0123456789"]["new_tokens"] == 8
        assert found.merge_keys[by_run["text_int8"]["environment"]]["cpu"] == "Example CPU @ 2.00GHz"

    def test_two_folders_from_file_to_table(self, tmp_path: Path) -> None:
        put_run(tmp_path / "a", STEADY_S)
        put_run(tmp_path / "b", [time_s * 1.25 for time_s in STEADY_S], environment__machine__cpu="Another CPU")
        found = compare(*(read_results(tmp_path / name, THRESHOLDS) for name in "ab"))
        row = found[found["metric"] == "tokens_per_s"].iloc[0]
        assert (row["standing"], row["differs"]) == ("slower", "cpu")
        assert row["ratio"] == pytest.approx(0.8, rel=0.01)
        assert set(found.loc[found["metric"] == "latency_p50_ms", "standing"]) == {"slower"}


class TestFolders:
    def test_records_are_known_again_wherever_they_lie(self, tmp_path: Path) -> None:
        put_run(tmp_path / "a", [0.5, 0.5])
        put_run(tmp_path / "b", [0.5, 0.5])
        first = records_digest(tmp_path / "a")
        assert records_digest(tmp_path / "b") == first
        put_run(tmp_path / "b", [0.5, 0.6])
        assert records_digest(tmp_path / "b") != first

    @pytest.mark.parametrize(
        ("baseline", "candidate", "message"),
        [
            ("{0}/a", "", "candidate: '': a comparison needs two folders"),
            ("", "{0}/a", "baseline: '': a comparison needs two folders"),
            ("{0}/a", "{0}/aa", "candidate: .*: no such folder. Did you mean '.*/a'"),
            ("{0}", "{0}/a", "baseline: .*: holds no records. Give a results/<study> folder"),
            ("{0}/a", "{0}/link", "candidate: .*: is the baseline itself"),
        ],
    )
    def test_what_is_no_pair_is_refused(self, tmp_path: Path, baseline: str, candidate: str, message: str) -> None:
        put_run(tmp_path / "a", ["error"])
        (tmp_path / "link").symlink_to("a")
        values = yaml.safe_load((ROOT / "config/config.yaml").read_text())
        values |= {"baseline": baseline.format(tmp_path), "candidate": candidate.format(tmp_path)}
        with pytest.raises(CotejoError, match=f"^config/config.yaml or --config: {message}"):
            load_config(values)

    def test_a_pair_is_accepted(self, tmp_path: Path) -> None:
        put_run(tmp_path / "a", ["error"])
        put_run(tmp_path / "b", ["error"])
        check_folders(f"{tmp_path}/a", f"{tmp_path}/b", "--")
