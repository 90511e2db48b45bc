"""What looks at pages finds faults that are planted, and nothing else."""

import pytest

PAGE = """<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>t</title><style>
body { margin: 0; background: #fff; color: #222; font: 16px sans-serif } </style></head><body>%s</body></html>"""
SVG = '<figure data-figure="f"><svg width="300" height="100" font-family="sans-serif">%s</svg></figure>'
PLAIN = [
    "<p>plain</p>",
    '<p style="background: #222; color: #fff">plain</p>',
    '<p hidden style="color: #fff">nobody sees it</p>',
    '<div style="overflow-x: auto"><p style="width: 2000px">a long row</p></div>',
    SVG % '<rect width="300" height="100" fill="#222"/><text x="20" y="50" fill="#fff">plain</text>',
    SVG % '<text x="20" y="40">one</text><text x="20" y="60">other</text>',
]
FAINT = [
    ('<p style="color: #888">faint</p>', "3.54: body: p: faint"),
    ('<p style="opacity: 0.5">faint</p>', "3.17: body: p: faint"),
    ('<div style="background: #222"><p>faint</p></div>', "1.00: body: p: faint"),
    (SVG % '<rect width="99" height="99" fill="#222"/><text x="20" y="50">faint</text>', "1.32: f: text: faint"),
    (SVG % '<rect width="40" height="99" fill="#222"/><text x="20" y="50">begins on dark</text>', "1.32: f: text: b"),
    (
        SVG % '<pattern id="p" width="4" height="4" patternUnits="userSpaceOnUse"><path d="M0 0h4" fill="none" '
        'stroke="#222"/></pattern><rect width="99" height="99" fill="url(#p)"/><text x="20" y="50">hatched</text>',
        "1.32: f: text: hatched",
    ),
]  # fmt: skip
CUT = [
    ('<p style="width: 40px; overflow: hidden; white-space: nowrap">cut short here</p>', "body: p: cut short here"),
    (SVG % '<text x="280" y="50">cut at the edge</text>', "f: text: cut at the edge"),
]
WIDE = ['<p style="width: 1500px">wide</p>', '<p style="margin-left: 1400px; width: 10px">beyond</p>']
COLLIDING = SVG % '<text x="20" y="50">one text</text><text x="30" y="52">another</text>'


@pytest.fixture
def shown(reader, tmp_path):
    """Shows what a page's body holds, and asks something of it."""

    def show(body, question, *arguments):
        path = tmp_path / "page.html"
        path.write_text(PAGE % body)
        return reader.look(reader.open(path), question, *arguments)

    return show


def test_what_is_well_is_let_pass(shown):
    body = "".join(PLAIN)
    assert shown(body, "faint", 4.5) == []
    assert shown(body, "cut") == []
    assert shown(body, "colliding", 0.1) == []
    assert shown(body, "wide") == {"beyond": 0, "reaching": []}


@pytest.mark.parametrize(("body", "said"), FAINT)
def test_faint_text_is_found(shown, body, said):
    [found] = shown(body, "faint", 4.5)
    assert found.startswith(said)


@pytest.mark.parametrize(("body", "said"), CUT)
def test_text_that_is_cut_is_found(shown, body, said):
    [found] = shown(body, "cut")
    assert found.endswith(said)


@pytest.mark.parametrize("body", WIDE)
def test_what_reaches_beyond_the_window_is_found(shown, body):
    found = shown(body, "wide")
    assert found["beyond"] > 100
    assert len(found["reaching"]) == 1


def test_texts_over_each_other_are_found(shown):
    assert shown(COLLIDING, "colliding", 0.1) == ["f: text: one text ~ another"]
