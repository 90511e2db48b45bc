"""What each of the kinds for placements, percentiles and telemetry draws of its data."""

import math
from itertools import pairwise
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
import pytest
from figure_examples import (
    EXAMPLES,
    LLAMA,
    NOTHING_PUBLISHED,
    asked_for,
    divided,
    on_gpus,
    published,
    record_repeat,
    records,
)
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from record_example import changed
from summary_example import failed, measured, not_measured, served, summary, without_value
from test_figures_published import draw, texts

from cotejo.command import ROOT
from cotejo.errors import CotejoError
from cotejo.figures import figure
from cotejo.figures.entries import check_figures
from cotejo.figures.place_texts import place_texts
from cotejo.figures.published import DASHES
from cotejo.figures.select import entries
from cotejo.figures.style import PALETTE, STYLES, applied, text_width_in, wrapped
from cotejo.figures.traces import CPU, MOST_POINTS, log_trace, record_trace
from cotejo.files import read_json, write_json

NEEDS_TWO = {"needs": "2 GPUs", "reasons": "needs 2 GPUs"}
OF_LINES = (
    "name", "run", "task", "model", "accelerators", "split", "device", "server", "client", "backend",
)  # fmt: skip
INFERENCES = {"metric": "inferences_per_s"}
BOTH = {"metrics": ["requests_per_s", "latency_mean_ms"]}


def needing(row: dict[str, Any]) -> dict[str, Any]:
    """The line of a run that needs two GPUs, where there is one."""
    return not_measured(**{key: row[key] for key in OF_LINES}, **NEEDS_TWO)


def crosses(axes: Axes) -> list[list[float]]:
    """Where the crosses under the axis are."""
    found = [marks for marks in axes.collections if list(getattr(marks, "get_sizes", list)()) == [18]]
    return [place for marks in found for place in marks.get_offsets().tolist()]  # type: ignore[union-attr]


def colours_of(axes: Axes) -> dict[float, str]:
    """The colour of each bar, by its length."""
    return {
        round(bar.get_width(), 2): to_hex(bar.get_edgecolor()) for bar in axes.patches if isinstance(bar, Rectangle)
    }


def rows_of(axes: Axes) -> list[str]:
    return [tick.get_text().replace("\u00a0", " ").replace("\n", " | ") for tick in axes.get_yticklabels()]


class TestPlacements:
    def test_each_number_of_gpus_has_its_colour_in_the_row_of_its_machine(self) -> None:
        rows = summary(on_gpus(1, 20.0), on_gpus(2, 30.0), on_gpus(1, 40.0, system="other"))
        axes = draw("placements", rows, INFERENCES, NOTHING_PUBLISHED).axes[0]
        assert rows_of(axes) == ["llava-1.5-7b | local", "llava-1.5-7b | other"]
        assert colours_of(axes) == {20.1: PALETTE[0].lower(), 30.15: PALETTE[1].lower(), 40.2: PALETTE[0].lower()}
        assert "1 GPU" in texts(axes.figure) and "2 GPUs" in texts(axes.figure)  # type: ignore[arg-type]

    def test_what_was_measured_on_the_published_machine_shares_its_row(self) -> None:
        on_it = {"ours": "inferences_per_s", "model": "llava-1.5-7b", "run": "on-1", "in_ours": 19.0}
        rows = summary(on_gpus(1, 20.0, system="mendieta"), on_gpus(2, 30.0))
        axes = draw("placements", rows, INFERENCES, published(on_it)).axes[0]
        assert rows_of(axes) == ["llava-1.5-7b | MendietaF2", "llava-1.5-7b | local"]
        assert [line.get_color() for line in axes.lines if line._unscaled_dash_pattern[1] == DASHES[1]] == [PALETTE[0]]  # type: ignore[attr-defined]

    def test_what_needs_more_gpus_says_so_beside_what_was_measured(self) -> None:
        stood_in = on_gpus(1, 5.0, device="cpu", accelerators="", instead_of="device=cuda; accelerators=1")
        axes = draw("placements", summary(stood_in, needing(on_gpus(2, 1.0))), INFERENCES, NOTHING_PUBLISHED).axes[0]
        assert rows_of(axes) == ["llava-1.5-7b | local"]
        assert "needs 2 GPUs" in [text.get_text() for text in axes.texts]
        assert "1 GPU" in texts(axes.figure)  # type: ignore[arg-type]


