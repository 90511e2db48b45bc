import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pandas as pd
import pytest
from matplotlib.collections import PathCollection
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.text import Text
from results_example import TOKENS, results, table, times
from summary_example import failed, measured

from cotejo.command import ROOT
from cotejo.figures.comparison import LOOKS, draw
from cotejo.figures.style import MUTED, STYLES, applied

TIME = {"metric": "real_time_factor", "unit": "s/s", "better": "lower"}
WORTHY = {"verdict": "publishable", "reasons": ""}


def full() -> pd.DataFrame:
    """A comparison that has every kind of row, of two machines."""
    cloud = {"system": "cloud", "environment": "123456"}
    before = [
        measured(TOKENS, run="a", name="text-genai", **WORTHY),
        measured(times(1, (0.1, 0.11, 0.12, 0.13)), run="b", name="speech", model="whisper-base", **WORTHY, **TIME),
        measured(TOKENS, run="c", name="text-optimum", backend="openvino-genai"),
        measured(TOKENS, run="d", name="few"),
        measured(TOKENS, run="e", name="broken", precision="int4"),
        measured(TOKENS, run="g", name="unclear"),
        measured(TOKENS, run="f", name="a-name-that-is-longer-than-usual", model="blip-image-captioning-base"),
    ]
    after = [
        measured(times(1.3), run="a", name="text-genai", **WORTHY, **cloud),
        measured((0.05, 0.06, 0.07, 0.08), run="b", name="speech", model="whisper-base", **WORTHY, **TIME, **cloud),
        measured(times(0.7), run="c", name="text-optimum", backend="openvino-genai", **cloud),
        measured([101.0, 99.0], run="d", name="few", **cloud),
        failed("parity", run="e", name="broken", precision="int4", **cloud),
        measured(TOKENS, run="g", name="unclear", **cloud),
        measured(TOKENS, run="g", name="unclear", system="cloud", environment="fedcba"),
    ]
    keys = {"abcdef": {"cpu": "A", "lock": "1"}, "123456": {"cpu": "B", "lock": "1"}}
    return table(
        results(*before, folder="results/demo", **keys), results(*after, folder="/mnt/cloud/results/demo", **keys)
    )


def drawn(comparison: pd.DataFrame) -> Figure:
    with applied(STYLES["full"]):
        figure = draw(comparison, STYLES["full"])
        figure.draw_without_rendering()
    return figure


def texts(figure: Figure) -> str:
    found = [artist.get_text() for artist in figure.findobj(Text) if isinstance(artist, Text) and artist.get_visible()]
    return " ".join(found).replace("\n", " ").replace("\u00a0", " ")


def points(figure: Figure) -> list[PathCollection]:
    return [artist for artist in figure.axes[0].collections if isinstance(artist, PathCollection)]


def test_every_row_is_drawn_or_said() -> None:
    said = texts(drawn(full()))
    for words in (
        "failed in candidate: parity",
        "only in baseline",
        "1.30 (1.28 to 1.32)",
        "hollow: one side or both not publishable",
        "Baseline: results/demo (system local).",
        "Candidate: /mnt/cloud/results/demo (system cloud).",
        "They differ in cpu.",
        "Of Real-time factor less is better: there the ratio is turned over.",
        "small scale",
        "1.00, too few repeats",
        "environments abcdef in baseline, 123456 and fedcba in candidate",
    ):
        assert words in said


def test_no_text_leaves_the_canvas() -> None:
    figure = drawn(full())
    box, (width_in, height_in) = figure.get_tightbbox(), figure.get_size_inches()
    assert box.x0 >= 0 and box.x1 <= width_in
    assert box.y0 >= 0 and box.y1 <= height_in


def test_right_is_faster_for_times_too() -> None:
    marks = {round(float(point.get_offsets()[0][1])): point for point in points(drawn(full()))}
    assert [float(marks[place].get_offsets()[0][0]) > 1 for place in (0, 1, 2)] == [True, True, False]
    faster, slower = LOOKS["faster"][0].lower(), LOOKS["slower"][0].lower()
    assert [to_hex(marks[place].get_edgecolor()[0]) for place in (0, 1, 2, 3)] == [faster, faster, slower, MUTED]


@pytest.mark.parametrize("factor", [1.0, 1.1, 1.6, 3.0, 30.0, 0.001])
def test_the_axis_has_few_ticks_and_1_among_them(factor: float) -> None:
    axes = drawn(table(results(measured(TOKENS)), results(measured(times(factor))))).axes[0]
    low, high = axes.get_xlim()
    ticks = [tick for tick in axes.get_xticks() if low <= tick <= high]
    assert 2 <= len(ticks) <= 7
    assert 1 in ticks
    assert low < factor < high


def test_what_is_not_publishable_on_both_sides_is_hollow() -> None:
    rows = measured(TOKENS, **WORTHY), measured(TOKENS)
    for before, after, hollow in ((0, 0, False), (0, 1, True), (1, 0, True)):
        [point] = points(drawn(table(results(rows[before]), results(rows[after]))))
        assert (to_hex(point.get_facecolor()[0]) == "#ffffff") is hollow


@pytest.mark.parametrize("after", [failed(), measured(TOKENS, run="other")])
def test_nothing_to_draw_is_said(after: dict) -> None:
    said = texts(drawn(table(results(measured(TOKENS)), results(after))))
    assert "no data: " in said
    assert ("failed in candidate: parity" in said) or ("only in baseline; only in candidate" in said)


def test_the_command_draws_the_same_each_time(tmp_path: Path) -> None:
    full().to_csv(tmp_path / "comparison.csv", index=False)
    for name in ("a", "b"):
        outputs = [str(tmp_path / f"{name}.{ending}") for ending in ("svg", "png")]
        script = str(ROOT / "scripts/plot_comparison.py")
        subprocess.run(
            [sys.executable, script, "--comparison", str(tmp_path / "comparison.csv"), "--output", *outputs], check=True
        )
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    said = " ".join(text for element in ElementTree.parse(tmp_path / "a.svg").iter() for text in element.itertext())
    assert "further right is faster" in said
