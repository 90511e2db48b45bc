"""Published marks in figures: beside what was measured, never joined with it, and alone where nothing was."""

import json
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from figure_examples import NOTHING_PUBLISHED, on_gpus, published, trained
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.text import Text
from summary_example import failed, measured, not_measured, served, summary

from cotejo.command import ROOT
from cotejo.figures import FIGURES, figure
from cotejo.figures.published import DASHES, MARKERS, counterpart, marks_of
from cotejo.figures.select import entries
from cotejo.figures.style import PAPER, STYLES, Style, applied, style_of
from cotejo.labels import machine_label
from cotejo.report.drawing import words_of

TOKENS = {"metric": "tokens_per_s"}
SIX = [10.0, 11.0, 12.0, 14.0, 15.0, 30.0]
WITH_PUBLISHED = [kind for kind in FIGURES if "published" in getattr(figure(kind), "INPUTS", ())]


def draw(
    kind: str, rows: pd.DataFrame, options: dict[str, Any], rows_published: pd.DataFrame, style: Style = STYLES["full"]
) -> Figure:
    module = figure(kind)
    given = {"published": rows_published, "cost": pd.DataFrame()}
    with applied(style):
        drawn = module.draw(rows, options, style, **{name: given[name] for name in module.INPUTS})
        drawn.draw_without_rendering()
    return drawn


def texts(drawn: Figure) -> str:
    found = [artist.get_text() for artist in drawn.findobj(Text) if isinstance(artist, Text) and artist.get_visible()]
    return " ".join(" ".join(found).replace("\u00a0", " ").split())


def dashed(axes: Axes) -> list[list[list[float]]]:
    """The points of the published lines."""
    return [line.get_xydata().tolist() for line in axes.lines if line._unscaled_dash_pattern[1] == DASHES[1]]  # type: ignore[attr-defined]


def solid(axes: Axes) -> list[list[list[float]]]:
    return [
        line.get_xydata().tolist() for line in axes.lines if line.get_linestyle() == "-" and len(line.get_xdata()) > 1
    ]


# By kind: rows that it draws alone, and its options.
ALONE: dict[str, tuple[pd.DataFrame, dict[str, Any]]] = {
    "bars": (published({}), TOKENS),
    "placements": (published({}, {"accelerators": "2", "in_ours": 20.0}), TOKENS),
    "throughput_latency": (published({"concurrency": "1"}, {"concurrency": "4"}), {"metrics": ["tokens_per_s"]}),
    "tokens": (published({"ours": "ttft_p50_ms", "concurrency": "1"}), {}),
    "accelerators": (published({}, {"accelerators": "2", "in_ours": 9.0}), {"metrics": ["tokens_per_s"]}),
    "percentiles": (
        published(*({"ours": f"latency_p{q}_ms", "in_ours": 10.0 * q, "concurrency": "1"} for q in (10, 50, 90))), {},
    ),
    "training": (
        published({"ours": "train_s", "in_ours": 600.0}, {"ours": "gpu_memory_peak_mib", "in_ours": 3072.0}), {},
    ),
}  # fmt: skip


@cache
def alone(kind: str, style: Style) -> Figure:
    return draw(kind, summary(), ALONE[kind][1], ALONE[kind][0], style)


@pytest.mark.parametrize("style", [*STYLES.values(), *PAPER.values()])
@pytest.mark.parametrize("kind", [kind for kind in WITH_PUBLISHED if kind in ALONE])
class TestOnPaperAlone:
    def test_published_values_are_drawn_with_whose_they_are(self, kind: str, style: Style) -> None:
        said = texts(alone(kind, style))
        assert "published: MendietaF2" in said or ("published" in said and "MendietaF2" in said)
        assert "without an interval" in said and "no data" not in said

    def test_nothing_is_smaller_than_seven_points_or_off_the_canvas(self, kind: str, style: Style) -> None:
        drawn = alone(kind, style)
        found = [text for text in drawn.findobj(Text) if isinstance(text, Text) and text.get_visible()]
        assert min(text.get_fontsize() for text in found if text.get_text().strip()) >= 7
        with applied(style):  # ticks are as many as their text's size leaves room for
            box, (width_in, height_in) = drawn.get_tightbbox(), drawn.get_size_inches()
        assert box.x0 >= 0 and box.x1 <= width_in and box.y0 >= 0 and box.y1 <= height_in

    def test_no_legend_lies_over_the_data(self, kind: str, style: Style) -> None:
        drawn = alone(kind, style)
        *panels, top = drawn.axes
        for legend in top.get_children():
            if type(legend).__name__ == "Legend":
                assert not any(legend.get_window_extent().overlaps(axes.get_window_extent()) for axes in panels)


