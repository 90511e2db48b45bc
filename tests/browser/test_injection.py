"""Texts that others wrote stay texts: in the report, in its tooltips and tables, and in the index over studies."""

import pytest
from hostile import NAME, TEXT
from reading import REPORTS

pytestmark = pytest.mark.skipif(REPORTS is not None, reason="real reports hold no hostile texts")
ADDED = ("img", "svg[onload]", "b", "[onerror], [onclick], [onload]", "script[src]", "iframe")


@pytest.mark.parametrize("file", [f"{NAME}/report.html", "index.html"])
@pytest.mark.parametrize("policy", ["kept", "lifted"])
def test_nothing_runs_and_nothing_is_added(results, reader, file, policy):
    """Nor without the page's own policy against it, which is but the second line of defence."""
    page = reader.open(results / file, bypass_csp=policy == "lifted")
    for mark in page.locator("figure svg [data-tip]").all():
        mark.hover(force=True)
        assert page.get_by_role("tooltip").locator("*").count() == 0
    for field in page.get_by_role("searchbox").all():
        field.fill("<script>")
    for head in page.locator("table.data thead th").all():
        head.click()
    page.emulate_media(media="print")
    assert page.evaluate("typeof ran") == "undefined"
    assert [selector for selector in ADDED if page.locator(selector).count()] == []
    other = reader.open(results / "demo" / "report.html")
    assert page.locator("script").count() == other.locator("script").count()
    assert reader.complaints == []
    assert all(url.startswith("file:") for url in reader.asked)
    assert len(reader.asked) == 2


def test_every_text_is_shown_as_it_was_written(results, reader):
    page = reader.open(results / NAME / "report.html", java_script_enabled=False)
    for place in ("h1", ".question", "figcaption", "section#failures td.message", "section#published"):
        assert TEXT in page.locator(place).first.inner_text(), place
    assert page.title() == TEXT
