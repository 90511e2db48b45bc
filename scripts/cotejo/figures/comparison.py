"""Two results folders side by side: each run's ratio of speeds. It draws a comparison, so it is no study's kind."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cotejo.comparison.gate import speed
from cotejo.comparison.table import INDISTINGUISHABLE, NEWLY_FAILED
from cotejo.figures.hover import tell
from cotejo.figures.select import COMMON, MOST_LABELS, row_labels
from cotejo.figures.style import FAILED, MUTED, PALETTE, Style, canvas, empty
from cotejo.figures.telling import between
from cotejo.labels import mark_label, metric_label, number, value_label
from cotejo.verdict import SEPARATOR

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLE = "Candidate against baseline: the ratio of their speeds"
Row = Mapping[str, Any]
SIDES = ("baseline", "candidate")

# Colour and marker of each standing: told apart without colour too.
LOOKS = {"faster": (PALETTE[0], ">"), "slower": (PALETTE[5], "<"), INDISTINGUISHABLE: (MUTED, "o")}
MOST_TICKS = 7


def draw(comparison: "pd.DataFrame", style: Style, title: str = TITLE) -> "Figure":
    """A row for each run and level, by its headline metric; a run that can't be compared is a labelled gap."""
    everything = headlines(comparison)
    rows = everything[:MOST_LABELS]
    if all(math.isnan(row["ratio"]) for row in rows):
        notes = dict.fromkeys(row["note"] for row in rows)
        return empty(style, title, "; ".join(notes) or "the folders hold no run")
    names = row_labels(rows, ("name",), ())
    labels = [style.wrapped(name, 0.36) for name in names]
    gaps = {place: style.wrapped(row["note"], 0.45) for place, row in enumerate(rows) if math.isnan(row["ratio"])}
    lines = max(text.count("\n") + 1 for text in (*labels, *gaps.values()))
    text = "\n".join([_note(rows), *_said_of_room(len(everything) - len(rows))])
    figure, axes = canvas(style, title, text, (len(rows) * max(1.8, lines + 0.6) + 4) * style.line_in)
    axes.set_xscale("log")
    axes.axvline(1, color=MUTED, linewidth=0.9, zorder=1)
    for place, row in enumerate(rows):
        if place in gaps:
            _gap(axes, place, gaps[place], FAILED if row["standing"] == NEWLY_FAILED else MUTED, names[place], row)
        else:
            _point(axes, place, row, names[place])
    axes.set_yticks(range(len(rows)), labels)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    _scale(axes, rows)
    axes.set_xlabel("Candidate's speed / baseline's speed; further right is faster")
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x")
    _legend(axes, rows)
    return figure


def _said_of_room(left_out: int) -> list[str]:
    return [f"Drawn: the first, for want of room; {left_out:,} more are not: all are in comparison.csv."] * (
        left_out > 0
    )


def headlines(comparison: "pd.DataFrame") -> list[Row]:
    """The rows that are drawn: each level's headline metric, and the runs that have none to compare."""
    chosen = comparison[(comparison["headline"] == "yes") | (comparison["metric"] == "")]
    rows: list[Row] = [*chosen.to_dict("records")]  # type: ignore[list-item]
    return [{**row, "origin": "", "load": "", "inputs": "", **_shared(row)} for row in rows]


def _shared(row: Row) -> dict[str, str]:
    """The system and the environment of both sides, blank where they have unlike ones."""
    sides = {name: {row[f"{side}_{name}"] for side in SIDES} - {""} for name in ("system", "environment")}
    return {name: found.pop() if len(found) == 1 else "" for name, found in sides.items()}


def publishable(row: Row) -> bool:
    """Whether both sides of a row are."""
    return row["baseline_verdict"] == row["candidate_verdict"] == "publishable"


def _point(axes: "Axes", place: float, row: Row, name: str) -> None:
    """A ratio of speeds with its interval and, at the right edge, its number; hollow unless publishable."""
    colour, marker = LOOKS[row["standing"]]
    ratio, low, high = speed(row)
    text = f"{ratio:.2f}, too few repeats"
    if not math.isnan(low):
        axes.errorbar(
            ratio, place, xerr=[[ratio - low], [high - ratio]], color=colour, linewidth=1.1, capsize=2.5, zorder=3
        )
        text = f"{ratio:.2f} ({low:.2f} to {high:.2f})"
    face = colour if publishable(row) else "white"
    shape = axes.scatter(
        [ratio], [place], s=34, marker=marker, facecolor=face, edgecolor=colour, linewidth=1.2, zorder=4
    )
    tell(shape, _told(row, name))
    axes.annotate(
        text, (1, place), xycoords=axes.get_yaxis_transform(), xytext=(4, 0), textcoords="offset points", va="center"
    )