class TestAccelerators:
    def test_the_ideal_starts_at_the_first_value_and_is_named(self) -> None:
        rows = summary(*(divided(n, metric, 12.0, marks="") for n in (1, 4) for metric in BOTH["metrics"]))
        drawn = draw("accelerators", rows, BOTH, NOTHING_PUBLISHED)
        ends = [line.get_ydata()[-1] for axes in drawn.axes for line in axes.lines if line.get_linestyle() == ":"]
        assert [end for end in ends if end] == pytest.approx([12.06 * 4, 12.06 / 4])
        assert "in proportion to GPUs, from the line's first" in texts(drawn)

    def test_what_stands_in_for_a_gpu_lies_where_that_would(self) -> None:
        row = divided(1, "requests_per_s", 5.0, device="cpu", accelerators="", instead_of="device=cuda; accelerators=1")
        axes = draw("accelerators", summary(row, divided(2, "requests_per_s", 5.0)), BOTH, NOTHING_PUBLISHED).axes[0]
        assert list(axes.get_xticks()) == [1, 2]

    def test_the_cpu_has_no_place(self) -> None:
        rows = summary(divided(0, "requests_per_s", 5.0, accelerators="", device="cpu"))
        assert "no data" in texts(draw("accelerators", rows, BOTH, NOTHING_PUBLISHED))

    def test_a_gap_is_a_cross_below_and_told(self) -> None:
        rows = summary(divided(1, "requests_per_s", 5.0), needing(divided(2, "requests_per_s", 1.0)))
        drawn = draw("accelerators", rows, BOTH, NOTHING_PUBLISHED)
        (place,) = crosses(drawn.axes[0])
        assert place[0] == 2 and place[1] < 0
        assert "2 GPUs: needs 2 GPUs." in texts(drawn)

    def test_a_line_goes_on_over_nodes_which_stand_below(self) -> None:
        rows = [divided(n, "requests_per_s", 5.0, nodes=str(n) if n > 1 else "", marks="") for n in (1, 2, 4)]
        drawn = draw("accelerators", summary(*rows), BOTH, NOTHING_PUBLISHED)
        assert max(len(line.get_xdata()) for line in drawn.axes[0].lines if line.get_linestyle() == "-") == 3
        assert "2 GPUs on 2 nodes, 4 GPUs on 4 nodes." in texts(drawn)

    def test_the_same_gpus_on_unlike_nodes_are_lines_of_their_own(self) -> None:
        rows = [divided(2, "requests_per_s", value, nodes=nodes) for nodes, value in (("", 9.0), ("2", 5.0))]
        said = texts(draw("accelerators", summary(*rows), BOTH, NOTHING_PUBLISHED))
        assert "2 nodes" in said and "GPUs on 2 nodes" not in said

    def test_long_names_stand_below_not_in_the_legend(self) -> None:
        rows = [
            divided(1, "requests_per_s", 5.0, client="hey"),
            divided(1, "requests_per_s", 6.0, client="ab", model="b"),
        ]
        drawn = draw("accelerators", summary(*rows), BOTH, NOTHING_PUBLISHED)
        legends = [child for child in drawn.axes[-1].get_children() if type(child).__name__ == "Legend"]
        shown = [text.get_text().replace("\u00a0", " ") for legend in legends for text in legend.get_texts()]  # type: ignore[attr-defined]
        assert "client hey" in shown and "client ab" in shown
        assert "client ab: b" in texts(drawn)


