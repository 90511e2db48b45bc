import json
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import matplotlib.colors
import numpy as np
import pandas as pd
import pytest
from cost_example import priced
from figure_examples import EXAMPLES, asked_for, divided, on_gpus, records, trained
from jsonschema import Draft202012Validator
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.text import Text
from summary_example import (
    distributions,
    failed,
    measured,
    not_measured,
    served,
    stage,
    summary,
    without_value,
)

from cotejo.command import ROOT
from cotejo.figures import FIGURES, figure
from cotejo.figures.inputs import read_inputs
from cotejo.figures.select import entries
from cotejo.figures.style import PALETTE, STYLES, applied, save

TOKENS = {"metric": "tokens_per_s"}
SIX = [10.0, 11.0, 12.0, 14.0, 15.0, 30.0]
STAGES = ("decode", "preprocess", "inference", "postprocess", "encode")

TORCH_FAILED = {
    "backend": "pytorch", "verdict": "failed", "reasons": "killed", "level": "", "metric": "", "median": float("nan"),
    "values": "",
}  # fmt: skip

OF_LEVELS = ("throughput_latency", "tokens", "latency_ecdf", "queue_compute")
SERVED = {"server": "triton", "client": "cotejo", "task": "image-captioning", "name": "gpu"}
NAMED = {"by": ["name"]}


def level_rows(level: float, **changes: Any) -> list[dict[str, Any]]:
    """Every metric that the figures of levels draw, of one level of a run of a server."""
    values = {
        "requests_per_s": 20.0, "latency_p50_ms": 30.0, "latency_p99_ms": 90.0,
        "ttft_p50_ms": 20.0, "tpot_p50_ms": 30.0, "queue_ms": 20.0, "compute_ms": 30.0,
    }  # fmt: skip
    return [served(metric, value, level, **changes) for metric, value in values.items()]


def blank_level(level: float, **changes: Any) -> dict[str, Any]:
    row = served("requests_per_s", 1.0, level, **changes)
    return without_value({**row, "metric": ""}, "no request succeeded", "failed")


LEVELS = summary(
    *level_rows(1),
    *level_rows(4),
    without_value(served("latency_p99_ms", 1.0, 8), "samples 120 < 459 for p99; repeats 3 < 6"),
    *level_rows(1, name="gpu", run="gpu", verdict="publishable"),
    blank_level(4, name="gpu", run="gpu"),
    failed("server-died", **{**SERVED, "name": "tensorrt", "run": "tensorrt"}),
)

COSTED = summary(
    measured(SIX, system="own"),
    measured([20.0] * 6, system="cloud", verdict="publishable", reasons=""),
    measured([4.0] * 6, system="own", precision="fp16"),
    failed(system="own", precision="int4"),
)

# One summary for each kind that shows all that the kind can show.
FULL: dict[str, tuple[pd.DataFrame, dict[str, Any]]] = {
    "bars": (
        summary(
            measured(SIX, cores="1", cpus=1.0),
            measured([20.0] * 6, verdict="publishable", reasons=""),
            measured([25.0, 26.0], backend="openvino-genai", reasons="repeats 2 < 6"),
            failed(backend="openvino-genai", precision="int4"),
            not_measured(backend="pytorch", precision="fp32"),
        ),
        {**TOKENS, "title": "Text generation by backend and precision, on every system that was measured so far"},
    ),
    "scaling": (
        summary(
            measured([10.0] * 6, cores="1", cpus=1.0),
            measured([18.0] * 6, cores="2", verdict="publishable", reasons=""),
            measured([30.0] * 6, cores="all", cpus=8.0),
            measured([12.0] * 6, backend="openvino-genai", cores="1", cpus=1.0),
            failed("out-of-memory", backend="openvino-genai", cores="2"),
            measured([40.0] * 6, backend="openvino-genai", cores="all", cpus=8.0),
            not_measured(backend="pytorch", precision="fp32"),
        ),
        TOKENS,
    ),
    "stages": (
        summary(
            *(stage(name, 4.0 + place) for place, name in enumerate(STAGES)),
            *(
                stage(name, 5.0 + place, backend="onnxruntime", verdict="publishable")
                for place, name in enumerate(STAGES)
            ),
            stage("inference", 31.0, level="inference"),
            {**stage("decode", 1.0), **TORCH_FAILED},
        ),
        {},
    ),
    **dict.fromkeys(OF_LEVELS, (LEVELS, NAMED)),
    "cost_speed": (COSTED, TOKENS),
    "break_even": (COSTED, {"owned": "own", "rented": "cloud"}),
    **EXAMPLES,
}
# Kinds that show what went on over time or steps, with no mark for a median that could be solid.
UNJUDGED = ("telemetry", "steps")


