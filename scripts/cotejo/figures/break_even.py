"""Owning against renting: what the same work costs on both by how busy the owned machine is."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cotejo.cost import WORKS, Price, Swing, seconds_of_work
from cotejo.cost_pairs import Pair, pairs, taken_as
from cotejo.cost_rows import MEASURED, Row, price_of
from cotejo.cost_words import roughly, share, shares
from cotejo.figures.costs import cost_axis, entries_of, handle, note_of, nothing_priced, said_of_gaps, told, usd
from cotejo.figures.hover import some_of, tell, tell_along
from cotejo.figures.marks import unpublishable
from cotejo.figures.options import BY, COMMON
from cotejo.figures.panels import NARROW_IN, panels_below_legend, settle
from cotejo.figures.select import DEFAULT_BY, Entry
from cotejo.figures.style import INK, MUTED, PALETTE, Style, empty
from cotejo.figures.telling import judged
from cotejo.labels import number

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

TITLE = "How busy an owned machine must be to cost less than a rented one"
INPUTS = ("cost",)
_SYSTEM = {
    "type": "string",
    "pattern": "^[a-z0-9][a-z0-9.-]*$",
    "x-pattern": "must be the name of a file in config/systems, without .yaml",
}
OPTIONS: dict[str, Any] = {
    "owned": {"description": "The machine that is bought: the name of a file in `config/systems/`.", **_SYSTEM},
    "rented": {"description": "The machine that is rented: the name of a file in `config/systems/`.", **_SYSTEM},
    "metric": {
        "description": (
            "The speed that the same work has on both. The first of these that both have, unless given; of several "
            "runs, the fastest on the owned machine."
        ),
        "enum": list(WORKS),
    },
    "speed_ratio": {
        "description": (
            "How many times as fast as the rented machine the owned one is taken to be while no rate of the same work "
            "on both is there; the figure says so. Without it, it then shows nothing but what is missing."
        ),
        "type": "number",
        "exclusiveMinimum": 0,
    },
    "sensitivity_percent": {
        "description": "How far each assumption is moved down and up, to show what the break-even depends on.",
        "type": "number",
        "exclusiveMinimum": 0,
        "maximum": 90,
        "default": 30,
    },
    "by": BY,
    **COMMON,
}
REQUIRED = ("owned", "rented")

OWNED, RENTED = PALETTE[0], PALETTE[5]
LOWER, HIGHER = PALETTE[4], PALETTE[1]


def draw(summary: "pd.DataFrame", options: Mapping[str, Any], style: Style, *, cost: "pd.DataFrame") -> "Figure":
    """The cost on both machines over the utilisation of the owned one; beside it, what moves the crossing."""
    title = options.get("title", TITLE)
    found, pair, why = _found(cost, options)
    if pair is None:
        return empty(style, title, why)
    percent = options.get("sensitivity_percent", 30)
    wide = style.width_in > NARROW_IN
    plot_in, bars_in, axis_in = style.width_in * (0.32 if wide else 0.55), 9 * style.line_in, 2.5 * style.line_in
    text = "\n".join(filter(None, [_said(pair), *_said_of_choice(pair, found), *_note(pair, found, options)]))
    heights = [plot_in + axis_in] if wide else [plot_in + axis_in, bars_in + axis_in]
    figure, grid = panels_below_legend(style, title, text, _handles(pair), heights, 2 if wide else 1)
    curves, bars = grid.flat
    _curves(curves, pair, style, plot_in)
    _tornado(bars, pair, pair.sensitivity(percent), percent, style)
    settle(figure)
    return figure


def describe(summary: "pd.DataFrame", options: Mapping[str, Any], *, cost: "pd.DataFrame") -> str:
    """The break-even and what it depends on, in words."""
    found, pair, why = _found(cost, options)
    if pair is None:
        return f"No data: {why}."
    percent = options.get("sensitivity_percent", 30)
    swings = [f"{swing.what} {share(swing.low)} to {share(swing.high)}" for swing in pair.sensitivity(percent)]
    moved = f"With each of these {percent:g} % lower and higher: {'; '.join(swings)}."
    return " ".join([_said(pair), *_said_of_choice(pair, found), moved, *said_of_gaps(found)])


def _found(cost: "pd.DataFrame", options: Mapping[str, Any]) -> tuple[list[Entry], Pair | None, str]:
    """What is there of both machines, the pair that is drawn, and why there is none."""
    sides = [options[side] for side in ("owned", "rented")]
    metrics = [options["metric"]] if "metric" in options else list(WORKS)
    of_both = cost[cost["system"].isin(sides)]
    found = entries_of(of_both, options, metrics)
    for metric in metrics:
        rows = [entry.row for entry in found if entry.row["metric"] == metric]
        same = [pair for pair in pairs(rows) if [pair.owned["system"], pair.rented["system"]] == sides]
        if same:
            return found, min(same, key=lambda pair: seconds_of_work(metric, pair.owned["median"])), ""
    prices: list[Row] = [*of_both[of_both["basis"] == ""].to_dict("records")]  # type: ignore[list-item]
    alone = {row["system"]: row for row in prices}
    if lacking := [row for row in alone.values() if math.isnan(row["machines"])]:
        return found, None, nothing_priced([], lacking)
    owned, rented = (alone.get(side) for side in sides)
    if owned is None or rented is None:
        return found, None, f"{', '.join(side for side in sides if side not in alone)}: nothing is known of its price"
    if math.isnan(owned["purchase_usd"]) or math.isnan(rented["usd_per_hour"]):
        return found, None, f"{sides[0]} must have a purchase_usd, {sides[1]} a usd_per_hour, in config/systems"
    if "speed_ratio" in options:
        return found, taken_as(owned, rented, options["speed_ratio"]), ""
    missing = "no rate of the same work on both. Measure or import both, or give the figure a speed_ratio"
    return found, None, "; ".join([missing, *said_of_gaps(found)])


def _has_rates(pair: Pair) -> bool:
    return pair.owned["basis"] != ""


def _costs(pair: Pair, side: str, end: str = "median") -> tuple[Price, float]:
    """A side's price, and how many hours it takes for what costs are told per."""
    row: Row = getattr(pair, side)
    if not _has_rates(pair):
        return price_of(row), 1 / pair.speed if side == "owned" else 1
    return price_of(row), seconds_of_work(row["metric"], row[end]) / 3600