class TestPercentiles:
    def test_percentiles_lie_where_a_normal_distribution_would_be_straight(self) -> None:
        axes = draw("percentiles", EXAMPLES["percentiles"][0], {}, NOTHING_PUBLISHED).axes[0]
        assert list(axes.get_xticks()) == pytest.approx([NormalDist().inv_cdf(q / 100) for q in (10, 50, 90, 99)])
        assert [tick.get_text() for tick in axes.get_xticklabels()] == ["10", "50", "90", "99"]

    def test_values_far_apart_have_a_logarithmic_axis(self) -> None:
        far, near = ([*asked_for(10, 20.0), *asked_for(90, high)] for high in (400.0, 30.0))
        assert draw("percentiles", summary(*far), {}, NOTHING_PUBLISHED).axes[0].get_yscale() == "log"
        assert draw("percentiles", summary(*near), {}, NOTHING_PUBLISHED).axes[0].get_yscale() == "linear"

    def test_below_its_floor_a_percentile_is_a_cross_under_the_axis_and_said_once(self) -> None:
        blank = [without_value(row, "samples 120 < 459 for p99") for row in asked_for(99, 1.0)]
        rows = summary(*asked_for(50, 20.0), *asked_for(90, 400.0), *blank)
        drawn = draw("percentiles", rows, {}, NOTHING_PUBLISHED)
        for axes in drawn.axes[:2]:
            ((_, height),) = crosses(axes)
            assert axes.get_ylim()[0] < height < 20
        assert texts(drawn).count("samples 120 < 459") == 1
        assert "no p99 (samples 120 < 459)." in texts(drawn)

    def test_each_backend_has_its_line_in_each_panel(self) -> None:
        rows = summary(
            *asked_for(50, 20.0), *asked_for(90, 40.0), *asked_for(50, 9.0, **LLAMA), *asked_for(90, 8.0, **LLAMA)
        )
        drawn = draw("percentiles", rows, {}, NOTHING_PUBLISHED)
        lines = [
            [line for line in axes.lines if len(line.get_xdata()) == 2 and line.get_linestyle() == "-"]
            for axes in drawn.axes[:2]
        ]
        assert [len(found) for found in lines] == [2, 2]

    def test_published_percentiles_of_too_few_requests_are_pale(self) -> None:
        latencies = ({"ours": f"latency_p{q}_ms", "in_ours": 10.0 * q, "concurrency": "5"} for q in (50, 90, 95))
        count = {"run": "", "metric": "responses", "statistic": "count", "value": "50", "concurrency": "5"}
        drawn = draw("percentiles", summary(), {}, published(*latencies, count))
        assert [marks.get_alpha() for marks in drawn.axes[0].collections] == [1, 1, 0.4]
        assert "Pale: the published p95 is of 50 requests, but takes 90." in texts(drawn)

    def test_published_percentiles_of_who_knows_how_many_requests_are_told_so(self) -> None:
        rows = published(*({"ours": f"latency_p{q}_ms", "in_ours": 1.0 * q, "concurrency": "1"} for q in (50, 90)))
        assert "isn't told, so they may be of too few" in texts(draw("percentiles", summary(), {}, rows))


