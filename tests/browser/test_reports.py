"""A study's report in a browser: its parts, its tables that sort and filter, its figures that tell their values."""

import math
import re

import pytest
from playwright.sync_api import expect
from reading import PHONE

SECTIONS = ("answers", "figures", "results", "verdicts", "environment", "reproduce", "records")
TOLD = re.compile(r"\d|failed|no value")
TRIED = {"desk": 4, "phone": 2}  # marks of each figure


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
    """The first column of each kind in each table: by the exact value where there is one, else by words, as people
    count; blank cells stay last.
    """
    tables = reader.look(page, "tables")
    assert tables
    for number, table in enumerate(tables):
        heads = page.locator("table.data").nth(number).locator("thead th")
        for kind in dict.fromkeys(table["types"]):
            index = table["types"].index(kind)
            for direction in ("ascending", "descending"):
                heads.nth(index).click()
                expect(heads.nth(index)).to_have_attribute("aria-sort", direction)
                assert reader.look(page, "disorder", number, index, direction) == [], (table["name"], index, direction)


def test_tables_filter_by_words(page, reader):
    for number, table in enumerate(reader.look(page, "tables")):
        shown = page.locator("table.data").nth(number)
        field = shown.locator("xpath=ancestor::*[contains(@class, 'dt-container')][1]").get_by_role("searchbox")
        rows = [text.casefold() for text in shown.locator("tbody tr").all_inner_texts()]
        word = rows[0].split()[0]
        field.fill(word)
        expect(shown.locator("tbody tr")).to_have_count(sum(word in row for row in rows))
        assert all(word in text.casefold() for text in shown.locator("tbody tr").all_inner_texts())
        field.fill("nothing is called this")
        expect(shown.locator("tbody")).to_have_text("No row has all of these words.")
        field.fill("")
        expect(shown.locator("tbody tr")).to_have_count(table["rows"])


@pytest.mark.parametrize("screen", ["desk", "phone"])
def test_figures_show_values_on_hover_and_on_tap(report, reader, screen):
    """Where marks lie close together, the nearest tells its value."""
    phone = {"viewport": PHONE, "has_touch": True, "is_mobile": True}
    page = reader.open(report, **(phone if screen == "phone" else {}))
    point = page.touchscreen.tap if screen == "phone" else page.mouse.move
    tip = page.get_by_role("tooltip")
    figures = reader.look(page, "marks")
    assert figures
    for figure in figures:
        assert figure["tips"], figure["name"]
        told = []
        for index in spread(len(figure["tips"]), TRIED[screen]):
            middle = reader.look(page, "brought", figure["name"], index)
            point(middle["x"], middle["y"])
            expect(tip, f"{figure['name']}: {figure['tips'][index]}").to_be_visible()
            told.append((figure["tips"][index], tip.inner_text()))
            assert inside(tip.bounding_box(), page.viewport_size), told[-1]
        assert {shown for _, shown in told} <= set(figure["tips"])
        assert any(asked == shown for asked, shown in told), told
        page.keyboard.press("Escape")
        expect(tip).to_be_hidden()
    assert reader.complaints == []


def spread(count, wanted):
    """So many places among `count`, from the first on."""
    return range(0, count, math.ceil(count / wanted))


def inside(box, window):
    return box["x"] >= 0 and box["x"] + box["width"] <= window["width"] and box["y"] >= 0


def test_marks_tell_what_they_are_with_unit_and_worth(page, reader):
    for figure in reader.look(page, "marks"):
        for tip in figure["tips"]:
            assert TOLD.search(tip), tip
            assert not {"nan", "none", "null", "undefined"} & set(re.findall(r"\w+", tip.casefold())), tip
