"""How latencies are distributed: the share of requests answered within a time."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from cotejo.distribution import Distribution, of_row
from cotejo.figures.hover import some_of, tell_along, tell_each
from cotejo.figures.marks import unpublishable
from cotejo.figures.options import BY, COMMON
from cotejo.figures.panels import MOST_LINES, NARROW_IN, Looks, looks_of, panels_below_legend, settle
from cotejo.figures.select import Entry, Row, entries, no_values, note, sentence
from cotejo.figures.style import MUTED, Style, empty
from cotejo.figures.telling import judged, named, of_entry
from cotejo.floors import SAMPLE_FLOORS
from cotejo.labels import load_label, number

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

TITLE = "How many requests were answered within a time"
OPTIONS: dict[str, Any] = {"by": BY, **COMMON}
INPUTS = ("distributions",)
METRIC = "latency_p50_ms"
PERCENTILES = tuple(f"latency_p{q}_ms" for q in (50, 90, 95, 99))
SAME = ("study", "run", "digest", "origin", "system", "environment", "level")
DASHED = (0, (4, 1.5))
WIDE = 30  # beyond this ratio of the longest time to the shortest, the axis is logarithmic


def draw(
    summary: "pd.DataFrame", options: Mapping[str, Any], style: Style, *, distributions: "pd.DataFrame"
) -> "Figure":
    """A curve for each run and level, its repeats faint behind it; a panel for each kind of load.

    A curve is the median of its repeats' times at each share, and ends at the highest share that all of them tell of.
    """
    title = options.get("title", TITLE)
    found = entries(summary, options, [METRIC], without=["load"], most=MOST_LINES)
    curves = [(entry, repeats_of(entry, distributions)) for entry in found if not entry.gap]
    curves = [(entry, repeats) for entry, repeats in curves if repeats]
    if not curves:
        return empty(style, title, no_values(found, METRIC))
    loads = list(dict.fromkeys(entry.row["load"] for entry, _ in curves))
    looks = looks_of(found)
    gaps = dict.fromkeys(f"{entry.label}: {entry.gap}." for entry in found if entry.gap)
    floors = ", ".join(f"p{q} {SAMPLE_FLOORS[q]}" for q in (90, 95, 99))
    text = "\n".join([
        *gaps,
        "Thick: the median of the repeats at each share; faint: the repeats. Marks: p50, p90, p95 and p99, as far as "
        f"there are samples enough ({floors}); a curve ends where its shortest repeat tells no more.",
        note(found, options, "", without=["load"]),
    ])  # fmt: skip
    columns = len(loads) if style.width_in > NARROW_IN else 1
    rows = len(loads) // columns
    height_in = style.width_in * (0.42 if columns > 1 or style.width_in > NARROW_IN else 0.65) + 2 * style.line_in
    handles = _handles([entry for entry, _ in curves], looks)
    figure, grid = panels_below_legend(style, title, text, handles, [height_in] * rows, columns)
    for axes, load in zip(grid.ravel(), loads, strict=True):
        _panel(axes, [curve for curve in curves if curve[0].row["load"] == load], summary, looks, load)
    settle(figure)
    return figure


def describe(summary: "pd.DataFrame", options: Mapping[str, Any], *, distributions: "pd.DataFrame") -> str:
    """The percentiles that the curves pass through, in words."""
    found = entries(summary, options, PERCENTILES)
    parts = [(metric, [entry for entry in found if entry.row["metric"] == metric]) for metric in PERCENTILES]
    gaps = [f"{entry.label} {entry.gap}." for entry in found if not entry.row["metric"]]
    return " ".join([*(sentence(members, metric) for metric, members in parts), *gaps])


def repeats_of(entry: Entry, distributions: "pd.DataFrame") -> list[Distribution]:
    """The distributions of the repeats behind an entry."""
    own = distributions
    for column in SAME:
        own = own[own[column] == entry.row[column]]
    return [of_row(row) for row in own.to_dict("records")]  # type: ignore[arg-type]


def _panel(
    axes: "Axes", curves: Sequence[tuple[Entry, list[Distribution]]], summary: "pd.DataFrame", looks: Looks, load: str
) -> None:
    """The curves of one kind of load."""
    for entry, repeats in curves:
        colour, marker = looks[entry.label]
        line = "-" if entry.publishable else DASHED
        for repeat in repeats:
            axes.plot(repeat.latencies_ms, 100 * np.array(repeat.shares), color=colour, linewidth=0.5, alpha=0.4)
        shares, times_ms = middle_of(repeats)
        (curve,) = axes.plot(times_ms, 100 * shares, color=colour, linewidth=1.5, linestyle=line)
        tell_along(curve, {k: _told(entry, shares[k], times_ms[k], len(repeats)) for k in some_of(len(shares))})
        percentiles = percentiles_of(entry, summary)
        x = [percentile.row["median"] for percentile in percentiles.values()]
        face = colour if entry.publishable else "white"
        marks = axes.scatter(
            x, [*percentiles], s=30, marker=marker, facecolor=face, edgecolor=colour, linewidth=1.1, zorder=4
        )
        tell_each(marks, [of_entry(percentile) for percentile in percentiles.values()])
    times = [
        time
        for _, repeats in curves
        for repeat in repeats
        for time in (min(repeat.latencies_ms), max(repeat.latencies_ms))
    ]
    if max(times) > WIDE * min(times) > 0:
        axes.set_xscale("log")
    else:
        axes.set_xlim(left=0)
    axes.xaxis.set_major_formatter("{x:,g}")
    axes.set_ylim(0, 102)
    axes.set_xlabel(f"Latency (ms), {load_label(load)}; lower is better")
    axes.set_ylabel("Requests answered within it (%)")
    axes.grid()


def middle_of(repeats: Sequence[Distribution]) -> tuple[np.ndarray, np.ndarray]:
    """The shares that all repeats tell of, and the median over the repeats of the time at each, in ms."""
    shortest = min(repeats, key=lambda repeat: repeat.shares[-1])
    shares = np.array(shortest.shares)
    return shares, np.median([np.interp(shares, repeat.shares, repeat.latencies_ms) for repeat in repeats], axis=0)


def _told(entry: Entry, share: float, time_ms: float, repeats: int) -> str:
    """A place of a curve in words."""
    of = f"median of {repeats} repeats" if repeats > 1 else "one repeat"
    answered = f"{100 * share:.3g} % of the requests answered within {number(time_ms)} ms"
    return f"{named(entry)}: {answered} ({of}), {', '.join(judged([entry.row]))}"


def percentiles_of(entry: Entry, summary: "pd.DataFrame") -> dict[int, Entry]:
    """An entry's percentiles that have a value, by which they are."""
    own = summary
    for column in SAME:
        own = own[own[column] == entry.row[column]]
    rows: dict[str, Row] = {row["metric"]: row for row in own.to_dict("records")}  # type: ignore[misc]
    known = {q: rows[f"latency_p{q}_ms"] for q in (50, 90, 95, 99) if f"latency_p{q}_ms" in rows}
    return {q: replace(entry, row=row) for q, row in known.items() if not math.isnan(row["median"])}


def _handles(drawn: Sequence[Entry], looks: Looks) -> "list[Line2D]":
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], color=looks[label][0], marker=looks[label][1], markersize=5, linewidth=1.5, label=label)
        for label in dict.fromkeys(entry.label for entry in drawn)
    ]
    words = unpublishable(drawn)
    if words:
        dashed = Line2D([], [], color=MUTED, linestyle=DASHED, marker="o", markersize=5, markerfacecolor="white")
        dashed.set_label(f"dashed, hollow: {words}")
        handles.append(dashed)
    return handles
