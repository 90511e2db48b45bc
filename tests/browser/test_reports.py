"""A study's report in a browser: its parts, its tables that sort and filter, its figures that tell their values."""

import csv
import math
import re

import pytest
from playwright.sync_api import expect
from reading import PHONE, Reader

from cotejo.labels import number

SECTIONS = ("answers", "figures", "results", "verdicts", "environment", "reproduce", "records")
TOLD = re.compile(r"\d|failed|no value")
PAGE_ROWS = 50  # of a table at once
TRIED = {"desk": 2, "phone": 1}  # marks of each figure that lie apart from all others
APART_PX = 30


@pytest.fixture(scope="module")
def reader(browser, report):
    """Someone for whom one report stays open from test to test."""
    with Reader(browser) as reader:
        yield reader


@pytest.fixture(scope="module")
def page(report, reader):
    return reader.open(report)


@pytest.fixture(scope="module")
def bare(report, reader):
    """The same in a browser that runs no script."""
    return reader.open(report, java_script_enabled=False)


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
    for place, table in enumerate(tables):
        heads = page.locator("table.data").nth(place).locator("thead th")
        for kind in dict.fromkeys(table["types"]):
            index = table["types"].index(kind)
            for direction in ("ascending", "descending"):
                heads.nth(index).click()
                expect(heads.nth(index)).to_have_attribute("aria-sort", direction)
                assert reader.look(page, "disorder", place, index, direction) == [], (table["name"], index, direction)


def test_tables_filter_by_words(page, bare, reader):
    for place, table in enumerate(reader.look(page, "tables")):
        shown, whole = (each.locator("table.data").nth(place) for each in (page, bare))
        field = shown.locator("xpath=ancestor::*[contains(@class, 'dt-container')][1]").get_by_role("searchbox")
        rows = [text.casefold() for text in whole.locator("tbody tr").all_inner_texts()]
        word = rows[-1].split()[0]
        field.fill(word)
        expect(shown.locator("tbody tr")).to_have_count(min(sum(word in row for row in rows), PAGE_ROWS))
        assert all(word in text.casefold() for text in shown.locator("tbody tr").all_inner_texts())
        field.fill("nothing is called this")
        expect(shown.locator("tbody")).to_have_text("No row has all of these words.")
        field.fill("")
        expect(shown.locator("tbody tr")).to_have_count(table["rows"])


@pytest.mark.parametrize("screen", TRIED)
def test_figures_show_values_on_hover_and_on_tap(report, reader, page, screen):
    """Each its own; where marks lie close together, one of them."""
    if screen == "phone":
        page = reader.open(report, viewport=PHONE, has_touch=True, is_mobile=True)
    point = page.touchscreen.tap if screen == "phone" else page.mouse.move
    tip = page.get_by_role("tooltip")
    figures = reader.look(page, "marks", APART_PX)
    assert [figure["name"] for figure in figures if not figure["tips"] and not figure["empty"]] == []
    assert any(figure["apart"] for figure in figures)
    for figure in figures:
        crowded = spread(range(len(figure["tips"])), 1) if screen == "desk" else []
        for index in [*spread(figure["apart"], TRIED[screen]), *crowded]:
            middle, asked = reader.look(page, "brought", figure["name"], index), figure["tips"][index]
            point(middle["x"], middle["y"])
            expect(tip, f"{figure['name']}: {asked}").to_be_visible()
            assert tip.inner_text() == asked or (index not in figure["apart"] and tip.inner_text() in figure["tips"])
            assert inside(tip.bounding_box(), page.viewport_size), asked
        page.keyboard.press("Escape")
        expect(tip).to_be_hidden()
    assert reader.complaints == []


def spread(all_of_them, wanted):
    """So many of them, from the first on."""
    return all_of_them[:: math.ceil(len(all_of_them) / wanted) or 1]


def inside(box, window):
    return box["x"] >= 0 and box["x"] + box["width"] <= window["width"] and box["y"] >= 0


def test_marks_tell_what_they_are_with_unit_and_worth(page, reader):
    for figure in reader.look(page, "marks", APART_PX):
        for tip in figure["tips"]:
            assert TOLD.search(tip), tip
            assert not {"nan", "none", "null", "undefined"} & set(re.findall(r"\w+", tip.casefold())), tip


def test_every_number_and_figure_is_there_without_scripts(report, page, bare):
    assert bare.locator("figure[data-figure] svg").count() == page.locator("figure[data-figure] svg").count() > 0
    titles = bare.locator("figure svg title").all_text_contents()
    assert titles == page.locator("figure svg [data-tip]").evaluate_all("(all) => all.map((each) => each.dataset.tip)")
    assert titles
    rows = [table.locator("tbody tr").count() for table in bare.locator("table.data").all()]
    assert rows == [total(said) for said in page.locator(".dt-info").all_inner_texts()]
    text = bare.locator("main").inner_text()
    with (report.parent / "summary.csv").open(newline="") as stream:
        shown = {number(float(row["median"])) for row in csv.DictReader(stream) if row["median"]}
    assert {value for value in shown if value not in text} == set()
    assert shown


def total(said):
    """The rows of a table in all: of "1 to 50 of 66 rows"."""
    return int(re.findall(r"\d+", said)[-1])
