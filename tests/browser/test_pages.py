"""Every page that the pipeline writes, opened from the file system: quiet, readable, on screens and paper, heard."""

import pytest
from reading import DESK, PHONE, Reader

SCREENS = {"light": (DESK, "light"), "dark": (DESK, "dark"), "phone": (PHONE, "light")}
A4 = {"width": 718, "height": 1047}  # in CSS pixels, less 1 cm on each side
CONTRAST = 4.5  # WCAG 2.2, 1.4.3, level AA, of any text
SHARE = 0.1  # of a text that another may cover: its line's height is more than its letters'


@pytest.fixture(scope="module")
def reader(browser, html):
    """Someone for whom one page stays open from test to test."""
    with Reader(browser) as reader:
        yield reader


@pytest.fixture(scope="module")
def page(html, reader):
    return reader.open(html)


@pytest.mark.parametrize("screen", SCREENS)
def test_the_page_is_quiet_and_readable(html, reader, page, screen):
    viewport, scheme = SCREENS[screen]
    page.set_viewport_size(viewport)
    page.emulate_media(media="screen", color_scheme=scheme)
    assert reader.look(page, "faint", CONTRAST) == []
    assert reader.look(page, "cut") == []
    assert reader.look(page, "wide") == {"beyond": 0, "reaching": []}
    assert reader.look(page, "colliding", SHARE) == []
    assert reader.asked == [html.as_uri()]
    assert reader.complaints == []


def test_the_page_can_be_heard(reader, page):
    page.set_viewport_size(DESK)
    assert reader.look(page, "faults") == []


def test_the_keyboard_goes_through_the_page_in_its_order(reader, page):
    page.set_viewport_size(DESK)
    met = []
    for _ in range(40):
        page.keyboard.press("Tab")
        met.append(reader.look(page, "focused"))
        if met[-1] is None:
            break
    places = [each["order"] for each in met if each]
    assert places == sorted(set(places))
    assert len(places) > 3
    assert [each["what"] for each in met if each and not (each["marked"] and each["shown"])] == []


def test_the_page_can_be_printed(reader, page):
    """In dark ink on white paper, whatever the screen is like, and whole."""
    page.set_viewport_size(A4)
    page.emulate_media(media="print", color_scheme="dark")
    assert reader.look(page, "faint", CONTRAST) == []
    assert reader.look(page, "cut") == []
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.pdf(format="A4").startswith(b"%PDF")
