"""Every page that the pipeline writes, opened from the file system: quiet, alone, readable, on screens and paper."""

import pytest
from reading import PHONE

SCREENS = {
    "light": {},
    "dark": {"color_scheme": "dark"},
    "phone": {"viewport": PHONE},
}
A4 = {"width": 718, "height": 1047}  # in CSS pixels, less 1 cm on each side
CONTRAST = 4.5  # WCAG 2.2, 1.4.3, level AA, of any text
SHARE = 0.1  # of a text that another may cover: its line's height is more than its letters'


@pytest.mark.parametrize("screen", SCREENS)
def test_the_page_is_quiet_and_readable(html, reader, screen):
    page = reader.open(html, **SCREENS[screen])
    assert reader.asked == [html.as_uri()]
    assert reader.complaints == []
    assert reader.look(page, "faint", CONTRAST) == []
    assert reader.look(page, "cut") == []
    assert reader.look(page, "wide") == {"beyond": 0, "reaching": []}
    assert reader.look(page, "colliding", SHARE) == []


def test_the_page_can_be_printed(html, reader):
    """In dark ink on white paper, whatever the screen is like, and whole."""
    page = reader.open(html, viewport=A4, color_scheme="dark")
    page.emulate_media(media="print")
    assert reader.look(page, "faint", CONTRAST) == []
    assert reader.look(page, "cut") == []
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.pdf(format="A4").startswith(b"%PDF")
