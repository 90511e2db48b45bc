"""Figures as parts of a page."""

from pathlib import Path
from xml.etree import ElementTree

import pytest
from matplotlib.figure import Figure

from cotejo.errors import CotejoError
from cotejo.figures.style import FAILED, GRID, INK, MUTED, applied, save, style_of
from cotejo.report.drawing import COLOURS, drawn, inlined, words_of

HEAD = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="504pt" height="9pt">'
CLIPPED = f"""{HEAD}
 <g id="figure_1"><g id="patch_1"><path d="M 9 9"/></g></g><metadata/><style>*{{stroke-linejoin: round}}</style>
 <defs><clipPath id="p1"><rect width="9" height="9"/></clipPath><path id="m1" d="M 0 0"/></defs>
 <g id="told_1"><title>a &lt; b: 3 tokens/s</title>
  <use xlink:href="#m1" clip-path="url(#p1)" style="fill: {INK.upper()}; stroke: #0072b2"/></g>
 <pattern id="h1"><rect fill="#ffffff"/></pattern><text style="fill: url(#h1)">two  words</text>
</svg>"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "speed.svg"
    path.write_text(CLIPPED, encoding="utf-8")
    return path


def test_ids_are_the_figures_own_and_what_refers_to_them_follows(file: Path) -> None:
    root = ElementTree.fromstring(inlined(file, "a"))
    assert [element.get("id") for element in root.iter() if element.get("id")] == ["a-p1", "a-m1", "a-h1"]
    use = root.find(".//use")
    assert use is not None
    assert (use.get("href"), use.get("clip-path")) == ("#a-m1", "url(#a-p1)")
    assert root.find(".//text").get("style") == "fill:url(#a-h1)"  # type: ignore[union-attr]


def test_two_figures_of_one_file_share_no_id(file: Path) -> None:
    ids = [
        {element.get("id") for element in ElementTree.fromstring(inlined(file, name)).iter()} - {None} for name in "ab"
    ]
    assert not ids[0] & ids[1]


def test_the_papers_colours_are_the_pages_and_those_of_the_data_stay(file: Path) -> None:
    text = inlined(file, "a")
    assert "fill:var(--ink);stroke:#0072b2" in text
    assert "fill:var(--paper)" in text
    assert "M 9 9" not in text  # the paper itself
    assert "#ffffff" not in text
    assert {"#ffffff", INK, MUTED, GRID, FAILED.lower()} <= COLOURS.keys()


def test_it_is_an_image_with_a_name_and_a_description_and_marks_keep_their_titles(file: Path) -> None:
    text = inlined(file, "a")
    root = ElementTree.fromstring(text)
    assert root.attrib == {"role": "img", "aria-labelledby": "a-title", "style": "--width:504pt"}  # it has no words
    assert [title.text for title in root.iter("title")] == ["a < b: 3 tokens/s"]
    assert "<style" not in text and "metadata" not in text and ":svg" not in text
    assert ">two  words<" in text


@pytest.mark.parametrize(
    "planted",
    [
        "<script>alert(1)</script>",
        '<foreignObject><p xmlns="http://www.w3.org/1999/xhtml">x</p></foreignObject>',
        '<path onclick="alert(1)"/>',
        '<use href="https://example.com/x.svg#a"/>',
        '<g><use xlink:href="other.svg#a"/></g>',
        '<image href="data:image/png;base64,AA=="/>',
    ],
)
def test_what_is_no_figure_is_refused(file: Path, planted: str) -> None:
    file.write_text(f"{HEAD}{planted}</svg>", encoding="utf-8")
    with pytest.raises(CotejoError, match=r"speed\.svg: .*Delete the file, so that it is drawn again"):
        inlined(file, "a")


def test_a_figure_that_matplotlib_drew_is_taken_whole(tmp_path: Path) -> None:
    style = style_of("screen", None)
    with applied(style):
        figure = Figure()
        axes = figure.add_subplot()
        axes.bar([1, 2], [3, 4], hatch="//", edgecolor=INK, label="<script>")
        axes.legend()
        save(figure, tmp_path / "bars.svg", "svg", "A title", words="openvino < 13.0 & more")
    text = inlined(tmp_path / "bars.svg", "a")
    assert "&lt;script&gt;" in text and "<script" not in text
    assert 'aria-describedby="a-words"' in text
    assert words_of(tmp_path / "bars.svg") == "openvino < 13.0 & more"


def test_a_page_is_given_a_figure_with_its_files(file: Path) -> None:
    entry = {"name": "speed", "title": "Speed", "caption": "Fast."}
    found = drawn(entry, [file, file.with_suffix(".png")], lambda path: f"figures/{path.name}")
    assert found["files"] == [
        {"form": "SVG", "path": "figures/speed.svg"},
        {"form": "PNG", "path": "figures/speed.png"},
    ]
    assert (found["title"], found["words"]) == ("Speed", "")
    assert 'aria-labelledby="figure-speed-title"' in found["drawing"].__html__()
    with pytest.raises(CotejoError, match=r"--figures: speed\.svg: not among them"):
        drawn(entry, [file.with_suffix(".png")], str)