def beside(kind: str, rows: pd.DataFrame) -> dict[str, Any]:
    """What a kind draws beside these rows."""
    names = getattr(figure(kind), "INPUTS", ())
    nothing = read_inputs(names, {**dict.fromkeys(names), "summary": None}, {})
    if "distributions" in names:
        nothing["distributions"] = distributions(rows.to_dict("records"))
    if "cost" in names:
        nothing["cost"] = priced(rows)
    if "records" in names:
        nothing["records"] = records()
    return nothing


def drawing(kind: str, rows: pd.DataFrame, options: dict[str, Any], width: str = "full") -> Figure:
    module = figure(kind)
    return module.draw(rows, options, STYLES[width], **beside(kind, rows))


def draw(kind: str, rows: pd.DataFrame, options: dict[str, Any], width: str = "full") -> Figure:
    with applied(STYLES[width]):
        drawn = drawing(kind, rows, options, width)
        drawn.draw_without_rendering()
    return drawn


def texts(drawn: Figure) -> list[str]:
    found = [artist.get_text() for artist in drawn.findobj(Text) if isinstance(artist, Text) and artist.get_visible()]
    return [text.replace("\u00a0", " ") for text in found if text.strip()]


def bars(drawn: Figure) -> list[Rectangle]:
    return [patch for patch in drawn.axes[0].patches if isinstance(patch, Rectangle)]


def labels(rows: pd.DataFrame, **options: Any) -> list[str]:
    return [entry.label.replace("\u00a0", " ") for entry in entries(rows, {**TOKENS, **options}, ["tokens_per_s"])]


@pytest.mark.parametrize("width", STYLES)
@pytest.mark.parametrize("kind", FIGURES)
class TestEveryKind:
    def test_no_text_leaves_the_canvas(self, kind: str, width: str) -> None:
        drawn = draw(kind, *FULL[kind], width)
        box, (width_in, height_in) = drawn.get_tightbbox(), drawn.get_size_inches()
        assert box.x0 >= 0 and box.x1 <= width_in
        assert box.y0 >= 0 and box.y1 <= height_in

    def test_failures_and_marks_are_said(self, kind: str, width: str) -> None:
        said = " ".join(texts(draw(kind, *FULL[kind], width))).replace("\n", " ")
        assert "failed: " in said
        assert "small scale" in said and "ynthetic weights" in said
        assert "smoke (not publishable)" in said
        assert "better" in said or kind in UNJUDGED

    def test_missing_data_is_drawn(self, kind: str, width: str) -> None:
        options = FULL[kind][1]
        for rows in (summary(), summary(not_measured()), summary(failed())):
            assert any(text.startswith("no data: ") for text in texts(draw(kind, rows, options, width)))

    def test_its_width_is_the_printed_one(self, kind: str, width: str) -> None:
        assert draw(kind, *FULL[kind], width).get_size_inches()[0] == {"column": 3.5, "full": 7}[width]


@pytest.mark.parametrize("word", ["noisy", "unsteady", "smoke", "publishable"])
@pytest.mark.parametrize("kind", [kind for kind in FIGURES if kind not in UNJUDGED])
def test_only_what_is_publishable_is_solid_and_the_word_is_said(kind: str, word: str) -> None:
    rows = {
        "stages": [stage(name, 4.0) for name in STAGES],
        **{kind: [*level_rows(1), *level_rows(4)] for kind in OF_LEVELS},
        "break_even": [measured(SIX, system="own"), measured(SIX, system="cloud")],
        "placements": [on_gpus(1, 20.0), on_gpus(2, 30.0)],
        "accelerators": [divided(count, "requests_per_s", 20.0) for count in (1, 2)],
        "percentiles": [*asked_for(50, 20.0), *asked_for(90, 30.0)],
        "training": trained("t5-small", "", 1),
    }.get(kind, [measured(SIX, cores="2"), measured(SIX)])
    drawn = draw(kind, summary(*({**row, "verdict": word} for row in rows)), FULL[kind][1])
    if kind in ("bars", "stages", "queue_compute", "placements"):
        faces = [bar.get_facecolor() for bar in bars(drawn)]
        assert {bool(bar.get_hatch()) for bar in bars(drawn)} == {word != "publishable"}
    else:
        drawn_marks = [marks for axes in drawn.axes for marks in axes.collections]
        medians = [marks for marks in drawn_marks if list(getattr(marks, "get_sizes", list)()) == [30]]
        faces = [face for marks in medians for face in marks.get_facecolor()]
    assert faces and all((matplotlib.colors.to_hex(face) == "#ffffff") == (word != "publishable") for face in faces)
    assert any(f"{word} (not publishable)" in text for text in texts(drawn)) == (word != "publishable")


