"""What trainings did step by step: the loss, and the time that each step took."""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cotejo.environment import merge_key
from cotejo.figures.hover import some_of, tell_along
from cotejo.figures.marks import unpublishable
from cotejo.figures.options import BY, COMMON
from cotejo.figures.panels import NARROW_IN, Looks, looks_of, panels_below_legend, settle
from cotejo.figures.select import Entry, entries, no_values, note
from cotejo.figures.style import Style, empty, wrapped
from cotejo.figures.telling import judged, named
from cotejo.files import digest, read_json
from cotejo.labels import number
from cotejo.record import samples_path

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLE = "Loss, and the time of a step, by step"
# By quantity: its name, with the unit.
NAMES = {"loss": "Loss (nats)", "step_ms": "Time of a step (ms)"}
FROM_ZERO = ("step_ms",)  # a loss is read by how it falls, and comes nowhere near nought
OPTIONS: dict[str, Any] = {
    "quantities": {
        "description": "What of each step is drawn, a panel for each.",
        "type": "array",
        "minItems": 1,
        "uniqueItems": True,
        "items": {"enum": list(NAMES)},
        "default": list(NAMES),
    },
    "mean_of": {
        "description": (
            "Over how many steps, one after another, a point is the mean; the figure says so. More where there are "
            "more steps than can be drawn."
        ),
        "type": "integer",
        "minimum": 1,
        "default": 1,
    },
    "by": {**BY, "default": ["model", "split", "accelerators"]},
    **COMMON,
}
INPUTS = ("records",)
METRIC = "loss_end"  # that every training has
MOST_POINTS = 400  # of a line: finer than it is thick
MOST_CURVES = 18
FEW = 60  # points of which each is marked
HEIGHT = 0.3  # of a panel, in the widest figure's width
PALE = 0.18


@dataclass(frozen=True)
class Curve:
    """A run's whole repeats, by quantity: one row for each repeat, one column for each step that all of them have."""

    entry: Entry
    by_quantity: Mapping[str, np.ndarray]

    @property
    def steps(self) -> int:
        return int(self.by_quantity["loss"].shape[1])


def draw(summary: "pd.DataFrame", options: Mapping[str, Any], style: Style, *, records: Path | None) -> "Figure":
    """A panel for each quantity, a line for each run: the median of its repeats, and from the least to the most."""
    from matplotlib.ticker import MaxNLocator

    title = options.get("title", TITLE)
    found, curves = _shown(summary, options, records)
    if not curves:
        return empty(style, title, no_values(found, METRIC))
    looks = looks_of([curve.entry for curve in curves])
    quantities = [name for name in NAMES if name in options.get("quantities", NAMES)]
    plot_in = style.width_in * (HEIGHT if style.width_in > NARROW_IN else 1.8 * HEIGHT)
    heights = [plot_in + (1 + 1.4 * (name == quantities[-1])) * style.line_in for name in quantities]
    lines = [*_gaps(found), *_told(curves, options), note(found, _options(options), "")]
    figure, panels = panels_below_legend(style, title, "\n".join(lines), _handles(curves, looks, options), heights, 1)
    for (axes,), name in zip(panels, quantities, strict=True):
        for curve in curves:
            _line(axes, curve, name, looks, options)
        if name in FROM_ZERO:
            axes.set_ylim(bottom=0)
        axes.set_xlim(left=0)
        axes.yaxis.set_major_formatter("{x:,g}")
        axes.xaxis.set_major_locator(MaxNLocator("auto", integer=True))
        axes.xaxis.set_major_formatter("{x:,g}")
        axes.grid()
        axes.set_ylabel("\n".join(wrapped(f"{NAMES[name]}, lower is better", plot_in, style.text_pt)))
        axes.tick_params(labelbottom=name == quantities[-1])
    panels[-1][0].set_xlabel("Step, after the warm-up")
    settle(figure)
    return figure


def describe(summary: "pd.DataFrame", options: Mapping[str, Any], *, records: Path | None) -> str:
    """Where each curve begins and ends, and the median of its steps' times, in words."""
    found, curves = _shown(summary, options, records)
    said = []
    for curve in curves:
        loss, time = (np.median(curve.by_quantity[name], axis=0) for name in NAMES)
        said.append(
            f"{curve.entry.label} ({curve.entry.row['verdict']}): {curve.steps} steps; loss {number(loss[0])} to "
            f"{number(loss[-1])} nats; a step {number(statistics.median(time))} ms (median)."
        )
    return " ".join([*said, *_gaps(found)]) or "No data."


def read_curve(folder: Path, entry: Entry) -> Curve | None:
    """The steps of a run's whole repeats in the entry's environment, from their samples; None where there are none.

    `folder` is a study's folder of results. Of repeats of unlike lengths, only the steps that all of them took.
    """
    import pandas as pd

    run = folder / "records" / entry.row["system"] / f"{entry.row['run']}~{entry.row['digest']}"
    records = {path: read_json(path) for path in sorted(run.glob("r*.json"))}
    repeats = [
        pd.read_csv(samples_path(path)).sort_values("index")
        for path, record in records.items()
        if record["status"] == "ok" and digest(merge_key(record), 6) == entry.row["environment"]
    ]
    if not repeats:
        return None
    steps = min(len(repeat) for repeat in repeats)
    loss = np.array([repeat["loss"].to_numpy()[:steps] for repeat in repeats])
    time = np.array([1000 * (repeat["done_s"] - repeat["sent_s"]).to_numpy()[:steps] for repeat in repeats])
    return Curve(entry, {"loss": loss, "step_ms": time})