@pytest.mark.parametrize("kind", [kind for kind in WITH_PUBLISHED if kind in ALONE])
def test_without_either_it_says_so(kind: str) -> None:
    assert "no data: " in texts(draw(kind, summary(), ALONE[kind][1], NOTHING_PUBLISHED))


@pytest.mark.parametrize("kind", [kind for kind in WITH_PUBLISHED if kind in ALONE])
def test_words_tell_what_was_published(kind: str) -> None:
    said = figure(kind).describe(summary(), ALONE[kind][1], published=ALONE[kind][0])
    assert "Published: " in said and "MendietaF2" in said


class TestBars:
    ROWS = published(
        {}, {"statistic": "iteration1", "in_ours": 9.0}, {"statistic": "iteration2", "in_ours": 13.0},
        {"system": "nodoai", "machine": "NodoAI", "in_ours": 20.0},
    )  # fmt: skip

    def test_a_dashed_line_ends_in_an_open_mark_of_its_runs_colour_below_our_bar(self) -> None:
        axes = draw("bars", summary(measured(SIX)), TOKENS, self.ROWS).axes[0]
        first, second = dashed(axes)
        assert [point[0] for point in first] == [0, 12] and [point[0] for point in second] == [0, 20]
        (bar,) = [patch for patch in axes.patches if patch.get_width() == 13]  # type: ignore[attr-defined]
        assert bar.get_y() + bar.get_height() < first[0][1] < second[0][1]  # type: ignore[attr-defined]
        marks = [marks for marks in axes.collections if list(getattr(marks, "get_sizes", list)()) == [28]]
        assert {to_hex(mark.get_facecolor()[0]) for mark in marks} == {"#ffffff"}
        assert {to_hex(mark.get_edgecolor()[0]) for mark in marks} == {to_hex(bar.get_edgecolor())}

    def test_each_machine_has_a_shape_of_its_own_that_nothing_measured_has(self) -> None:
        from cotejo.figures.panels import MARKERS as OURS

        said = texts(draw("bars", summary(measured(SIX)), TOKENS, self.ROWS))
        assert "published: MendietaF2" in said and "published: NodoAI" in said
        assert not set(OURS) & set(MARKERS)

    def test_single_passes_are_dots_the_first_one_filled(self) -> None:
        axes = draw("bars", summary(), TOKENS, self.ROWS).axes[0]
        (passes,) = [dots for dots in axes.collections if len(dots.get_offsets()) == 2]
        assert sorted(passes.get_offsets()[:, 0]) == [9, 13]  # type: ignore[index]
        filled = [to_hex(face) != "#ffffff" for face in passes.get_facecolor()]
        assert filled == [True, False]
        assert "single passes, the first one filled" in texts(axes.figure)  # type: ignore[arg-type]

    def test_what_is_printed_instead_of_a_value_is_said(self) -> None:
        none = {"run": "none", "in_ours": np.nan}
        rows = published({}, {"run": "big", "value": "OOM", "in_ours": np.nan}, none, {**none, "system": "nodoai"})
        drawn = draw("bars", summary(), {**TOKENS, "by": ["name"]}, rows)
        said = [text.get_text() for text in drawn.axes[0].texts]
        assert [text for text in said if text.startswith("published")] == [
            "published: out of memory",
            "published: without a value",
        ]

    def test_a_where_holds_for_published_values_too(self) -> None:
        rows = published({}, {"run": "other", "in_ours": 99.0})
        assert len(dashed(draw("bars", summary(), {**TOKENS, "where": {"name": "text"}}, rows).axes[0])) == 1
        # The document's machine and client are its own.
        assert len(dashed(draw("bars", summary(), {**TOKENS, "where": {"system": "local"}}, rows).axes[0])) == 2

    def test_what_no_run_measures_again_is_in_no_figure(self) -> None:
        assert "no data" in texts(draw("bars", summary(), TOKENS, published({"run": ""})))