@pytest.mark.parametrize("kind", FIGURES)
def test_svg_is_the_same_each_time_and_keeps_its_text(kind: str, tmp_path: Path) -> None:
    paths = [tmp_path / "a.svg", tmp_path / "b.svg"]
    for path in paths:
        with applied(STYLES["full"]):
            save(drawing(kind, *FULL[kind]), path, "svg", "A title")
    assert paths[0].read_bytes() == paths[1].read_bytes()
    svg = paths[0].read_text()
    assert "<text" in svg and ("is better" in svg or kind in UNJUDGED)
    assert "<dc:date>" not in svg


@pytest.mark.parametrize("kind", FIGURES)
def test_any_text_is_only_text(kind: str, tmp_path: Path) -> None:
    rows, options = FULL[kind]
    odd = "<b> & $x^ _ {{ 1 }} \\frac$"
    drawn = draw(kind, rows.assign(model=odd), {**options, "title": odd})
    assert sum(odd in text for text in texts(drawn)) >= 2
    save(drawn, tmp_path / "a.svg", "svg", odd)
    assert ElementTree.parse(tmp_path / "a.svg").getroot().tag.endswith("svg")


@pytest.mark.parametrize("kind", FIGURES)
def test_its_words_name_every_value_and_gap(kind: str) -> None:
    said = figure(kind).describe(*FULL[kind], **beside(kind, FULL[kind][0]))
    assert "failed: " in said
    assert "(smoke)" in said or kind in UNJUDGED
    values = {"scaling": ["30.0"], "bars": ["20.0"], "stages": ["4.00", "9.00"], "latency_ecdf": ["30.1", "90.5"],
              "cost_speed": ["13.0", "20.0"], "break_even": ["13.0", "20.0"],
              "training": ["603", "20,582"], "telemetry": ["median 2.00"],
              "steps": ["loss 9.20 to 8.10", "13.0 ms", "8.70 to 7.60"]}  # fmt: skip
    for value in values.get(kind, ["20.1", "30.1"]):
        assert value in said


@pytest.mark.parametrize("kind", FIGURES)
def test_its_options_are_a_schema(kind: str) -> None:
    module = figure(kind)
    rule = {"type": "object", "additionalProperties": False, "properties": module.OPTIONS}
    Draft202012Validator.check_schema(rule)
    valid = Draft202012Validator(rule)
    by = {"by": ["model"]} if "by" in module.OPTIONS else {}
    assert valid.is_valid({"where": {"task": "text-generation", "cores": [1, "all"]}, "width": "column", **by})
    assert not valid.is_valid({"where": {"colour": "red"}})
    assert not valid.is_valid({"by": ["colour"]})
    assert set(getattr(module, "REQUIRED", ())) <= set(module.OPTIONS)
    assert all(option["description"] for option in module.OPTIONS.values())
    assert module.TITLE


def test_importing_a_kind_is_cheap() -> None:
    """Snakemake reads OPTIONS at each start: no plotting library may be loaded for that."""
    code = "import sys, cotejo.figures as f; [f.figure(k) for k in f.FIGURES]; print(*sorted(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT / "scripts"
    )
    assert not {"matplotlib", "pandas", "scipy"} & set(done.stdout.split())


def test_palette_is_told_apart_without_red_or_green() -> None:
    """Simulated deuteranopia (Machado 2009, severity 1): no two colours come to lie close together in CIELAB."""
    machado = np.array([[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]])
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])

    def lab(colour: str) -> np.ndarray:
        srgb = np.array(matplotlib.colors.to_rgb(colour))
        linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
        x, y, z = np.cbrt(np.clip(to_xyz @ np.clip(machado @ linear, 0, 1), 1e-6, None) / [0.9505, 1.0, 1.089])
        return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])

    seen = [lab(colour) for colour in PALETTE]
    apart = [np.linalg.norm(a - b) for place, a in enumerate(seen) for b in seen[:place]]
    assert min(apart) > 10