def means_of(values: np.ndarray, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows of values, a column for each step, as means over so many steps: where each lies, counted from 1, and they.

    The last one is of what is left.
    """
    starts = range(0, values.shape[1], width)
    parts = [values[:, start : start + width] for start in starts]
    places = [start + (part.shape[1] + 1) / 2 for start, part in zip(starts, parts, strict=True)]
    return np.array(places), np.stack([part.mean(axis=1) for part in parts], axis=1)


def _shown(
    summary: "pd.DataFrame", options: Mapping[str, Any], records: Path | None
) -> tuple[list[Entry], list[Curve]]:
    """The runs, and the curves of those whose records are here."""
    found = entries(summary, _options(options), [METRIC], most=MOST_CURVES)
    here = [entry for entry in found if records and not entry.gap and not entry.row["origin"]]
    curves = (read_curve(records, entry) for entry in here if records)
    return found, [curve for curve in curves if curve]


def _options(options: Mapping[str, Any]) -> dict[str, Any]:
    return {"by": OPTIONS["by"]["default"], **options}


def _gaps(found: Sequence[Entry]) -> list[str]:
    """Why a run has no line: it failed, or was not measured here."""
    elsewhere = [f"{entry.label}: its steps lie where they were measured." for entry in found if entry.row["origin"]]
    return [*dict.fromkeys(f"{entry.label}: {entry.gap}." for entry in found if entry.gap), *elsewhere]


def _width(curve: Curve, options: Mapping[str, Any]) -> int:
    return max(int(options.get("mean_of", 1)), math.ceil(curve.steps / MOST_POINTS))


def _told(curves: Sequence[Curve], options: Mapping[str, Any]) -> list[str]:
    """How the lines are read."""
    repeats = sorted({len(curve.by_quantity["loss"]) for curve in curves})
    if repeats == [1]:
        lines = ["Line: the one repeat, which has no range."]
    else:
        among = f"{repeats[0]} to {repeats[-1]}" if len(repeats) > 1 else f"{repeats[0]}"
        lines = [f"Line: the median of {among} repeats at each step; pale: from the least of them to the most."]
    widths = sorted({_width(curve, options) for curve in curves})
    if widths[-1] > 1:
        among = f"{widths[0]} to {widths[-1]}" if len(widths) > 1 else f"{widths[0]}"
        lines.append(f"Smoothed: each point is the mean of {among} steps.")
    else:
        lines.append("Each step by itself: nothing is smoothed.")
    words = unpublishable([curve.entry for curve in curves])
    return [*lines, *([f"All repeats together: {words}."] if words else [])]


def _line(axes: "Axes", curve: Curve, name: str, looks: Looks, options: Mapping[str, Any]) -> None:
    """One quantity of one run."""
    colour, marker = looks[curve.entry.label]
    width = _width(curve, options)
    places, means = means_of(curve.by_quantity[name], width)
    (line,) = axes.plot(
        places, np.median(means, axis=0), color=colour, linewidth=1.1, marker=marker if len(places) <= FEW else "",
        markersize=3.5, markerfacecolor="white", markeredgewidth=0.9,
    )  # fmt: skip
    tell_along(line, {k: _told_of_step(curve, name, places[k], means[:, k], width) for k in some_of(len(places))})
    if len(means) > 1:
        axes.fill_between(places, means.min(axis=0), means.max(axis=0), color=colour, alpha=PALE, linewidth=0)


def _told_of_step(curve: Curve, name: str, place: float, values: np.ndarray, width: int) -> str:
    """A step's value in words: of several repeats their median, and from the least to the most."""
    quantity, _, unit = NAMES[name].rstrip(")").partition(" (")
    mean = f", mean of {width} steps" if width > 1 else ""
    several = f"median of {len(values)} repeats, {number(min(values))} to {number(max(values))}"
    among = several if len(values) > 1 else "one repeat"
    text = f"step {place:g}{mean}: {quantity.lower()} {number(float(np.median(values)))} {unit}"
    return f"{named(curve.entry)}: {text} ({among}), {', '.join(judged([curve.entry.row]))}"


def _handles(curves: Sequence[Curve], looks: Looks, options: Mapping[str, Any]) -> "list[Artist]":
    from matplotlib.lines import Line2D

    few = all(math.ceil(curve.steps / _width(curve, options)) <= FEW for curve in curves)
    handles: list[Artist] = []
    for label, (colour, marker) in looks.items():
        line = Line2D([], [], color=colour, linewidth=1.1, markersize=4, markerfacecolor="white", label=label)
        line.set_marker(marker if few else "")
        handles.append(line)
    return handles
