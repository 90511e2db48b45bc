"""A figure within a page: its SVG as part of the HTML, so that it takes the page's colours and its marks can be met."""

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from markupsafe import Markup

from cotejo.errors import CotejoError
from cotejo.figures.style import FAILED, GRID, INK, MUTED

SVG = "{http://www.w3.org/2000/svg}"
DESCRIPTION = ".//{http://purl.org/dc/elements/1.1/}description"

# What a drawing of ours is made of: anything else, such as a script, has no business in a page.
ELEMENTS = frozenset(
    (
        "svg", "g", "defs", "use", "path", "rect", "circle", "ellipse", "line", "polyline", "polygon", "text", "tspan",
        "clipPath", "pattern", "title",
    )
)  # fmt: skip
# Said of the whole page instead: what the file is, and how lines join (page.css).
LEFT_OUT = frozenset(("metadata", "style"))

# What belongs to the paper rather than to the data, and so changes with the page from light to dark.
COLOURS = {
    "#ffffff": "paper",
    INK: "ink",
    "#000000": "ink",
    MUTED: "muted",
    GRID: "line",
    "#eeeeee": "line",
    "#f0f0f0": "shade",
    "#f3f3f3": "shade",
    FAILED.lower(): "bad",
}
PAINTS = ("fill", "stroke")

_REFERENCE = re.compile(r"url\(#([^)]+)\)")


def drawn(entry: Mapping[str, Any], files: Sequence[Path], address: Callable[[Path], str]) -> dict[str, Any]:
    """A figure as a page shows it: its name, title and caption, its drawing, the same in words, and its own files.

    `address` gives a file's address from the page. CotejoError where none of the files is an .svg.
    """
    drawing = next((path for path in files if path.suffix == ".svg"), None)
    if drawing is None:
        raise CotejoError(f"--figures: {entry['name']}.svg: not among them. Add it")
    return {
        **entry,
        "drawing": Markup(inlined(drawing, f"figure-{entry['name']}")),
        "words": words_of(drawing),
        "files": [{"form": path.suffix[1:].upper(), "path": address(path)} for path in files],
    }


def inlined(path: Path, name: str) -> str:
    """An .svg file as an element of a page, whose ids begin with this name, which no other figure there may have.

    It is labelled by the page's element `<name>-title`, and described by its `<name>-words` where it has some.
    CotejoError where the file holds what no figure is made of.
    """
    root = ElementTree.parse(path).getroot()
    words = root.findtext(DESCRIPTION)
    _leave_out_paper(root)
    _strip(root, path)
    used = _references(root)
    for element in root.iter():
        _page_colours(element)
        _own_ids(element, name, used)
    sizes = {key: root.attrib.pop(key, "") for key in ("width", "height", "version")}
    root.attrib |= {"role": "img", "aria-labelledby": f"{name}-title", "style": f"--width:{sizes['width']}"}
    if words:
        root.set("aria-describedby", f"{name}-words")
    return ElementTree.tostring(root, encoding="unicode")


def words_of(path: Path) -> str:
    """What an .svg file says for who can't see it; nothing where it says nothing."""
    return ElementTree.parse(path).getroot().findtext(DESCRIPTION, default="")


def _leave_out_paper(root: Element) -> None:
    """The page is what a figure is drawn on."""
    for figure in root.findall(f"{SVG}g[@id='figure_1']"):
        for patch in figure.findall(f"{SVG}g[@id='patch_1']"):
            figure.remove(patch)


def _strip(element: Element, path: Path) -> None:
    """Leave out what a page says otherwise, and the indentation; names as HTML knows them, without their spaces."""
    kind = str(element.tag).removeprefix(SVG)
    if kind not in ELEMENTS:
        raise CotejoError(f"{path}: <{kind}>: no figure is made of that. Delete the file, so that it is drawn again")
    element.tag = kind
    attributes = {key.rpartition("}")[2]: value for key, value in element.attrib.items()}
    for key, value in attributes.items():
        if key.startswith("on") or (key == "href" and not value.startswith("#")):
            raise CotejoError(f"{path}: {key}={value}: no figure has that. Delete the file, so that it is drawn again")
    element.attrib = attributes
    if kind not in ("text", "tspan", "title"):
        element.text = (element.text or "").strip()
    for child in list(element):
        if str(child.tag).removeprefix(SVG) in LEFT_OUT:
            element.remove(child)
            continue
        if kind not in ("text", "tspan"):
            child.tail = (child.tail or "").strip()
        _strip(child, path)


def _references(root: Element) -> set[str]:
    """The ids that anything refers to."""
    values = [(key, value) for element in root.iter() for key, value in element.attrib.items()]
    direct = {value.removeprefix("#") for key, value in values if key == "href"}
    return direct | {found for _, value in values for found in _REFERENCE.findall(value)}


def _own_ids(element: Element, name: str, used: set[str]) -> None:
    for key, value in list(element.attrib.items()):
        if key == "id":
            if value in used:
                element.set(key, f"{name}-{value}")
            else:
                del element.attrib[key]
        elif key == "href":
            element.set(key, f"#{name}-{value[1:]}")
        elif "url(#" in value:
            element.set(key, _REFERENCE.sub(rf"url(#{name}-\1)", value))


def _page_colours(element: Element) -> None:
    """Paints, in an attribute or in the style, as variables of the page where they are the paper's."""
    declared = dict(_declarations(element.get("style", "")))
    for paint in PAINTS:
        if element.get(paint, "").lower() in COLOURS:
            declared.setdefault(paint, element.attrib.pop(paint))
        colour = COLOURS.get(declared.get(paint, "").lower())
        if colour:
            declared[paint] = f"var(--{colour})"
    if declared:
        element.set("style", ";".join(f"{key}:{value}" for key, value in declared.items()))


def _declarations(style: str) -> list[tuple[str, str]]:
    parts = [part.partition(":") for part in style.split(";") if part.strip()]
    return [(key.strip(), value.strip()) for key, _, value in parts]