class TestEntries:
    def test_labels_have_the_columns_asked_for(self) -> None:
        rows = summary(measured(SIX), measured(SIX, backend="pytorch"))
        assert labels(rows) == ["openvino · int8", "pytorch · int8"]
        assert labels(rows, by=["model", "backend"])[0] == "tinyllama-1.1b-chat · openvino"

    def test_what_differs_is_never_hidden(self) -> None:
        rows = summary(measured(SIX), measured(SIX, backend="pytorch", cores="1"), measured(SIX, system="edge"))
        assert labels(rows) == ["openvino · int8 · local · all cores", "pytorch · int8 · local · 1 core",
                                "openvino · int8 · edge · all cores"]  # fmt: skip

    def test_what_comes_from_elsewhere_says_so(self) -> None:
        rows = summary(measured(SIX), measured(SIX, origin="lab-a30"), not_measured(precision="int4"))
        assert labels(rows) == ["openvino · int8", "openvino · int8 · from lab-a30", "openvino · int4"]

    def test_one_origin_is_named_once_below(self) -> None:
        lab, own = measured(SIX, origin="lab-a30"), measured(SIX)
        assert labels(summary(lab, failed(origin="lab-a30", precision="int4"))) == [
            "openvino · int8",
            "openvino · int4",
        ]
        assert any("local · from lab-a30" in text for text in texts(draw("bars", summary(lab), TOKENS)))
        assert not any("from" in text for text in texts(draw("bars", summary(own), TOKENS)))

    def test_equal_settings_in_unlike_environments_are_told_apart(self) -> None:
        rows = summary(measured(SIX), measured(SIX, environment="fedcba"))
        assert labels(rows) == ["openvino · int8 · environment abcdef", "openvino · int8 · environment fedcba"]

    def test_unlike_code_alone_is_not_shown(self) -> None:
        rows = summary(measured(SIX), measured(SIX, backend="pytorch", environment="fedcba"))
        assert labels(rows) == ["openvino · int8", "pytorch · int8"]

    def test_nodes_and_processes_that_only_some_have_are_not_said_of_all(self) -> None:
        two = {"processes": "2", "split": "zero1", "name": "two", "run": "two"}
        some = texts(draw("bars", summary(measured(SIX), measured(SIX, **two)), TOKENS))
        assert not any("· 2 processes ·" in text for text in some)
        assert any("2 processes" in text for text in texts(draw("bars", summary(measured(SIX, **two)), TOKENS)))

    def test_where_takes_values_and_lists(self) -> None:
        rows = summary(measured(SIX, cores="1"), measured(SIX, cores="2"), measured(SIX, cores="all"))
        assert len(labels(rows, where={"cores": 1})) == 1
        assert len(labels(rows, where={"cores": [1, "all"]})) == 2
        assert labels(rows, where={"name": "other"}) == []

    def test_a_failed_run_of_another_task_is_not_shown(self) -> None:
        rows = summary(measured(SIX), failed(task="video-segmentation", model="yolov8n-seg"))
        assert len(labels(rows)) == 1

    def test_a_failed_run_of_the_task_is_shown_at_any_level(self) -> None:
        rows = summary(measured(SIX), failed(precision="int4"))
        assert labels(rows, where={"level": "single-stream"}) == ["openvino · int8", "openvino · int4"]

    def test_a_blank_value_says_why(self) -> None:
        blank = measured(SIX) | {"median": np.nan, "values": "", "reasons": "samples 12 < 44 for p90; repeats 3 < 6"}
        (entry,) = entries(summary(blank), TOKENS, ["tokens_per_s"])
        assert entry.gap == "no value: samples 12 < 44 for p90"


