"""A study's report in a browser: its parts, its tables that sort and filter, its figures that tell their values."""

import math
import re

import pytest

SECTIONS = ("answers", "figures", "results", "verdicts", "environment", "reproduce", "records")
PHONE_MARKS, DESK_MARKS = 2, 4  # tried of each figure


@pytest.fixture
def page(report, reader):
    return reader.open(report)


def test_the_report_says_what_was_asked_and_answers_it(page):
    assert [name for name in SECTIONS if page.locator(f"section#{name}").count() != 1] == []
    assert page.locator("h1").inner_text()
    assert all(text.strip().endswith(".") for text in page.locator("section#answers li").all_inner_texts())
    assert page.locator("section#answers li").count() > 0
    order = page.locator("section[id]").evaluate_all("(all) => all.map((each) => each.id)")
    assert order[:2] == ["answers", "figures"]


def test_every_link_leads_to_a_file_that_is_there(page, report):
    links = page.locator("a[href]").evaluate_all("(all) => all.map((each) => each.href.split('#')[0])")
    there = {path.as_uri() for path in report.parent.parent.rglob("*")}
    assert {link for link in links if link not in there} == set()
    assert len(set(links)) > 10


def test_tables_sort_by_what_their_columns_hold(page, reader):
    """By the exact value where there is one, else by words as people count; what is blank stays last."""
    tables = reader.look(page, "tables")
    assert tables
    for number, table in enumerate(tables):
        heads = page.locator("table.data").nth(number).locator("thead th")
        for index, kind in enumerate(table["types"]):
            for direction in ("ascending", "descending"):
                heads.nth(index).click()
                assert heads.nth(index).get_attribute("aria-sort") == direction
                keys = [key_of(cell, kind) for cell in reader.look(page, "column", number, index)]
                known = [key for key in keys if key is not None]
                assert keys[: len(known)] == known, (table["name"], index, keys)
                assert known == sorted(known, reverse=direction == "descending"), (table["name"], index, known)


def key_of(cell, kind):
    if kind == "number":
        return float(cell["exact"]) if cell["exact"] else None
    parts = re.split(r"(\d+)", cell["text"].casefold())
    return [int(part) if part.isdigit() else part for part in parts] if cell["text"] else None


def test_tables_filter_by_words(page, reader):
    for number, table in enumerate(reader.look(page, "tables")):
        shown = page.locator("table.data").nth(number)
        field = page.locator("table.data").nth(number).locator("xpath=ancestor::*[contains(@class, 'dt-container')]")
        field = field.locator("input[type=search]")
        first = reader.look(page, "column", number, 0)[0]["text"].split()[0]
        rows = [text.casefold() for text in shown.locator("tbody tr").all_inner_texts()]
        field.fill(first)
        left = shown.locator("tbody tr").all_inner_texts()
        assert 0 < len(left) <= table["rows"]
        assert [text for text in left if first.casefold() not in text.casefold()] == []
        assert len(left) == sum(first.casefold() in row for row in rows)
        field.fill("nothing is called this")
        assert shown.locator("tbody td").all_inner_texts() == ["No row has all of these words."]
        field.fill("")
        assert shown.locator("tbody tr").count() == table["rows"]


def spread(marks, count):
    """So many of the marks, from the first to the last."""
    step = max(1, math.ceil(len(marks) / count))
    return marks[::step]


@pytest.mark.parametrize("screen", ["desk", "phone"])
def test_figures_show_values_on_hover_and_on_tap(report, reader, screen):
    phone = {"viewport": {"width": 375, "height": 812}, "has_touch": True, "is_mobile": True}
    page = reader.open(report, **(phone if screen == "phone" else {}))
    tip = page.locator("div[role=tooltip]")
    figures = reader.look(page, "marks")
    assert figures
    for figure in figures:
        assert figure["marks"], figure["name"]
        told = {mark["tip"] for mark in figure["marks"]}
        exact = 0
        tried = spread(figure["marks"], PHONE_MARKS if screen == "phone" else DESK_MARKS)
        for mark in tried:
            point(page, mark, tap=screen == "phone")
            assert tip.is_visible(), (figure["name"], mark)
            assert tip.inner_text() in told
            exact += tip.inner_text() == mark["tip"]
            assert inside(tip.bounding_box(), page.viewport_size), (figure["name"], mark)
        assert exact >= len(tried) / 2, figure["name"]
        page.keyboard.press("Escape")
        assert not tip.is_visible()
    assert reader.complaints == []


def point(page, mark, tap):
    """Bring a mark to the middle of the window, and point at it."""
    page.evaluate("([x, y]) => scrollTo({left: 0, top: y - innerHeight / 2, behavior: 'instant'})", [mark["x"], mark["y"]])
    down = mark["y"] - page.evaluate("scrollY")
    (page.touchscreen.tap if tap else page.mouse.move)(mark["x"], down)
    page.wait_for_function("document.querySelector('div[role=tooltip]').style.transform !== ''")


def inside(box, window):
    return box["x"] >= 0 and box["x"] + box["width"] <= window["width"] and box["y"] >= 0


def test_marks_tell_what_they_are_with_unit_and_worth(page, reader):
    for figure in reader.look(page, "marks"):
        for mark in figure["marks"]:
            assert re.search(r"\d", mark["tip"]) or "failed" in mark["tip"] or "no value" in mark["tip"], mark["tip"]
            assert "\n" not in mark["tip"]
            assert "nan" not in mark["tip"].casefold().split()