class TestStanding:
    def test_what_forbids_a_comparison_is_said(self) -> None:
        said = texts(draw("bars", summary(measured(SIX)), TOKENS, published({})))
        assert "Not comparable with what was published: measured on another machine, synthetic weights, small" in said

    def test_like_with_like_needs_no_such_words(self) -> None:
        like = {"system": "mendieta", "weights": "hub", "scale": "full", "marks": "", "verdict": "publishable"}
        assert "Not comparable" not in texts(draw("bars", summary(measured(SIX, **like)), TOKENS, published({})))

    def test_what_was_not_measured_is_compared_with_nothing(self) -> None:
        row = not_measured(needs="2 GPUs", reasons="needs 2 GPUs")
        said = texts(draw("bars", summary(row), TOKENS, published({})))
        assert "needs 2 GPUs" in said and "Not comparable" not in said

    def test_the_run_that_agrees_the_most_is_the_counterpart(self) -> None:
        rows = summary(*(on_gpus(n, 10.0 * n, name="both") for n in (1, 2, 3)))
        found = entries(rows, {}, ["inferences_per_s"])
        (row,) = published({"run": "both", "accelerators": "3", "split": "device_map"}).to_dict("records")
        chosen = counterpart(row, found)  # type: ignore[arg-type]
        assert chosen is not None and chosen.row["accelerators"] == "3"
        assert counterpart({**row, "run": "none"}, found) is None  # type: ignore[dict-item]

    def test_what_stands_in_counts_as_what_was_asked_for(self) -> None:
        stood_in = on_gpus(1, 5.0, name="both", device="cpu", accelerators="", instead_of="device=cuda; accelerators=1")
        found = entries(summary(on_gpus(2, 10.0, name="both"), stood_in), {}, ["inferences_per_s"])
        (row,) = published({"run": "both", "accelerators": "1"}).to_dict("records")
        assert counterpart(row, found) is found[1]  # type: ignore[arg-type]


class TestLevels:
    def levels(self, *concurrencies: int, **changes: Any) -> list[dict[str, Any]]:
        return [
            {"run": "cpu", "ours": "requests_per_s", "concurrency": str(n), "in_ours": 10.0 * n, **changes}
            for n in concurrencies
        ]

    def test_published_points_are_on_a_dashed_line_of_their_own_in_their_runs_colour(self) -> None:
        rows = summary(*(served("requests_per_s", 5.0 * n, n) for n in (1, 2)))
        options = {"by": ["name"], "metrics": ["requests_per_s"]}
        axes = draw("throughput_latency", rows, options, published(*self.levels(1, 2, 4))).axes[0]
        assert dashed(axes) == [[[1, 10], [2, 20], [4, 40]]]
        assert [[x for x, _ in line] for line in solid(axes)] == [[1, 2]]
        colours = {line.get_color() for line in axes.lines if len(line.get_xdata()) > 1}
        assert len(colours) == 1
        assert list(axes.get_xticks()) == [1, 2, 4]

    def test_each_published_run_has_its_line(self) -> None:
        rows = published(*self.levels(1, 2), *self.levels(1, 2, run="gpu"))
        axes = draw("throughput_latency", summary(), {"by": ["name"], "metrics": ["requests_per_s"]}, rows).axes[0]
        assert len(dashed(axes)) == 2

    def test_open_loads_have_no_published_marks(self) -> None:
        rows = summary(*(served("requests_per_s", 5.0, n, load="open") for n in (1, 2)))
        drawn = draw(
            "throughput_latency", rows, {"by": ["name"], "metrics": ["requests_per_s"]}, published(*self.levels(1, 2))
        )
        closed, opened = drawn.axes[:2]
        assert dashed(closed) and not dashed(opened)
        assert not solid(closed) and solid(opened)


def test_marks_of_other_metrics_are_no_marks() -> None:
    rows = published({}, {"ours": "", "in_ours": np.nan}, {"ours": "train_s"})
    assert [mark.metric for mark in marks_of(rows, {}, ["tokens_per_s"])] == ["tokens_per_s"]


class TestMachineLabel:
    def test_gpus_are_named_unless_the_name_does(self) -> None:
        a30 = {"name": "MendietaF2", "gpu": "NVIDIA A30", "gpus": 2}
        assert machine_label(a30) == "MendietaF2, 2\u00a0\u00d7\u00a0A30"
        assert machine_label({"name": "Node with A30", "gpu": "NVIDIA A30", "gpus": 2}) == "Node with A30"
        assert machine_label({"name": "M1 MacBook"}) == "M1 MacBook"


