"""The report's section on what was published. The comparison itself has tests of its own, in test_standing.py."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from summary_example import failed, not_measured, served, summary

from cotejo.labels import metric_label
from cotejo.published.rows import COLUMNS, read_published
from cotejo.report.beside import beside, metric_text, published_label, published_text, setting, shared
from cotejo.standing import compare_published, read_standings

LIKE = {"verdict": "publishable", "reasons": "", "marks": "", "system": "p100"}
MODEL = "blip-image-captioning-base"
PUBLISHED: dict[str, str] = {
    "study": "blip", "system": "p100", "run": "cpu", "task": "image-captioning", "model": MODEL,
    "backend": "onnxruntime", "precision": "fp32", "accelerators": "0", "split": "", "client": "perf_analyzer",
    "concurrency": "2", "metric": "request_throughput", "statistic": "mean", "value": "20.5319", "unit": "infer/s",
    "note": "base_model_cpu",
}  # fmt: skip
LATENCY = {"metric": "latency", "value": "92205", "unit": "us"}
TWO = {"run": "two", "accelerators": "2", "note": "base_model_multi_gpu"}
SNAPSHOT = {"run": "", "metric": "gpu_power", "statistic": "snapshot", "value": "153", "unit": "W", "note": ""}
NEEDS = not_measured(
    name="two", run="two", model=MODEL, backend="onnxruntime", precision="fp32", device="cuda", accelerators="2",
    needs="2 GPUs", reasons="needs 2 GPUs",
)  # fmt: skip


@pytest.fixture
def section(tmp_path: Path) -> Any:
    """section([published row, …], *summary rows): what the page is told of them."""

    def made(published: list[dict[str, str]], *rows: dict[str, Any]) -> dict[str, Any]:
        path = tmp_path / "blip.csv"
        pd.DataFrame([PUBLISHED | row for row in published], columns=list(COLUMNS)).to_csv(path, index=False)
        compare_published(read_published(path), summary(*rows)).to_csv(tmp_path / "comparison.csv", index=False)
        return beside(read_standings(tmp_path / "comparison.csv"), 10)

    return made


def measured(value: float, **changes: Any) -> dict[str, Any]:
    return served("requests_per_s", value, 2, **LIKE | changes)


def test_rows_of_one_run_stand_together_and_what_no_run_measures_comes_last(section: Any) -> None:
    found = section([SNAPSHOT, TWO, {}, TWO | LATENCY, LATENCY], measured(20.5319), NEEDS)
    assert [line["name"] for line in found["lines"]] == ["two", "two", "cpu", "cpu", "not measured again"]
    assert sum(each["count"] for each in found["counts"]) == 5


def test_what_ran_out_of_memory_says_so_on_either_side(section: Any) -> None:
    keys = ("name", "run", "model", "backend", "server", "precision", "accelerators", "task", "client")
    ran_out = failed(
        "out-of-memory", **{key: measured(1.0)[key] for key in keys}, **{k: LIKE[k] for k in ("marks", "system")}
    )
    oom = {"metric": "gpu_memory_per_node", "statistic": "peak", "value": "OOM", "unit": "GB"}
    found = section([oom, {}], ran_out)
    assert found["common"] == ["both out of memory"]
    lines = found["lines"]
    assert [(line["published"], line["ours"], line["standing"], line["reasons"]) for line in lines] == [
        ("OOM", "OOM", "reproduced", []),
        ("20.5319 infer/s", "OOM", "not measured", ["failed: out-of-memory"]),
    ]


def test_a_line_has_the_value_as_printed_and_in_our_unit_ours_and_the_ratio(section: Any) -> None:
    latency = served("latency_mean_ms", 92.205, 2, **LIKE)
    lines = section([{}, LATENCY], measured(20.5319), latency)["lines"]
    assert [(line["published"], line["converted"]) for line in lines] == [
        ("20.5319 infer/s", ""),
        ("92205 us", "92.2 ms"),
    ]
    assert [(line["ours"], line["interval"]) for line in lines] == [
        ("20.6 requests/s", "20.1 to 21.1"),
        ("92.7 ms", "90.4 to 95.0"),
    ]
    assert [line["ratio_interval"] for line in lines] == ["0.980 to 1.03"] * 2
    assert [float(line["ratio"]) for line in lines] == pytest.approx([1.005] * 2, abs=0.006)
    assert [line["standing"] for line in lines] == ["reproduced"] * 2


def test_what_all_share_is_said_once(section: Any) -> None:
    two = measured(
        30, name="two", run="two", device="cuda", accelerators="2", system="local", marks="synthetic; stand-in"
    )
    found = section([{}, LATENCY, TWO], measured(20, system="local", marks="synthetic"), two)
    assert found["common"] == ["other system: local, not p100", "synthetic weights"]
    cpu, latency, of_two = found["lines"]
    assert (cpu["reasons"], cpu["remarks"]) == ([], ["base_model_cpu"])
    assert latency["reasons"] == ["latency_mean_ms: not among its metrics"]
    assert of_two["reasons"] == ["a stand-in that imitates the server, not the server itself"]
    assert of_two["remarks"] == ["base_model_multi_gpu"]


def test_every_line_says_its_settings_and_its_reasons_by_itself(section: Any) -> None:
    lines = section([TWO, TWO | LATENCY], NEEDS)["lines"]
    assert [line["reasons"] for line in lines] == [["needs 2 GPUs"]] * 2
    assert {line["settings"].replace("\u00a0", " ") for line in lines} == {
        f"{MODEL} · onnxruntime · fp32 · 2 GPUs · client perf_analyzer · 2 at once"
    }
    assert {line["system"] for line in lines} == {"p100"}


def test_numbers_are_sorted_in_one_unit_by_their_exact_values(section: Any) -> None:
    [latency, missing] = section([LATENCY, TWO], served("latency_mean_ms", 92.205, 2, **LIKE), NEEDS)["lines"]
    latency, missing = (latency, missing) if latency["ours"] else (missing, latency)
    assert float(latency["published_exact"]) == pytest.approx(92.205)
    assert float(latency["ours_exact"]) == pytest.approx(92.67, abs=0.01)
    assert float(latency["ratio_exact"]) == pytest.approx(1.005, abs=0.001)
    assert missing["ours_exact"] == missing["ratio_exact"] == ""


def test_several_machines_are_told_apart(section: Any) -> None:
    assert not section([{}], measured(20))["several"]
    found = section([{}], measured(20), measured(21, origin="lab"))
    assert found["several"]
    assert [line["machine"] for line in found["lines"]] == ["p100, here", "p100, from lab"]
    found = section([{}], measured(20), measured(21, environment="ffffff"))
    assert [line["machine"] for line in found["lines"]] == [
        "p100, here, environment abcdef",
        "p100, here, environment ffffff",
    ]
    of_unlike_runs = measured(
        30, **{key: NEEDS[key] for key in ("name", "run", "device", "accelerators")}, environment="f"
    )
    assert not section([{}, TWO], measured(20), of_unlike_runs)["several"]


def test_a_published_value_that_is_no_number_has_no_unit(section: Any) -> None:
    lines = section([{"value": "-"}, {"value": "", "concurrency": "3"}], measured(20))["lines"]
    assert [line["published"] for line in lines] == ["-", ""]


def test_nothing_measured_is_told_too(section: Any) -> None:
    nothing = not_measured(name="cpu", model=MODEL, backend="onnxruntime", precision="fp32")
    found = section([{}, SNAPSHOT], nothing)
    assert [(each["word"], each["count"]) for each in found["counts"]] == [("not measured", 2)]
    assert found["common"] == []


def test_words() -> None:
    assert setting("accelerators", "0") == "CPU"
    assert setting("accelerators", "1") == "1\u00a0GPU"
    assert setting("client", "hey") == "client\u00a0hey"
    assert setting("concurrency", "4") == "4\u00a0at\u00a0once"
    row = {"metric": "pass_s", "published_metric": "wall_time", "statistic": "iteration2"}
    assert metric_text(row) == f"{metric_label('pass_s')} (iteration2)"
    assert metric_text({"metric": "", "published_metric": "gpu_power", "statistic": "mean"}) == "GPU power"
    assert [published_label(name) for name in ("vcpus", "gpus", "cores_per_socket")] == [
        "vCPUs", "GPUs", "Cores per socket",
    ]  # fmt: skip
    cells = [("1", "sockets"), ("2", "sockets"), ("1", "ms"), ("1", "s"), ("-", "s")]
    assert [published_text(*cell) for cell in cells] == ["1 socket", "2 sockets", "1 ms", "1 s", "-"]
    assert shared([]) == []
    assert shared([["a", "b"], ["b", "c"]]) == ["b"]
