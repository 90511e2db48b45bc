"""What the marks of a figure say when one points at them: `tell` it where a mark is drawn, `save` writes it.

In an SVG each told mark gets a <title> of one line, which browsers show by themselves; PNG and PDF stay as they are.
The marks of `marks`, and so the rows and lines of `rows` and `panels`, are told there: a kind of figure that draws by
these needs nothing more, and one with marks of its own tells them by `tell`, `tell_each` or `tell_along`, in the words
of `telling`. A test draws every kind and fails where a value is told by no mark.

What an artist tells is kept in its gid, which matplotlib writes as the id of its group.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

MOST_ALONG = 40  # places of one line that tell their values
TOLD = "told:"
# The radius around a small mark that counts as pointing at it: half of the way to its neighbour, between these.
LEAST_HIT_PT, MOST_HIT_PT = 1.5, 4.5
# What lies over a told mark lets the pointer through: whiskers, repeats' dots, lines and backgrounds, but no text.
PASSED = ("line2d", "patch", "PathCollection", "LineCollection", "FillBetweenPolyCollection", "PolyCollection")

_SVG = "http://www.w3.org/2000/svg"
_PREFIXES = {
    "": _SVG,
    "xlink": "http://www.w3.org/1999/xlink",
    "cc": "http://creativecommons.org/ns#",
    "dc": "http://purl.org/dc/elements/1.1/",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
}
_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")  # in any XML, written as they are or not


def tell(artist: "Artist", text: str) -> None:
    """Let an artist, such as a bar or a scatter of one mark, say this."""
    _keep(artist, whole=one_line(text))


def tell_each(artist: "Artist", texts: Sequence[str]) -> None:
    """Let each of a line's markers, or of a scatter's marks, say its text; as many as are drawn."""
    _keep(artist, each=[one_line(text) for text in texts])


def tell_along(line: "Line2D", texts: Mapping[int, str]) -> None:
    """Let places of a line without markers say their texts, by their indices in its data."""
    _keep(line, along={place: one_line(text) for place, text in texts.items()})


def some_of(number: int) -> Iterator[int]:
    """Of the places 0 to `number` - 1, evenly at most MOST_ALONG, the first and the last among them."""
    most = min(number, MOST_ALONG)
    yield from (round(place * (number - 1) / max(1, most - 1)) for place in range(most))


def one_line(text: str) -> str:
    """A text in one line, of ordinary spaces; the parts of a label divided by commas."""
    return _ILLEGAL.sub("", " ".join(text.split()).replace(" · ", ", "))


def with_titles(svg: str, figure: "Figure") -> str:
    """The SVG that was just saved of a figure, with what its artists tell as titles; the same bytes each time."""
    for prefix, space in _PREFIXES.items():
        ElementTree.register_namespace(prefix, space)
    root = ElementTree.fromstring(_ILLEGAL.sub("", svg))
    for title in root.findall(f"{{{_SVG}}}title"):
        root.remove(title)  # browsers would show it wherever no mark is; the metadata keeps it
    lines = {artist.get_gid(): artist for artist in figure.findobj(_tells)}
    parents = {child: parent for parent in root.iter() for child in parent}
    found = [element for element in parents if element.get("id", "").startswith(TOLD)]
    for number, element in enumerate(found, start=1):
        kept = element.attrib["id"]
        said = json.loads(kept.removeprefix(TOLD))
        element.set("id", f"told_{number}")
        if "whole" in said:
            _hit_areas(element)
            element.insert(0, _title(said["whole"]))
        if "each" in said:
            places = [_place(mark) for mark in _uses(element)]
            element.extend(_circle(*place, text) for place, text in zip(places, said["each"], strict=True))
        if "along" in said:
            element.extend(_circles(lines[kept], said["along"], figure))  # type: ignore[arg-type]
    _set_radii([circle for element in found for circle in element.iter(f"{{{_SVG}}}circle")])
    telling = set(found)
    for parent in dict.fromkeys(parents[element] for element in found):
        for element in parent:
            if element not in telling and element.get("id", "").startswith(PASSED):
                element.set("pointer-events", "none")
    return f'<?xml version="1.0" encoding="utf-8"?>\n{ElementTree.tostring(root, encoding="unicode")}\n'


def _keep(artist: "Artist", **said: object) -> None:
    artist.set_gid(TOLD + json.dumps({**said, "by": id(artist)}))  # two may say the same


def _tells(artist: "Artist") -> bool:
    return (artist.get_gid() or "").startswith(TOLD)


def _title(text: str) -> Element:
    title = Element(f"{{{_SVG}}}title")
    title.text = text
    return title


def _uses(element: Element) -> list[Element]:
    """The markers in a group, in their order; letters drawn as shapes have no place of their own."""
    return [use for use in element.iter(f"{{{_SVG}}}use") if "x" in use.attrib]


def _place(mark: Element) -> tuple[float, float]:
    return float(mark.attrib["x"]), float(mark.attrib["y"])


def _hit_areas(element: Element) -> None:
    """A circle around each small mark of a group, which is seen by the pointer alone."""
    element.extend([_circle(*_place(mark)) for mark in _uses(element)])


def _circle(x: float, y: float, text: str = "") -> Element:
    place = {"cx": f"{x:.2f}", "cy": f"{y:.2f}"}
    circle = Element(f"{{{_SVG}}}circle", {**place, "fill": "none", "pointer-events": "all"})
    if text:
        circle.append(_title(text))
    return circle


def _set_radii(circles: Sequence[Element]) -> None:
    """Give circles of all of a figure's marks the widths at which none covers another's middle."""
    import numpy as np

    centres = np.array([complex(float(one.attrib["cx"]), float(one.attrib["cy"])) for one in circles])
    for place, circle in enumerate(circles):
        away = np.delete(np.abs(centres - centres[place]), place)
        radius = np.clip(away.min(initial=np.inf) / 2, LEAST_HIT_PT, MOST_HIT_PT)
        circle.set("r", f"{radius:.2f}")


def _circles(line: "Line2D", texts: Mapping[str, str], figure: "Figure") -> Iterator[Element]:
    """Circles with titles at places of a line, which the SVG's own simplified path no longer tells."""
    points = line.get_transform().transform(line.get_xydata()) * 72 / figure.dpi
    height_pt = figure.get_size_inches()[1] * 72
    for place, text in texts.items():
        x, y = points[int(place)]
        yield _circle(x, height_pt - y, text)