def _unit(pair: Pair) -> str:
    return WORKS[pair.owned["metric"]].unit if _has_rates(pair) else "hour of the rented machine's work"


def _said(pair: Pair) -> str:
    """The result in a sentence, and the price that owning may have."""
    at, between = pair.break_even(), shares(*pair.interval)
    between = f" ({between} by both rates' intervals)" if between else ""
    busy = f"{100 * pair.owned['utilisation']:g}\u00a0%"
    if at > 1:
        result = "Owning never pays: even always at work it costs more than renting"
    else:
        result = f"Owning costs less where the machine is at work more than {share(at)} of the time"
    if pair.purchase_usd <= 0:
        return f"{result}{between}. At {busy} it would not pay if it had cost nothing."
    most = roughly(pair.purchase_usd)
    return f"{result}{between}. At {busy} it pays up to a purchase price of about {most}\u00a0USD."


def _said_of_choice(pair: Pair, found: Sequence[Entry]) -> list[str]:
    """Which work this is of, or that the speeds are taken for granted."""
    if not _has_rates(pair):
        ratio = "as fast" if pair.speed == 1 else f"{pair.speed:g} times as fast"
        return [f"No rate of the same work on both is there: the owned machine is taken to be {ratio} as the rented."]
    sides = []
    for row in (pair.owned, pair.rented):
        entry = next(entry for entry in found if entry.row is row)
        worth = "" if entry.publishable else f" ({row['verdict']})"
        sides.append(f"{told(entry)}: {number(row['median'])}\u00a0{row['unit']}{worth}")
    return [f"{'; '.join(sides)}."]


def _note(pair: Pair, found: Sequence[Entry], options: Mapping[str, Any]) -> list[str]:
    return note_of(found, [pair.owned, pair.rented], options.get("by", DEFAULT_BY))


def _handles(pair: Pair) -> "list[Line2D]":
    found = [
        handle(f"owned: {pair.owned['machine']}", color=OWNED),
        handle(f"rented: {pair.rented['machine']}", color=RENTED),
        handle("utilisation assumed", linestyle=":"),
    ]
    if words := _worth(pair):
        found.append(handle(f"hollow: {words}", marker="o", linestyle="", markerfacecolor="white"))
    return found


def _worth(pair: Pair) -> str:
    """What a hollow crossing means; empty where both rates are publishable, or published, or there are none."""
    measured = [row for row in (pair.owned, pair.rented) if row["basis"] == MEASURED]
    return unpublishable([Entry("", "", row, "") for row in measured])