def _told(row: Row, name: str) -> str:
    """A ratio in words: what of, its interval, both sides, and what it is worth."""
    ratio, low, high = speed(row)
    interval = between(low, high)
    sides = [_told_of(row, side) for side in SIDES]
    marks = [mark for mark in row["marks"].split(SEPARATOR) if mark]
    speeds = f"{ratio:.2f} times the baseline's speed ({interval}), {row['standing']}"
    return "; ".join([f"{name}: {metric_label(row['metric'])}: {speeds}", *sides, *marks])


def _told_of(row: Row, side: str) -> str:
    worth = f"{row[f'{side}_verdict']}, n = {row[f'{side}_repeats']:.0f}"
    return f"{side} {number(row[f'{side}_median'])} {row['unit']} ({worth})"


def _gap(axes: "Axes", place: float, text: str, colour: str, name: str, row: Row) -> None:
    """What stands where a ratio would be."""
    words = axes.annotate(
        text, (0, place), xycoords=axes.get_yaxis_transform(), xytext=(4, 0), textcoords="offset points",
        va="center", color=colour, style="italic", bbox={"facecolor": "white", "linewidth": 0, "pad": 1},
    )  # fmt: skip
    tell(words, f"{name}: {row['note']}")


def _scale(axes: "Axes", rows: Sequence[Row]) -> None:
    """A logarithmic axis, on which half as fast is as far as twice as fast, with 1 in sight and numbers people read."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    found = [value for row in rows for value in speed(row) if not math.isnan(value)]
    low, high = min([*found, 0.95]), max([*found, 1.05])
    spare = (high / low) ** 0.06
    axes.set_xlim(low / spare, high * spare)
    axes.xaxis.set_major_locator(FixedLocator(_ticks(low / spare, high * spare)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_locator(NullLocator())


def _ticks(low: float, high: float) -> list[float]:
    """The finest steps, 1 among them, that are few enough to be read: hundredths to halves, or else powers."""
    for step in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5):
        ticks = [1 + step * count for count in range(math.ceil((low - 1) / step), math.floor((high - 1) / step) + 1)]
        if len(ticks) <= MOST_TICKS and ticks[0] > 0:
            return ticks
    base = next(base for base in (2, 4, 10, 100, 1000) if math.log(high / low, base) <= MOST_TICKS - 1)
    return [base**power for power in range(math.ceil(math.log(low, base)), math.floor(math.log(high, base)) + 1)]


def _legend(axes: "Axes", rows: Sequence[Row]) -> None:
    from matplotlib.lines import Line2D

    found = {row["standing"] for row in rows}
    handles = [
        Line2D([], [], linestyle="", marker=marker, markersize=5.5, color=colour, label=standing)
        for standing, (colour, marker) in LOOKS.items()
        if standing in found
    ]
    if not all(publishable(row) for row in rows if not math.isnan(row["ratio"])):
        hollow = Line2D([], [], linestyle="", marker="o", markersize=5.5, markerfacecolor="white")
        hollow.set(markeredgecolor=MUTED, label="hollow: one side or both not publishable")
        handles.append(hollow)
    axes.legend(
        handles=handles, loc="lower left", bbox_to_anchor=(-0.02, 1), ncols=2, borderaxespad=0.3, handlelength=1.2
    )


def _note(rows: Sequence[Row]) -> str:
    """What must stand under the figure: the folders, what is common to all rows, how a mark is read."""
    first = rows[0]
    common = {column: {row[column] for row in rows} - {""} for column in COMMON if column not in ("system", "origin")}
    shown = [row for row in rows if not math.isnan(row["ratio"])]
    systems = {side: ", ".join(dict.fromkeys(row[f"{side}_system"] for row in shown)) for side in SIDES}
    differs = dict.fromkeys(name for row in shown for name in row["differs"].split(", ") if name)
    metrics = dict.fromkeys(metric_label(row["metric"]) for row in shown)
    inverted = dict.fromkeys(metric_label(row["metric"]) for row in shown if row["better"] == "lower")
    marks = "; ".join(map(mark_label, dict.fromkeys(m for row in rows for m in row["marks"].split(SEPARATOR) if m)))
    lines = [
        " · ".join(value_label(column, *values) for column, values in common.items() if len(values) == 1),
        *(f"{side.capitalize()}: {first[side]} (system {systems[side]})." for side in SIDES),
        f"They differ in {', '.join(differs)}." if differs else "",
        f"{', '.join(metrics)}: median of the ratios of all pairs of repeats; whisker: its 95\u00a0% interval.",
        f"Of {', '.join(inverted)} less is better: there the ratio is turned over." if inverted else "",
        f"{marks[:1].upper()}{marks[1:]}." if marks else "",
    ]
    return "\n".join(filter(None, lines))