class TestBars:
    def test_bars_whiskers_and_dots_are_the_data(self) -> None:
        axes = draw("bars", summary(measured(SIX)), TOKENS).axes[0]
        (bar,) = [patch for patch in axes.patches if isinstance(patch, Rectangle)]
        assert (bar.get_x(), bar.get_width()) == (0, 13)
        ((low, high),) = [path.vertices[:, 0] for lines in axes.collections[:1] for path in lines.get_paths()]
        assert (low, high) == (10, 30)
        assert sorted(axes.collections[1].get_offsets()[:, 0]) == SIX

    def test_only_publishable_bars_are_solid(self) -> None:
        smoke, good, *_ = bars(draw("bars", *FULL["bars"]))
        assert smoke.get_hatch() and matplotlib.colors.to_hex(smoke.get_facecolor()) == "#ffffff"
        assert not good.get_hatch() and matplotlib.colors.to_hex(good.get_facecolor()) == PALETTE[0].lower()

    def test_gaps_stand_in_their_places(self) -> None:
        drawn = draw("bars", *FULL["bars"])
        assert [tick.get_text().replace("\u00a0", " ") for tick in drawn.axes[0].get_yticklabels()] == [
            "openvino · int8 · 1 core", "openvino · int8 · all cores", "openvino-genai · int8 · all cores",
            "openvino-genai · int4 · all cores", "pytorch · fp32 · all cores",
        ]  # fmt: skip
        places = {text.get_text(): text.xy[1] for text in drawn.axes[0].texts}  # type: ignore[attr-defined]
        assert places["✗ failed: parity"] == drawn.axes[0].get_yticks()[3]
        assert places["not measured"] == drawn.axes[0].get_yticks()[4]

    def test_n_is_said_once_where_equal_and_at_each_bar_where_not(self) -> None:
        equal = texts(draw("bars", summary(measured(SIX), measured(SIX, backend="pytorch")), TOKENS))
        assert any("median of n = 6 repeats" in text for text in equal)
        assert "13.0" in equal
        assert "25.5 (n = 2)" in texts(draw("bars", *FULL["bars"]))

    def test_no_interval_is_claimed_without_one(self) -> None:
        said = " ".join(texts(draw("bars", summary(measured([1.0, 2.0])), TOKENS)))
        assert "too few for an interval" in said and "whisker" not in said
        both = " ".join(texts(draw("bars", summary(measured([1.0, 2.0]), measured(SIX, precision="int4")), TOKENS)))
        assert "interval of the median where there are six" in both.replace("\n", " ")

    def test_values_beside_bars_stay_inside(self) -> None:
        axes = draw("bars", summary(measured([1234567.0] * 6)), TOKENS, "column").axes[0]
        assert axes.texts[0].get_window_extent().x1 <= axes.get_window_extent().x1

    def test_a_value_of_zero_is_drawn(self) -> None:
        assert "0" in texts(draw("bars", summary(measured([0.0] * 6)), TOKENS))

    def test_a_failed_repeat_is_said_under_its_figure(self) -> None:
        rows = summary(measured(SIX[:5], reasons="repeats 5 < 6; 1 of 6 repeats failed: killed"))
        assert any(
            "openvino · int8: 1 of 6 repeats failed: killed." in text for text in texts(draw("bars", rows, TOKENS))
        )


