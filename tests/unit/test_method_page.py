"""The page of the method: its marks, its figure, and the claims in its text that have no table."""

import pytest

from cotejo.figures import style
from tests.method.simulate import (
    EFFECTS,
    NOISES,
    PAGE,
    REPEAT_NUMBERS,
    percent,
    power_figure,
    replace_between_marks,
    table,
)


@pytest.mark.parametrize("name", ["coverage", "power", "drift", "stalls", "alarms", "queues", "omission"])
def test_every_simulated_part_stands_on_the_page(name):
    text = PAGE.read_text(encoding="utf-8")
    _, _, rest = text.partition(f"<!-- {name}: begin -->")
    part, end, _ = rest.partition(f"<!-- {name}: end -->")
    assert end and part.count("\n| ") > 3


def test_text_is_replaced_between_its_own_marks_only(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("a\n<!-- x: begin -->\nold\n<!-- x: end -->\nb\n<!-- y: begin -->\nkept\n<!-- y: end -->\n")
    replace_between_marks(page, "x", "new")
    assert page.read_text() == (
        "a\n<!-- x: begin -->\n\nnew\n\n<!-- x: end -->\nb\n<!-- y: begin -->\nkept\n<!-- y: end -->\n"
    )


@pytest.mark.parametrize("text", ["", "<!-- x: begin -->", "<!-- x: end -->"])
def test_a_page_without_marks_is_refused(tmp_path, text):
    page = tmp_path / "page.md"
    page.write_text(text)
    with pytest.raises(ValueError, match="lacks the line"):
        replace_between_marks(page, "x", "new")
    assert page.read_text() == text


def test_table_aligns_text_and_numbers():
    assert table(["a", "b", "c"], [["x", percent(0.5), percent(0.123, 0)]], "lr") == (
        "| a | b | c |\n| --- | --: | --: |\n| x | 50.0 % | 12 % |"
    )


def test_figure_has_a_panel_for_each_number_of_repeats_and_a_line_for_each_noise():
    power = {(noise, n, effect): noise * effect for noise in NOISES for n in REPEAT_NUMBERS for effect in EFFECTS}
    with style.applied(style.STYLES["full"]):
        panels = power_figure(power).axes
    assert [panel.get_title() for panel in panels] == [f"{n} repeats" for n in REPEAT_NUMBERS]
    for panel in panels:
        lines = panel.get_lines()[: len(NOISES)]
        assert [line.get_ydata()[-1] for line in lines] == pytest.approx(
            [noise * EFFECTS[-1] * 100 for noise in NOISES]
        )
