"""The table of docs/performance.md on known numbers."""

from types import ModuleType

import pytest

from cotejo.command import ROOT
from tests.conftest import performance_script


@pytest.fixture(scope="module")
def page() -> ModuleType:
    return performance_script("page")


def test_a_row_tells_medians_ratios_and_whether_the_target_is_met(page):
    rate = page.Comparison("video", "a bound", "frames/s", [20, 24, 22], [20, 20, 20], target=1.15)
    memory = page.Comparison("memory", "a loop", "MiB", [104, 110, 103], [100, 100, 100], target=1.05, at_most=True)

    _, _, first, second = page.table([rate, memory]).splitlines()

    assert first == "| video | a bound | 22 frames/s | 20 frames/s | **1.100** | 1.000 to 1.200 | ≥ 1.15 | **missed** |"
    assert second == "| memory | a loop | 104 MiB | 100 MiB | **1.040** | 1.030 to 1.100 | ≤ 1.05 | met |"


def test_the_ratio_is_of_each_repetition_not_of_the_medians(page):
    # A machine that was slow in one repetition was so for both sides.
    pair = page.Comparison("a", "b", "x", [10, 5, 10], [10, 5, 12], target=0.98)

    assert pair.ratios() == pytest.approx([1, 1, 10 / 12])
    assert pair.met()


def test_only_what_stands_between_the_marks_is_replaced(page, tmp_path):
    file = tmp_path / "page.md"
    file.write_text(f"before\n{page.BEGIN}\nold\n{page.END}\nafter\n")

    page.replace_between_marks(file, "new")

    assert file.read_text() == f"before\n{page.BEGIN}\n\nnew\n\n{page.END}\nafter\n"


def test_a_page_without_marks_is_left_alone(page, tmp_path):
    file = tmp_path / "page.md"
    file.write_text("no marks")

    with pytest.raises(ValueError, match="lacks the line"):
        page.replace_between_marks(file, "new")
    assert file.read_text() == "no marks"


def test_the_real_page_has_both_marks(page):
    text = (ROOT / "docs" / "performance.md").read_text()

    assert text.count(page.BEGIN) == text.count(page.END) == 1
