"""What is drawn of a training step by step."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from figure_examples import STEPPED, record_steps, spread
from matplotlib.figure import Figure
from summary_example import failed, measured, summary
from test_figures_published import texts

from cotejo.figures import figure
from cotejo.figures.steps import MOST_POINTS, means_of
from cotejo.figures.style import STYLES, applied

RUN = "alone~0123456789"


def trained(**changes: Any) -> dict[str, Any]:
    row = {"metric": "loss_end", "unit": "nats", "better": "lower", "task": "fine-tuning", "name": "alone",
           "run": "alone", "model": "t5-small", "environment": STEPPED}  # fmt: skip
    return measured(spread(3.0), **{**row, **changes})


def draw(rows: pd.DataFrame, records: Path, **options: Any) -> Figure:
    with applied(STYLES["full"]):
        drawn = figure("steps").draw(rows, options, STYLES["full"], records=records)
        drawn.draw_without_rendering()
    return drawn


def heights(drawn: Figure, panel: int = 0) -> list[list[float]]:
    return [np.round(line.get_ydata(), 6).tolist() for line in drawn.axes[panel].lines]  # type: ignore[arg-type]


def test_a_line_is_the_median_of_the_repeats_and_the_pale_band_their_range(tmp_path: Path) -> None:
    for repeat, loss in enumerate((9.0, 5.0, 4.0), start=1):
        record_steps(tmp_path, RUN, [loss, loss - 1], repeat)
    drawn = draw(summary(trained()), tmp_path)
    assert heights(drawn) == [[5.0, 4.0]]
    assert heights(drawn, panel=1) == [[2.0, 4.0]]  # ms
    (band,) = drawn.axes[0].collections
    (reach,) = band.get_paths()
    assert (reach.vertices[:, 1].min(), reach.vertices[:, 1].max()) == (3.0, 9.0)  # type: ignore[index,call-overload]
    said = texts(drawn)
    assert "the median of 3 repeats at each step" in said and "nothing is smoothed" in said


def test_failed_repeats_and_those_of_another_environment_are_left_out(tmp_path: Path) -> None:
    record_steps(tmp_path, RUN, [7.0, 6.0])
    record_steps(tmp_path, RUN, [99.0, 98.0], 2, status="failed")
    record_steps(tmp_path, RUN, [5.0, 4.0], 3, code_digest="f" * 16)
    drawn = draw(summary(trained()), tmp_path)
    assert heights(drawn) == [[7.0, 6.0]]
    assert "the one repeat, which has no range" in texts(drawn)


def test_smoothing_is_said(tmp_path: Path) -> None:
    record_steps(tmp_path, RUN, [9.0, 7.0, 5.0, 3.0, 2.0])
    drawn = draw(summary(trained()), tmp_path, mean_of=2, quantities=["loss"])
    assert heights(drawn) == [[8.0, 4.0, 2.0]]
    assert "each point is the mean of 2 steps" in texts(drawn)


def test_more_steps_than_can_be_drawn_are_smoothed_and_that_is_said(tmp_path: Path) -> None:
    record_steps(tmp_path, RUN, [9.0] * (2 * MOST_POINTS + 1))
    drawn = draw(summary(trained()), tmp_path)
    assert len(heights(drawn)[0]) <= MOST_POINTS
    assert "each point is the mean of 3 steps" in texts(drawn)


def test_out_of_memory_is_said_beside_what_was_trained(tmp_path: Path) -> None:
    record_steps(tmp_path, RUN, [9.0, 8.0])
    large = failed("out-of-memory", name="t5-3b", run="t5-3b", model="t5-3b", task="fine-tuning")
    assert "t5-3b: failed: out-of-memory." in texts(draw(summary(trained(), large), tmp_path))


def test_steps_that_lie_elsewhere_are_said_to(tmp_path: Path) -> None:
    record_steps(tmp_path, RUN, [9.0, 8.0])
    drawn = draw(summary(trained(), trained(origin="lab")), tmp_path)
    assert len(heights(drawn)) == 1
    assert "from lab: its steps lie where they were measured." in texts(drawn)


@pytest.mark.parametrize(
    ("width", "places", "means"), [(1, [1, 2, 3], [1.0, 3.0, 8.0]), (2, [1.5, 3], [2.0, 8.0]), (9, [2], [4.0])]
)
def test_means_lie_in_the_middle_of_their_steps(width: int, places: list[float], means: list[float]) -> None:
    found, values = means_of(np.array([[1.0, 3.0, 8.0]]), width)
    assert found.tolist() == places
    assert values.tolist() == [means]