def _curves(axes: "Axes", pair: Pair, style: Style, plot_in: float) -> None:
    """Both costs over the utilisation, with the band that the rates' intervals leave, and the crossing."""
    import numpy as np

    shares = np.linspace(0.005, 1, 400)
    flat, hours = _costs(pair, "rented")
    rented_usd = flat.usd_per_hour(1) * hours
    price, hours = _costs(pair, "owned")
    assumed = price.usd_per_hour(pair.owned["utilisation"]) * hours
    top = max(2.2 * rented_usd, 1.5 * assumed, 1.3 * price.usd_per_hour(1) * hours)
    for side, colour in (("owned", OWNED), ("rented", RENTED)):
        price, hours = _costs(pair, side)
        costs = [price.usd_per_hour(u) * hours for u in shares]
        (line,) = axes.plot(100 * shares, costs, color=colour, linewidth=1.6, zorder=3)
        tell_along(
            line, {k: _told_of_cost(pair, side, shares[k], costs[k]) for k in some_of(len(shares)) if costs[k] <= top}
        )
        if _has_rates(pair) and not math.isnan(getattr(pair, side)["low"]):
            low, high = (
                [price.usd_per_hour(u) * _costs(pair, side, end)[1] for u in shares] for end in ("low", "high")
            )
            axes.fill_between(100 * shares, low, high, color=colour, alpha=0.2, linewidth=0, zorder=2)
    axes.axvline(100 * pair.owned["utilisation"], color=MUTED, linestyle=":", linewidth=1.2)
    _crossing(axes, pair, rented_usd)
    axes.set_xlim(0, 100)
    axes.set_ylim(0, top)
    axes.set_xlabel("Time that the owned machine is at work (%)")
    axes.set_ylabel(cost_axis(_unit(pair), style, plot_in))
    axes.yaxis.set_major_formatter("{x:,g}")
    axes.grid()


def _crossing(axes: "Axes", pair: Pair, rented_usd: float) -> None:
    at, (low, high) = pair.break_even(), pair.interval
    if at > 1:
        return
    if not math.isnan(low):
        ends = [[100 * (at - low)], [100 * (min(high, 1) - at)]]
        axes.errorbar(100 * at, rented_usd, xerr=ends, color=INK, linewidth=1.1, capsize=2.5, zorder=4)
    face = "white" if _worth(pair) else INK
    shape = axes.scatter([100 * at], [rented_usd], s=30, facecolor=face, edgecolor=INK, linewidth=1.2, zorder=5)
    between = shares(low, high)
    interval = f" ({between} by both rates' intervals)" if between else ""
    busy = f"{share(at)} of the time at work{interval}, {usd(rented_usd)} per {_unit(pair)}"
    tell(shape, ", ".join([f"break-even: {busy}", *_judged(pair)]))
    aside, side = ((7, 6), "left") if at < 0.6 else ((-5, -14), "right")
    axes.annotate(
        share(at), (100 * at, rented_usd), xytext=aside, textcoords="offset points", ha=side, fontweight="bold",
        zorder=5,
    )  # fmt: skip


def _told_of_cost(pair: Pair, side: str, utilisation: float, cost_usd: float) -> str:
    """What work costs on a machine at a utilisation of the owned one, in words."""
    at = f"owned, {share(utilisation)} of the time at work" if side == "owned" else "rented"
    return ", ".join([f"{getattr(pair, side)['machine']}, {at}: {usd(cost_usd)} per {_unit(pair)}", *_judged(pair)])


def _judged(pair: Pair) -> list[str]:
    """What the measured rates that a pair is of are worth."""
    return judged([row for row in (pair.owned, pair.rented) if row["basis"] == MEASURED])


def _tornado(axes: "Axes", pair: Pair, swings: Sequence[Swing], percent: float, style: Style) -> None:
    """How far each assumption moves the break-even, the one that moves it most on top; cut at always."""
    at = min(1.0, pair.break_even())
    for place, swing in enumerate(swings):
        for end, colour in ((swing.low, LOWER), (swing.high, HIGHER)):
            drawn = axes.barh(place, 100 * (min(end, 1) - at), left=100 * at, height=0.62, color=colour, linewidth=0)
            moved = f"{abs(percent):g} % {'lower' if colour == LOWER else 'higher'}"
            tell(drawn[0], f"{swing.what} {moved}: break-even at {share(end)}, instead of {share(pair.break_even())}")
        if max(swing.low, swing.high) > 1:
            axes.annotate("never", (100, place), xytext=(3, 0), textcoords="offset points", va="center")
    axes.axvline(100 * at, color=INK, linewidth=0.9)
    axes.set_yticks(range(len(swings)), [style.wrapped(swing.what, 0.2) for swing in swings])
    axes.set_ylim(len(swings) - 0.5, -0.5)
    reach = max(min(1.0, end) for swing in swings for end in (swing.low, swing.high))
    lost = any(end > 1 for swing in swings for end in (swing.low, swing.high))
    axes.set_xlim(0, 130 if lost else min(100, 115 * reach))
    axes.locator_params(axis="x", nbins=6)
    right = axes.get_xlim()[1]
    axes.set_xticks([tick for tick in axes.get_xticks() if tick <= min(100, right)])
    axes.set_xlim(0, right)
    axes.xaxis.set_major_formatter("{x:g}")
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("Break-even (% of the time at work)")
    axes.grid(axis="x")
    from matplotlib.patches import Patch

    handles = [Patch(color=shade, label=f"{sign}{percent:g} %") for shade, sign in ((LOWER, "\u2212"), (HIGHER, "+"))]
    axes.legend(handles=handles, loc="lower right", ncols=2, bbox_to_anchor=(1, 1), borderaxespad=0.2, handlelength=1.2)
