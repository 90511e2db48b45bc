"""What figures tell when one points at their marks: every value they draw, and nothing else of their files changes."""

import math
import re
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pandas as pd
import pytest
from cost_example import priced, published_row
from cost_example import published as priced_rows
from figure_examples import divided, published, trained
from matplotlib.figure import Figure
from summary_example import failed, measured, summary
from test_figures import FULL, beside, drawing
from test_figures_published import ALONE
from test_plot_comparison import drawn as drawn_comparison
from test_plot_comparison import full as full_comparison

from cotejo.figures import FIGURES, figure
from cotejo.figures.hover import (
    LEAST_HIT_PT,
    MOST_ALONG,
    MOST_HIT_PT,
    TOLD,
    one_line,
    some_of,
    tell,
    tell_along,
    tell_each,
)
from cotejo.figures.select import MOST_LABELS, entries, first_of, listed, note, sentence
from cotejo.figures.style import STYLES, applied, save
from cotejo.figures.traces import peaks_of
from cotejo.labels import metric_label, number
from cotejo.published.figures import LittlesLaw, ResponseTimes

STYLE = STYLES["full"]
SVG = "{http://www.w3.org/2000/svg}"
ODD = '<script>alert("&")</script>'
# What is told by kinds whose words aren't of the summary's rows alone.
OWN = {
    "steps": ["step 1: loss 9.20 nats (median of 3 repeats, 9.10 to 9.30), smoke", "step 12: time of a step 24.0 ms"],
    "telemetry": ["CPU cores used: 2.00 cores, a single reading, smoke, synthetic, small"],
    "latency_ecdf": [
        "cpu, 1 at once, all cores, local: Latency, median: 30.1 ms (95 % interval 29.4 to 30.9), smoke",
        "Latency, p99: 90.5 ms (95 % interval 88.2 to 92.7)",
        "99.2 % of the requests answered within 55.1 ms (median of 6 repeats), smoke",
    ],
    "cost_speed": [
        "openvino, int8, Own server: Throughput: 13.0 tokens/s (95 % interval 10.0 to 30.0) at 45.9 USD per million "
        "tokens (95 % interval 19.9 to 59.7), smoke, synthetic, small, n = 6",
    ],
    "break_even": [
        "break-even: 46 % of the time at work", "USD per million tokens, smoke", "Cloud instance, rented: 50.0 USD",
        "purchase price 30 % lower: break-even at ",
    ],
}  # fmt: skip
OF_RUN = ("task", "model", "name", "run", "accelerators", "split", "device")
NOTED = ("steps", "telemetry", "latency_ecdf", "cost_speed", "break_even")  # failures stand in the note alone


def saved(drawn: Figure, folder: Path, name: str = "a.svg") -> Path:
    with applied(STYLE):
        save(drawn, folder / name, Path(name).suffix.lstrip("."), "A title", "Words", dpi=60)
    return folder / name


def told(path: Path) -> list[str]:
    """What the marks of an SVG tell."""
    return [str(title.text) for title in ElementTree.parse(path).getroot().iter(f"{SVG}title")]


def said_in(words: str, row: Mapping[Any, Any]) -> bool:
    """Whether a kind's words tell a row: not each row of its example is of what it draws."""
    return f"{metric_label(row['metric'])}: " in words and f"{number(row['median'])} {row['unit']}" in words


def example(kind: str, rows: pd.DataFrame | None = None, **options: Any) -> Figure:
    with applied(STYLE):
        return drawing(kind, FULL[kind][0] if rows is None else rows, FULL[kind][1] | options)


@cache
def svg_of(kind: str) -> Path:
    """The example of a kind, saved."""
    return saved(example(kind), Path(tempfile.mkdtemp(prefix="cotejo-hover-")))