class TestScaling:
    def test_points_lie_at_the_cores_that_were_pinned(self) -> None:
        axes = draw("scaling", *FULL["scaling"]).axes[0]
        lines = [
            line.get_xydata().tolist()
            for line in axes.lines
            if line.get_linestyle() == "-" and len(line.get_xdata()) > 2
        ]
        assert lines[0] == [[1, 10], [2, 18], [8, 30]]

    @pytest.mark.parametrize("width", STYLES)
    def test_everything_drawn_lies_inside_the_axes(self, width: str) -> None:
        axes = draw("scaling", *FULL["scaling"], width).axes[0]
        (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
        for line in axes.lines:
            for x, y in line.get_xydata():
                assert left < x < right and (bottom < y < top or np.isnan(y))
        assert top > 12 / 1 * 8, "the ideal of the faster line"

    def test_a_line_breaks_where_a_run_failed(self) -> None:
        axes = draw("scaling", *FULL["scaling"]).axes[0]
        (broken,) = [line for line in axes.lines if np.isnan(np.asarray(line.get_ydata(), dtype=float)).any()]
        assert list(broken.get_xdata()) == [1, 2, 8]
        assert np.isnan(broken.get_ydata()[1])

    @pytest.mark.parametrize(("better", "last"), [("higher", 80.0), ("lower", 1.25)])
    def test_the_ideal_is_in_proportion(self, better: str, last: float) -> None:
        rows = [measured([10.0] * 6, cores=str(n), cpus=float(n), better=better) for n in (1, 8)]
        axes = draw("scaling", summary(*rows), TOKENS).axes[0]
        (ideal,) = [line for line in axes.lines if line.get_linestyle() == ":"]
        assert ideal.get_ydata()[-1] == pytest.approx(last)

    def test_failures_stand_below_zero_at_their_cores(self) -> None:
        axes = draw("scaling", *FULL["scaling"]).axes[0]
        (gap,) = [text for text in axes.texts if "failed" in text.get_text()]
        x, y = gap.xy  # type: ignore[attr-defined]
        assert x == 2 and y < 0
        assert min(axes.get_yticks()) == 0

    def test_a_run_at_unknown_cores_is_named_below(self) -> None:
        assert any(
            "pytorch · fp32, all cores: not measured." in text for text in texts(draw("scaling", *FULL["scaling"]))
        )

    def test_one_number_of_cores_claims_no_ideal(self) -> None:
        assert not any("in proportion" in text for text in texts(draw("scaling", summary(measured(SIX)), TOKENS)))
        lacking = summary(measured(SIX, cores="2"), failed(cores="1", cpus=1.0))
        assert not any("in proportion" in text for text in texts(draw("scaling", lacking, TOKENS)))

    def test_more_lines_than_colours_are_told_apart(self) -> None:
        rows = [measured(SIX, backend=f"b{n}", cores=cores) for n in range(36) for cores in ("1", "2")]
        drawn = draw("scaling", summary(*rows), TOKENS)
        marks = [marks for marks in drawn.axes[0].collections if list(getattr(marks, "get_sizes", list)()) == [30]]
        looks = {
            (matplotlib.colors.to_hex(mark.get_edgecolor()[0]), str(mark.get_paths()[0].vertices.tolist()))
            for mark in marks
        }  # type: ignore[index]
        assert len(looks) == 36


class TestStages:
    def test_stages_come_in_order_from_the_whole_pipeline(self) -> None:
        drawn = draw("stages", *FULL["stages"])
        ticks = [tick.get_text() for tick in drawn.axes[0].get_yticklabels()]
        assert ticks == ["Decode", "Preprocess", "Inference", "Postprocess", "Encode", "pytorch · fp32"]
        assert sorted(bar.get_width() for bar in bars(drawn)) == [4, 5, 5, 6, 6, 7, 7, 8, 8, 9]

    def test_bars_of_one_stage_lie_within_it(self) -> None:
        for bar in bars(draw("stages", *FULL["stages"])):
            assert abs(bar.get_y() + bar.get_height() / 2 - round(bar.get_y() + bar.get_height() / 2)) < 0.5

    def test_other_stages_can_be_asked_for(self) -> None:
        drawn = draw("stages", *FULL["stages"][:1], {"stages": ["encode", "decode"]})
        assert [tick.get_text() for tick in drawn.axes[0].get_yticklabels()][:2] == ["Encode", "Decode"]

    def test_its_default_is_what_the_video_task_measures(self) -> None:
        from cotejo.figures.stages import STAGES as drawn_stages
        from cotejo.tasks.video_segmentation import STAGES as measured_stages

        assert drawn_stages == measured_stages


class TestLevels:
    def test_a_line_breaks_where_a_level_failed_and_the_reason_is_said_below(self) -> None:
        rows = [*level_rows(1), blank_level(2), *level_rows(4)]
        drawn = draw("throughput_latency", summary(*rows), NAMED)
        (line,) = [line for line in drawn.axes[1].lines if len(line.get_xdata()) == 3]
        assert list(line.get_xdata()) == [1, 2, 4]
        assert list(np.isnan(np.asarray(line.get_ydata(), dtype=float))) == [False, True, False]
        assert any(text.startswith("cpu · 2 at once: failed: no request succeeded.") for text in texts(drawn))

    def test_a_percentile_below_its_floor_is_named_once_for_all_that_lack_it(self) -> None:
        blank = [without_value(served("latency_p99_ms", 1.0, n), "samples 9 < 459 for p99") for n in (1, 4)]
        rows = [row for n in (1, 4) for row in level_rows(n) if row["metric"] != "latency_p99_ms"]
        said = texts(draw("throughput_latency", summary(*rows, *blank), NAMED))
        reason = "cpu · 1 at once, cpu · 4 at once: Latency, p99: no value: samples 9 < 459 for p99."
        assert any(reason in text.replace("\n", " ") for text in said)

    @pytest.mark.parametrize("kind", OF_LEVELS[:3])
    @pytest.mark.parametrize("width", STYLES)
    def test_closed_and_open_loads_never_share_axes(self, kind: str, width: str) -> None:
        rows = summary(*level_rows(1), *level_rows(4), *level_rows(2.5, load="open", run="open"))
        panels = [axes for axes in draw(kind, rows, NAMED, width).axes if axes.get_ylabel()]
        loads = [{load for load in ("closed", "open") if f"{load} loop" in label.replace("\u00a0", " ")}
                 for label in (axes.get_xlabel() + axes.get_ylabel() for axes in panels)]  # fmt: skip
        assert all(len(found) == 1 for found in loads) and set.union(*loads) == {"closed", "open"}
        box = draw(kind, rows, NAMED, width).get_tightbbox()
        assert box.x0 >= 0 and box.x1 <= {"column": 3.5, "full": 7}[width]

    def test_in_process_runs_are_not_among_servers(self) -> None:
        said = texts(draw("throughput_latency", summary(*level_rows(1), measured(SIX, metric="requests_per_s")), NAMED))
        assert "cpu" in said
        assert not any(text.startswith("text") for text in said)

    def test_stand_ins_and_identical_inputs_are_named(self) -> None:
        said = " ".join(texts(draw("tokens", summary(*level_rows(1, marks="stand-in; identical-inputs")), NAMED)))
        assert "stand-in that imitates the server" in said.replace("\n", " ")
        assert "dentical inputs (one request over and over" in said.replace("\n", " ")

    def test_more_lines_than_colours_are_told_apart(self) -> None:
        from cotejo.figures.levels import looks_of

        rows = summary(*(served("requests_per_s", 1.0, 1, name=f"run-{n}", run=f"run-{n}") for n in range(20)))
        looks = looks_of(entries(rows, NAMED, ["requests_per_s"]))
        assert len(set(looks.values())) == len(looks) == 20

    def test_a_curve_ends_where_its_samples_do(self) -> None:
        axes = next(axes for axes in draw("latency_ecdf", LEVELS, NAMED).axes if axes.lines)
        assert max(max(line.get_ydata()) for line in axes.lines) == pytest.approx(99.2)

    def test_the_queue_stands_above_the_computing_of_its_level(self) -> None:
        drawn = bars(draw("queue_compute", summary(*level_rows(1), *level_rows(4)), NAMED))
        assert [bar.get_width() for bar in drawn] == pytest.approx([20.1, 30.15, 20.1, 30.15])
        assert [bar.get_y() for bar in drawn] == sorted(bar.get_y() for bar in drawn)


def plot(tmp_path: Path, entry: dict[str, Any]) -> subprocess.CompletedProcess[str]:
    rows, _ = FULL[entry["kind"]] if entry["kind"] in FULL else FULL["bars"]
    rows.to_csv(tmp_path / "summary.csv", index=False)
    outputs = [str(tmp_path / "x.svg"), str(tmp_path / "x.png")]
    command = [sys.executable, str(ROOT / "scripts/plot_figure.py"), "--summary", str(tmp_path / "summary.csv")]
    return subprocess.run(
        [*command, "--figure", json.dumps(entry), "--output", *outputs], capture_output=True, text=True, check=False
    )


def test_the_command_draws_both_files(tmp_path: Path) -> None:
    assert plot(tmp_path, {"kind": "bars", "name": "x", "width": "column", **TOKENS}).returncode == 0
    assert (tmp_path / "x.svg").read_text().startswith("<?xml")
    assert (tmp_path / "x.png").read_bytes().startswith(b"\x89PNG")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["summary.csv", "x.png", "x.svg"]


def test_the_command_asks_for_the_distributions_that_a_kind_draws(tmp_path: Path) -> None:
    done = plot(tmp_path, {"kind": "latency_ecdf", "name": "x"})
    assert done.returncode == 1
    assert done.stderr == (
        "error: --distributions: missing, but this kind draws them beside the summary. Give distributions.csv\n"
    )


def test_the_command_refuses_an_unknown_kind(tmp_path: Path) -> None:
    done = plot(tmp_path, {"kind": "bar", "name": "x", **TOKENS})
    assert done.returncode == 1
    assert done.stderr == "error: --figure: kind: bar: no kind. Did you mean 'bars'?\n"