class TestStyle:
    def test_a_paper_has_no_headings_and_columns_unless_a_figure_says_otherwise(self) -> None:
        assert style_of("paper", None).width_in == 3.5 and style_of("paper", "full").width_in == 7
        assert style_of("screen", None).width_in == 7 and style_of("screen", "column").width_in == 3.5
        options = {**TOKENS, "title": "A heading"}
        assert "A heading" in texts(draw("bars", summary(), options, published({}), style_of("screen", None)))
        assert "A heading" not in texts(draw("bars", summary(), options, published({}), style_of("paper", None)))


def plot(tmp_path: Path, *flags: str, entry: dict[str, Any] | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "scripts/plot_figure.py"), *flags]
    figure = {"kind": "placements", "name": "x", "metric": "inferences_per_s"} if entry is None else entry
    return subprocess.run([*command, "--figure", json.dumps(figure)], capture_output=True, text=True, check=False)


class TestCommand:
    def test_it_draws_what_was_published_alone_in_any_format(self, tmp_path: Path) -> None:
        outputs = [str(tmp_path / f"x.{ending}") for ending in ("svg", "png", "pdf")]
        done = plot(
            tmp_path, "--published", str(ROOT / "config/published/ccad-llava-a30.csv"), "--style", "paper",
            "--machines", json.dumps({"mendieta": "MendietaF2, two A30"}), "--output", *outputs,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert (tmp_path / "x.pdf").read_bytes().startswith(b"%PDF")
        svg = (tmp_path / "x.svg").read_text()
        assert "MendietaF2, two A30" in svg and "nodoai" in svg  # by its id where it is told no name
        words = words_of(tmp_path / "x.svg")
        assert "llava-1.5-7b · 1\u00a0GPU 3.05 inferences/s (MendietaF2, two A30)" in words

    def test_it_draws_published_logs(self, tmp_path: Path) -> None:
        entry = {"kind": "telemetry", "name": "x", "logs": [{"file": "dmon/nodoai-13b.txt", "title": "NodoAI"}]}
        output = tmp_path / "x.svg"
        done = plot(tmp_path, "--logs", str(ROOT / "config/published"), "--output", str(output), entry=entry)
        assert done.returncode == 0, done.stderr
        assert "published: NodoAI: Power, GPU 0: median" in words_of(output)


def test_trainings_that_ran_out_of_memory_are_crosses() -> None:
    rows = published(
        {"run": "a", "model": "t5-small", "ours": "train_s", "in_ours": 600.0},
        {"run": "a", "model": "t5-small", "ours": "gpu_memory_peak_mib", "in_ours": 3072.0},
        {"run": "b", "model": "t5-3b", "ours": "train_s", "value": "-", "in_ours": np.nan},
        {"run": "b", "model": "t5-3b", "ours": "gpu_memory_peak_mib", "value": "OOM", "in_ours": np.nan},
        {"run": "c", "model": "t5-3b", "ours": "gpu_memory_peak_mib", "in_ours": 20480.0},
    )
    drawn = draw("training", summary(*trained("t5-small", "", 1, run="a", name="a")), {}, rows)
    axes = drawn.axes[0]
    places = {
        tuple(np.round(marks.get_offsets()[0], 3)): marks for marks in axes.collections if len(marks.get_offsets()) == 1
    }  # type: ignore[arg-type,index]
    assert (3.0, 10.0) in places and (20.1, 10.05) in places
    below = [place for place in places if place[1] < 0]
    assert {place[0] for place in below} >= {20.0}
    (out,) = [place for place in below if place[0] > 20.1]
    assert out[0] > max(tick for tick in axes.get_xticks())
    said = texts(drawn)
    assert "out of memory (OOM)" in said and "no time" in said and "no memory" not in said


def test_what_ran_out_of_memory_on_both_sides_says_so() -> None:
    run = {"task": "fine-tuning", "model": "t5-3b", "name": "b", "run": "b", "device": "cuda", "accelerators": "1"}
    alone = trained("t5-small", "", 1, run="a", name="a")
    oom = published({"run": "b", "model": "t5-3b", "ours": "gpu_memory_peak_mib", "value": "OOM", "in_ours": np.nan})
    said = "Out of memory here, and where it was published: t5-3b · 1 GPU."
    assert said in texts(draw("training", summary(*alone, failed("out-of-memory", **run)), {}, oom))
    assert said not in texts(draw("training", summary(*alone, failed("timeout", **run)), {}, oom))