@pytest.mark.parametrize("kind", FIGURES)
class TestEveryKind:
    def test_every_value_is_told_with_its_unit_its_interval_and_its_worth(self, kind: str) -> None:
        said = told(svg_of(kind))
        for text in OWN.get(kind, ()):
            assert any(text in each for each in said), text
        words = figure(kind).describe(*FULL[kind], **beside(kind, FULL[kind][0]))
        rows = [] if kind in OWN else [row for row in FULL[kind][0].to_dict("records") if not math.isnan(row["median"])]
        told_in_words = [row for row in rows if said_in(words, row)]
        assert told_in_words or kind in OWN
        for row in told_in_words:
            value = f"{metric_label(row['metric'])}: {number(row['median'])} {row['unit']}"
            interval = "no interval: too few repeats"
            if not math.isnan(row["low"]):
                interval = f"95 % interval {number(row['low'])} to {number(row['high'])}"
            worth = f"{row['verdict']}, synthetic, small, n = {row['repeats']:.0f}"
            assert any(f"{value} ({interval}), {worth}" in each for each in said), (value, interval)

    def test_what_has_no_value_says_why(self, kind: str) -> None:
        said = told(svg_of(kind))
        assert any(re.search("failed: |no value: ", text) for text in said) or kind in NOTED

    def test_all_of_it_is_one_escaped_line_in_the_same_bytes_each_time(self, kind: str, tmp_path: Path) -> None:
        names = {"name": ODD, "model": ODD, "backend": ODD}
        drawn = [example(kind, FULL[kind][0].assign(**names), by=["name"]) for _ in range(2)]
        paths = [saved(each, tmp_path, f"{number_of}.svg") for number_of, each in enumerate(drawn)]
        assert paths[0].read_bytes() == paths[1].read_bytes()
        assert "<script" not in paths[0].read_text() and TOLD not in paths[0].read_text()
        said = told(paths[0])
        assert any(ODD in text for text in said) or kind == "break_even"
        assert all(text == one_line(text) for text in said)

    def test_titles_belong_to_marks_and_ids_to_one_element(self, kind: str) -> None:
        root = ElementTree.parse(svg_of(kind)).getroot()
        parents = [parent for parent in root.iter() if parent.find(f"{SVG}title") is not None]
        assert parents and {parent.tag for parent in parents} <= {f"{SVG}g", f"{SVG}circle"}
        assert all(parent[0].tag == f"{SVG}title" for parent in parents)
        ids = [element.attrib["id"] for element in root.iter() if "id" in element.attrib]
        assert len(ids) == len(set(ids))

    def test_titles_are_a_small_part_of_the_file(self, kind: str) -> None:
        path = svg_of(kind)
        assert sum(len(text) for text in told(path)) < 0.3 * path.stat().st_size


@pytest.mark.parametrize("kind", ALONE)
def test_published_values_say_whose_they_are(kind: str, tmp_path: Path) -> None:
    rows, options = ALONE[kind]
    with applied(STYLE):
        drawn = figure(kind).draw(summary(), options, STYLE, published=rows)
    said = [text for text in told(saved(drawn, tmp_path)) if text.startswith("published: MendietaF2: ")]
    for row in rows.to_dict("records"):
        assert any(f"{number(row['in_ours'])} " in text and "without an interval" in text for text in said)


def test_a_published_gap_and_single_passes_are_told(tmp_path: Path) -> None:
    passes = published({"in_ours": 11.0}, *({"statistic": f"iteration{n}", "in_ours": 10.0 + n} for n in (0, 2)))
    missing = published({"system": "x", "machine": "X", "value": "OOM", "in_ours": math.nan})
    with applied(STYLE):
        drawn = figure("bars").draw(
            summary(), {"metric": "tokens_per_s"}, STYLE, published=pd.concat([passes, missing], ignore_index=True)
        )
    said = told(saved(drawn, tmp_path))
    assert any("11.0 tokens/s, of 2 passes (10.0, 12.0), without an interval" in text for text in said)
    assert any(text.startswith("published: X: ") and text.endswith("out of memory") for text in said)


def test_a_published_rate_tells_its_cost(tmp_path: Path) -> None:
    cost = priced(summary(), published=priced_rows(published_row()))
    with applied(STYLE):
        drawn = figure("cost_speed").draw(summary(), {"metric": "requests_per_s"}, STYLE, cost=cost)
    (said,) = told(saved(drawn, tmp_path))
    assert said.startswith("published: ") and "12.5 requests/s at 0.0800 USD per 1,000 inferences" in said


