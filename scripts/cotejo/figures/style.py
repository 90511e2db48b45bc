"""What all figures share in looks. matplotlib is imported only when something is drawn."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cotejo.figures.hover import with_titles

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito 2008, "Color Universal Design": told apart with any colour vision. No yellow: too pale on white.
PALETTE = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00")
INK = "#222222"
MUTED = "#666666"
GRID = "#dddddd"
FAILED = "#B33A00"
HATCH = "//////"


@dataclass(frozen=True)
class Style:
    """A printed size: the figure's width in inches, its text and its note in points, drawn to be used unscaled."""

    width_in: float
    text_pt: float
    note_pt: float
    heading: bool = True  # above it; in a paper the caption says that
    dpi: int = 200

    @property
    def line_in(self) -> float:
        """The height of a line of text."""
        return self.text_pt * 1.35 / 72

    def characters(self, width_in: float, text_pt: float | None = None) -> int:
        """How many characters fit a width: DejaVu Sans takes 0.59 of its size for the average one."""
        return max(8, int(width_in * 72 / (0.59 * (text_pt or self.text_pt))))

    def wrapped(self, text: str, share: float) -> str:
        """A text broken into lines that take at most a share of the figure's width."""
        return "\n".join(wrapped(text, self.width_in * share, self.text_pt))


def wrapped(text: str, width_in: float, size_pt: float, weight: str = "normal") -> list[str]:
    """A text's lines, each broken where it would be wider than that, and none beginning with a dot.

    A word that is wider stays whole.
    """
    lines: list[str] = []
    for part in text.replace(" · ", "\u00a0· ").split("\n"):
        line = ""
        for word in filter(None, part.split(" ")):
            longer = f"{line} {word}" if line else word
            if line and text_width_in(longer, size_pt, weight) > width_in:
                lines.append(line)
                longer = word
            line = longer
        lines += [line] if line else []
    return [line.replace("\u00a0·", " ·") for line in lines]


@cache
def text_width_in(text: str, size_pt: float, weight: str = "normal") -> float:
    """How wide a line of text is, in inches; hinting adds up to two hundredths."""
    from matplotlib.font_manager import FontProperties, findfont, get_font

    font = get_font(findfont(FontProperties(family="DejaVu Sans", weight=weight)))
    font.set_size(size_pt, 72)
    font.set_text(text)
    return 1.02 * float(font.get_width_height()[0]) / 64 / 72


LOOKS = ("screen", "paper")
# By width, on a screen and in a paper: there no text is smaller than 7 points, and the caption is the heading.
STYLES = {"column": Style(3.5, 7, 7), "full": Style(7, 9, 8.5)}
PAPER = {"column": Style(3.5, 7, 7, heading=False, dpi=600), "full": Style(7, 8, 7.5, heading=False, dpi=600)}


def style_of(look: str, width: str | None) -> Style:
    """How a figure is drawn, by `figures: style:` and its own width; on a screen it is wide, in a paper a column."""
    return PAPER[width or "column"] if look == "paper" else STYLES[width or "full"]


@contextmanager
def applied(style: Style) -> Iterator[None]:
    """Draw and save inside this: the same bytes for the same data, and text that stays text."""
    import matplotlib

    rules: Any = {
        "font.family": "sans-serif",
        "font.sans-serif": ["DejaVu Sans", "Verdana", "sans-serif"],
        "font.size": style.text_pt,
        "axes.labelsize": style.text_pt,
        "axes.labelcolor": INK,
        "axes.edgecolor": MUTED,
        "axes.linewidth": 0.6,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.axisbelow": True,
        "grid.color": GRID,
        "grid.linewidth": 0.6,
        "hatch.linewidth": 0.7,
        "legend.fontsize": style.text_pt,
        "legend.frameon": False,
        "text.color": INK,
        "text.parse_math": False,  # a dollar sign in a title is a dollar sign
        "xtick.color": MUTED,
        "xtick.labelcolor": INK,
        "xtick.labelsize": style.text_pt,
        "ytick.color": MUTED,
        "ytick.labelcolor": INK,
        "ytick.labelsize": style.text_pt,
        "svg.fonttype": "none",
        "pdf.fonttype": 42,  # TrueType, which publishers ask for
        "svg.hashsalt": "cotejo",
    }
    with matplotlib.rc_context(rules):
        yield


def canvas(style: Style, title: str, note: str, plot_height_in: float) -> "tuple[Figure, Axes]":
    """A figure with its heading above, its note below, and one pair of axes between."""
    from matplotlib.figure import Figure

    heading_pt, note_pt, margin_in = style.text_pt + 1.5, style.note_pt, 0.06
    room_in = style.width_in - 2 * margin_in
    heading = wrapped(title, room_in, heading_pt, "bold") if style.heading else []
    lines = wrapped(note, room_in, note_pt)
    top_in = len(heading) * heading_pt * 1.25 / 72 + 2 * margin_in
    bottom_in = len(lines) * note_pt * 1.25 / 72 + 2 * margin_in
    height_in = top_in + plot_height_in + bottom_in

    figure = Figure(figsize=(style.width_in, height_in), layout="constrained", facecolor="white")
    engine = figure.get_layout_engine()
    assert engine is not None
    engine.set(rect=(0, bottom_in / height_in, 1, plot_height_in / height_in), w_pad=margin_in, h_pad=margin_in)  # type: ignore[call-arg]
    left = margin_in / style.width_in
    figure.text(
        left, 1 - margin_in / height_in, "\n".join(heading), fontsize=heading_pt, fontweight="bold", va="top",
        linespacing=1.15,
    )  # fmt: skip
    figure.text(
        left, margin_in / height_in, "\n".join(lines), fontsize=note_pt, color=MUTED, va="bottom", linespacing=1.15
    )
    return figure, figure.add_subplot()


def empty(style: Style, title: str, message: str) -> "Figure":
    """A figure that says why it shows nothing."""
    figure, axes = canvas(style, title, "", style.line_in * 6)
    axes.set_axis_off()
    text = style.wrapped(f"no data: {message}", 0.9)
    axes.text(0.5, 0.5, text, ha="center", va="center", color=MUTED, transform=axes.transAxes)
    return figure


def colours(names: Iterable[str]) -> Mapping[str, str]:
    """A colour for each distinct name, in order of appearance; more names than colours begin again."""
    return {name: PALETTE[index % len(PALETTE)] for index, name in enumerate(dict.fromkeys(names))}


def save(figure: "Figure", path: Path, form: str, title: str, words: str = "", dpi: int = 200) -> None:
    """Write a figure as svg, png or pdf, the same bytes for the same figure each time.

    `words` say the same as the figure, for who can't see it. In an svg each mark has its value as its title.
    """
    dates = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}
    metadata: dict[str, Any] = {"Title": title, **dates.get(form, {})}
    metadata["Subject" if form == "pdf" else "Description"] = words
    figure.savefig(path, format=form, metadata=metadata, dpi=dpi)
    if form == "svg":
        path.write_text(with_titles(path.read_text(encoding="utf-8"), figure), encoding="utf-8")