class TestTelemetry:
    LOGS = ROOT / "config" / "published"

    @pytest.mark.parametrize(("log", "readings", "peak_w"), [("mendieta-7b", 21, 192), ("nodoai-7b", 22, 180)])
    def test_both_layouts_of_published_logs_are_read(self, log: str, readings: int, peak_w: float) -> None:
        trace = log_trace(self.LOGS / f"dmon/{log}.txt", log, ["power_w", "rx_mb_per_s", "fan_percent"])
        assert list(trace.by_quantity) == ["power_w", "rx_mb_per_s"]
        assert [len(read.values) for read in trace.by_quantity["power_w"].values()] == [readings, readings]
        assert max(max(read.values) for read in trace.by_quantity["power_w"].values()) == peak_w

    def entry(self, **changes: Any) -> Any:
        row = measured([1.0], metric=CPU, **{"name": "traced", "run": "traced", **changes})
        return entries(summary(row), {}, [CPU])[0]

    def test_without_a_gpu_the_cores_that_were_used_are_shown(self) -> None:
        trace = record_trace(records(), self.entry(), ["power_w"])
        assert trace is not None and list(trace.by_quantity) == [CPU]
        read = trace.by_quantity[CPU]["CPU"]
        assert list(read.values) == pytest.approx([2.0] * len(read.values))
        assert read.times[0] == pytest.approx(-0.5)  # the level began a second after the first reading
        assert list(trace.windows) == [(0.0, 8.0)]

    def test_the_first_whole_repeat_is_shown(self, tmp_path: Path) -> None:
        rows = ["100,0,1,55\n", "101,0,2,77\n"]
        header = "monotonic_s,own_cpu_s,cpu_s,power_w[GPU-1]\n"
        record_repeat(tmp_path, "traced~0123456789", header, ["100,0,1,1\n"], repeat=1, status="failed")
        record_repeat(tmp_path, "traced~0123456789", header, rows, repeat=2)
        trace = record_trace(tmp_path, self.entry(), ["power_w", "rx_mb_per_s"])
        assert trace is not None
        assert trace.by_quantity["power_w"]["GPU 0"].values == [55, 77]
        assert record_trace(tmp_path, self.entry(run="other"), ["power_w"]) is None

    def test_gpus_that_the_run_does_not_use_are_left_out(self, tmp_path: Path) -> None:
        header = "monotonic_s,own_cpu_s,cpu_s,power_w[GPU-1],power_w[GPU-2]\n"
        record_repeat(tmp_path, "traced~0123456789", header, ["100,0,1,31,55\n", "101,0,2,32,77\n"])
        path = tmp_path / "records/local/traced~0123456789/r1.json"
        shown = {"uuid": "GPU-2", "gpu": "GPU-2", "name": None, "memory_mib": None}
        write_json(path, changed(read_json(path), affinity__gpus=[shown]))
        trace = record_trace(tmp_path, self.entry(), ["power_w"])
        assert trace is not None
        assert {name: read.values for name, read in trace.by_quantity["power_w"].items()} == {"GPU 0": [55, 77]}

    def test_of_many_readings_the_peaks_stay(self, tmp_path: Path) -> None:
        rows = [f"{100 + n / 10},0,{n},{300 if n == 777 else 50}\n" for n in range(3000)]
        record_repeat(tmp_path, "traced~0123456789", "monotonic_s,own_cpu_s,cpu_s,power_w[GPU-1]\n", rows)
        trace = record_trace(tmp_path, self.entry(), ["power_w"])
        assert trace is not None
        values = trace.by_quantity["power_w"]["GPU 0"].values
        assert max(values) == 300 and len(values) <= MOST_POINTS

    def test_a_figure_shows_logs_and_records_each_in_its_own_panels(self) -> None:
        options = {"logs": [{"file": "dmon/nodoai-13b.txt", "title": "NodoAI"}]}
        style = STYLES["full"]
        with applied(style):
            drawn = figure("telemetry").draw(
                EXAMPLES["telemetry"][0], options, style, records=records(), logs=self.LOGS
            )
        panels = [axes for axes in drawn.axes if axes.get_ylabel()]
        assert sorted(axes.get_ylabel().replace("\n", " ") for axes in panels) == [
            "CPU cores used", "PCIe received (MB/s)", "PCIe sent (MB/s)", "Power (W)",
        ]  # fmt: skip
        for axes in panels:
            published = {line._unscaled_dash_pattern[1] == DASHES[1] for line in axes.lines}
            assert published == {axes.get_ylabel() != "CPU cores used"}
        said = texts(drawn)
        assert "published: NodoAI" in said and "carry no clock" in said and "there is no interval" in said
        assert "dead: failed: parity." in said