def test_memory_that_did_not_suffice_is_told_on_both_sides(tmp_path: Path) -> None:
    rows = summary(failed("out-of-memory", **{k: v for k, v in trained("t5-3b", "", 1)[0].items() if k in OF_RUN}))
    oom = published({"ours": "train_s", "model": "t5-3b", "value": "OOM", "in_ours": math.nan})
    with applied(STYLE):
        drawn = figure("training").draw(rows, {}, STYLE, published=oom)
    said = told(saved(drawn, tmp_path))
    assert any("failed: out-of-memory" in text for text in said)
    assert any(text.startswith("published: ") and text.endswith("out of memory") for text in said)


def test_a_comparison_tells_ratios_both_sides_and_gaps(tmp_path: Path) -> None:
    said = told(saved(drawn_comparison(full_comparison()), tmp_path))
    assert len(said) == 7
    first = next(text for text in said if text.startswith("text-genai"))
    assert re.search(r"1\.30 times the baseline's speed \(95 % interval 1\.\d+ to 1\.\d+\), faster; baseline ", first)
    assert "(publishable, n = 6)" in first and "tokens/s" in first
    assert any("newly failed" in text or "parity" in text for text in said)


def test_the_published_page_s_own_figures_tell(tmp_path: Path) -> None:
    law = LittlesLaw({"cpu": [(1, 99.5), (4, 80.0)]})
    times = ResponseTimes({"cpu": [(0.0, 0.5, 3), (0.5, 1.0, 2)]}, {"cpu": {"p50": 0.4}})
    with applied(STYLE):
        drawn = [own.draw(STYLE) for own in (law, times)]
    assert told(saved(drawn[0], tmp_path)) == ["published: cpu, 1 at once: 99.5 %", "published: cpu, 4 at once: 80.0 %"]
    said = told(saved(drawn[1], tmp_path))
    assert "published: cpu: 3 requests took 0 to 0.5 s" in said and "published: cpu: p50 0.4 s" in said


