"""Texts beside marks, where they hide neither marks nor each other."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.text import Annotation
    from matplotlib.transforms import Bbox

APART_PT = 6
# Where a text may stand, the best place first: its direction from the mark, and how it is aligned there.
PLACES = (
    (1, 0, "left", "center"), (-1, 0, "right", "center"), (0, 1, "center", "bottom"), (0, -1, "center", "top"),
    (0.7, 0.7, "left", "bottom"), (0.7, -0.7, "left", "top"), (-0.7, 0.7, "right", "bottom"),
    (-0.7, -0.7, "right", "top"), (0.7, 1.9, "left", "bottom"), (0.7, -1.9, "left", "top"),
    (-0.7, 1.9, "right", "bottom"), (-0.7, -1.9, "right", "top"),
)  # fmt: skip
MARK_PT = 3.5  # half of what a mark takes


def place_texts(
    axes: "Axes", texts: Sequence[tuple[tuple[float, float], str]], marks: Sequence[tuple[float, float]]
) -> None:
    """Write each text beside its place in data coordinates, once the axes are laid out; `marks` are all that is drawn.

    Each gets the first place at which it lies inside the axes and hides nothing, or else that where it hides the least.
    """
    from matplotlib.transforms import Bbox

    figure = axes.figure
    half = MARK_PT * figure.dpi / 72
    taken = [
        Bbox([[x - half, y - half], [x + half, y + half]]) for x, y in axes.transData.transform(list(marks)).tolist()
    ]
    inside = axes.get_window_extent()
    for place, text in texts:
        note = axes.annotate(text, place, xytext=(0, 0), textcoords="offset points")
        boxes = [_box(note, *where) for where in PLACES]
        costs = [_hidden(box, taken) + _outside(box, inside) for box in boxes]
        best = costs.index(min(costs))
        taken.append(_box(note, *PLACES[best]))


def _box(note: "Annotation", right: float, up: float, ha: str, va: str) -> "Bbox":
    """What a text takes at one of PLACES, where it stays."""
    note.set_position((right * APART_PT, up * APART_PT))
    note.set_horizontalalignment(ha)  # type: ignore[arg-type]
    note.set_verticalalignment(va)  # type: ignore[arg-type]
    return note.get_window_extent()


def _hidden(box: "Bbox", taken: Sequence["Bbox"]) -> float:
    """How much of what is drawn a text would lie on, in square pixels."""
    from matplotlib.transforms import Bbox

    both = (Bbox.intersection(box, other) for other in taken)
    return sum(part.width * part.height for part in both if part is not None)


def _outside(box: "Bbox", inside: "Bbox") -> float:
    """How much of a text would lie outside the axes, weighed more than what it may hide."""
    over_x = max(0.0, inside.x0 - box.x0) + max(0.0, box.x1 - inside.x1)
    over_y = max(0.0, inside.y0 - box.y0) + max(0.0, box.y1 - inside.y1)
    return 10 * (over_x * box.height + over_y * box.width)