class TestNotes:
    def test_failed_repeats_are_said_once_for_all_levels_of_their_run(self) -> None:
        rows = [
            served(metric, 5.0, level, reasons="1 of 2 repeats failed: killed")
            for level in (1, 2, 4)
            for metric in ("queue_ms", "compute_ms")
        ]
        said = texts(draw_queue(rows))
        assert said.count("1 of 2 repeats failed") == 1
        assert "cpu: 1 of 2 repeats failed: killed." in said

    def test_failed_requests_are_said_of_their_level(self) -> None:
        rows = [served("queue_ms", 5.0, level, reasons=f"{level} of 60 requests failed") for level in (1, 2)]
        said = texts(draw_queue(rows))
        assert "cpu · 1 at once: 1 of 60 requests failed." in said
        assert "cpu · 2 at once: 2 of 60 requests failed." in said

    def test_what_is_common_is_taken_from_what_was_measured(self) -> None:
        rows = summary(on_gpus(1, 20.0), not_measured(**NEEDS_TWO, model="other", backend="tgi", name="x", run="x"))
        assert "tgi" not in texts(draw("bars", rows, {"metric": "inferences_per_s", "by": ["name"]}, NOTHING_PUBLISHED))


def draw_queue(rows: list[dict[str, Any]]) -> Figure:
    style = STYLES["full"]
    with applied(style):
        return figure("queue_compute").draw(summary(*rows), {"by": ["name"]}, style)


def test_a_block_s_name_tells_the_settings_that_all_of_it_has() -> None:
    rows = summary(on_gpus(1, 20.0), on_gpus(2, 30.0), failed(name="cpu", run="cpu", task="visual-question-answering"))
    labels = [entry.label for entry in entries(rows, {"by": ["name"]}, ["inferences_per_s"])]
    assert labels == ["on-1", "on-2", "cpu"]
    both = summary(on_gpus(1, 20.0, name="both"), on_gpus(2, 30.0, name="both"))
    told = [entry.label.replace("\u00a0", " ") for entry in entries(both, {"by": ["name"]}, ["inferences_per_s"])]
    assert told == ["both · 1 GPU", "both · 2 GPUs"]


def test_wrapped_lines_are_as_long_as_fits_and_no_longer() -> None:
    text = "a text of some words that are to be broken " * 3
    lines = wrapped(text, 1.5, 7)
    assert " ".join(lines) == text.strip()
    assert max(text_width_in(line, 7) for line in lines) <= 1.5
    for line, after in pairwise(lines):
        assert text_width_in(f"{line} {after.split()[0]}", 7) > 1.5


def test_texts_beside_marks_hide_neither_marks_nor_each_other() -> None:
    drawn = Figure(figsize=(3.5, 2.5), dpi=100)
    axes = drawn.add_subplot()
    axes.set_xlim(0, 10)
    axes.set_ylim(0, 10)
    places = [(5.0, 5.0), (5.6, 5.0), (5.0, 5.8), (9.8, 9.8), (0.2, 0.2)]
    place_texts(axes, [(place, "ZeRO-1, 3") for place in places], places)
    boxes = [text.get_window_extent() for text in axes.texts]
    marks = axes.transData.transform(places)
    inside = axes.get_window_extent()
    for number, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[:number])
        assert not any(box.contains(*mark) for mark in marks)
        assert inside.x0 <= box.x0 and box.x1 <= inside.x1 and inside.y0 <= box.y0 and box.y1 <= inside.y1
    assert not math.isnan(np.sum(marks))


def test_a_log_that_is_not_there_is_refused_before_anything_is_measured(tmp_path: Path) -> None:
    (tmp_path / "published" / "dmon").mkdir(parents=True)
    (tmp_path / "published" / "dmon" / "mendieta-7b.txt").touch()
    entry = {"kind": "telemetry", "name": "x", "logs": [{"file": "dmon/mendieta-7b.txt", "title": "A"}]}
    study = tmp_path / "studies" / "x.yaml"
    check_figures([entry], study)
    entry["logs"] = [{"file": "dmon/mendieta-7.txt", "title": "A"}]
    with pytest.raises(
        CotejoError, match=r"figures\[0\].logs\[0\].file: 'dmon/mendieta-7.txt': there is no .*Did you mean"
    ):
        check_figures([entry], study)