class TestMechanism:
    def axes(self) -> Any:
        with applied(STYLE):
            axes = Figure(figsize=(4, 2), dpi=100).add_axes((0.1, 0.1, 0.8, 0.8))
        axes.set_xlim(0, 10)
        axes.set_ylim(0, 10)
        return axes

    def test_what_is_told_along_a_line_lies_on_it(self, tmp_path: Path) -> None:
        axes = self.axes()
        (line,) = axes.plot([0, 5, 10], [0, 5, 0], marker="o")
        tell_each(line, ["a", "b", "c"])
        (bare,) = axes.plot([0, 5, 10], [0, 5, 0])
        tell_along(bare, {1: "on it"})
        root = ElementTree.parse(saved(axes.figure, tmp_path)).getroot()
        places = {
            str(circle[0].text): [float(circle.attrib[key]) for key in ("cx", "cy")]
            for circle in root.iter(f"{SVG}circle")
        }
        width, height = 4 * 72, 2 * 72
        assert places["on it"] == pytest.approx(places["b"], abs=0.02) == [0.5 * width, 0.5 * height]
        assert places["a"] == pytest.approx([0.1 * width, 0.9 * height], abs=0.02)

    def test_what_lies_over_a_mark_lets_the_pointer_through_and_texts_do_not(self, tmp_path: Path) -> None:
        axes = self.axes()
        tell(axes.scatter([5], [5]), "a mark")
        axes.plot([0, 10], [5, 5])
        axes.text(5, 5, "a text")
        root = ElementTree.parse(saved(axes.figure, tmp_path)).getroot()
        passed = {
            element.get("id", "").partition("_")[0] for element in root.iter() if "pointer-events" in element.attrib
        }
        assert passed == {"", "line2d", "patch"}  # the one without a name is the circle around the mark
        assert next(iter(root.iter(f"{SVG}circle"))).attrib["pointer-events"] == "all"

    @pytest.mark.parametrize("form", ["png", "pdf"])
    def test_other_forms_stay_as_they_are(self, form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        paths = []
        for name in ("telling", "silent"):
            axes = self.axes()
            tell(axes.scatter([5], [5]), "a mark")
            tell(axes.barh(3, 5)[0], "a bar")
            tell(axes.text(5, 8, "a text"), "a gap")
            tell_each(axes.plot([0, 5], [0, 5], marker="o")[0], ["a", "b"])
            tell_along(axes.plot([0, 5], [5, 0])[0], {0: "a place"})
            paths.append(saved(axes.figure, tmp_path, f"{name}.{form}"))
            monkeypatch.setattr("cotejo.figures.hover._keep", lambda artist, **said: None)
        assert paths[0].read_bytes() == paths[1].read_bytes()

    def test_no_circle_covers_another_s_middle(self, tmp_path: Path) -> None:
        axes = self.axes()
        for x in (1.0, 1.1, 9.0):  # 0.1 is 2.3 points here
            tell(axes.scatter([x], [5]), str(x))
        root = ElementTree.parse(saved(axes.figure, tmp_path)).getroot()
        radii = [float(circle.attrib["r"]) for circle in root.iter(f"{SVG}circle")]
        assert radii == [LEAST_HIT_PT, LEAST_HIT_PT, MOST_HIT_PT]

    def test_two_marks_may_say_the_same(self, tmp_path: Path) -> None:
        axes = self.axes()
        for height in (1, 2):
            tell_along(axes.plot([0, 10], [height, height])[0], {0: "the same"})
        root = ElementTree.parse(saved(axes.figure, tmp_path)).getroot()
        assert len({circle.attrib["cy"] for circle in root.iter(f"{SVG}circle")}) == 2

    @pytest.mark.filterwarnings("ignore:Glyph")
    def test_what_no_xml_may_hold_is_left_out(self, tmp_path: Path) -> None:
        axes = self.axes()
        axes.set_title("odd \x1b[31m")
        tell(axes.scatter([5], [5]), "red \x1b[31m\n and \u00a0 new lines\x00")
        assert told(saved(axes.figure, tmp_path)) == ["red [31m and new lines"]

    def test_some_of_many_places_with_the_first_and_the_last(self) -> None:
        assert list(some_of(0)) == [] and list(some_of(1)) == [0] and list(some_of(3)) == [0, 1, 2]
        some = list(some_of(1000))
        assert len(some) == len(set(some)) == MOST_ALONG and some[0] == 0 and some[-1] == 999

    def test_of_readings_the_peaks_are_told(self) -> None:
        assert peaks_of([0, 5, 1, 1, 9, 2], 2) == [1, 4] and peaks_of([], 3) == []


def runs(count: int) -> pd.DataFrame:
    return summary(*(measured([10.0 + n] * 6, name=f"run-{n}", run=f"run-{n}") for n in range(count)))


class TestRoom:
    """A study of very many runs: its figures stay readable, and say what they leave out."""

    def test_the_first_are_drawn_and_the_note_says_so(self) -> None:
        rows, options = runs(1000), {"metric": "tokens_per_s", "by": ["name"]}
        found = entries(rows, options, ["tokens_per_s"])
        assert [entry.label for entry in found] == [f"run-{n}" for n in range(MOST_LABELS)]
        assert "900 more are not: all are in summary.csv" in note(found, options, "Bar")
        assert "and 900 more, which the figure leaves out." in sentence(found, "tokens_per_s")
        assert "more are not" not in note(entries(runs(100), options, ["tokens_per_s"]), options, "Bar")

    def test_a_figure_of_a_thousand_runs_is_small(self, tmp_path: Path) -> None:
        path = saved(example("bars", runs(1000), by=["name"]), tmp_path)
        assert path.stat().st_size < 1_000_000
        assert len(told(path)) == MOST_LABELS

    def test_few_enough_lose_nothing(self) -> None:
        found = entries(runs(3), {"by": ["name"]}, ["tokens_per_s"])
        assert first_of(found, 3, lambda entry: entry.label) == found
        assert [entry.left_out for entry in first_of(found, 1, lambda entry: entry.label)] == [2]

    def test_names_beyond_what_one_reads_are_counted(self) -> None:
        assert listed("abc") == "a, b, c"
        assert listed(map(str, range(1030))).endswith("18, 19 and 1,010 more")

    def test_lines_are_no_more_than_can_be_told_apart(self) -> None:
        rows = summary(*(divided(1 + n % 2, "requests_per_s", 5.0, name=f"n{n}", client=f"c{n}") for n in range(80)))
        with applied(STYLE):
            drawn = figure("accelerators").draw(
                rows, {"metrics": ["requests_per_s"]}, STYLE, published=published().iloc[:0]
            )
        assert len({(line.get_color(), tuple(map(tuple, line.get_xydata()))) for line in drawn.axes[0].lines}) <= 36
        assert any("44 more are not" in text.get_text() for text in drawn.texts)
