"""What GPUs, or CPUs, did over time: power and PCIe traffic, from records and from published logs."""

import statistics
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cotejo.figures.hover import MOST_ALONG, tell_along
from cotejo.figures.marks import unpublishable
from cotejo.figures.options import BY, COMMON
from cotejo.figures.panels import MARKERS, NARROW_IN, panels_below_legend, settle
from cotejo.figures.published import DASHES
from cotejo.figures.published import MARKERS as PUBLISHED_MARKERS
from cotejo.figures.select import OF_LEVELS, Entry, entries, first_of, note
from cotejo.figures.style import MUTED, Style, colours, empty, wrapped
from cotejo.figures.traces import CPU, Readings, Trace, log_trace, peaks_of, record_trace
from cotejo.labels import number

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLE = "Power and PCIe traffic of each GPU over time, and CPU use where there is no GPU"
# By quantity: its name, with the unit.
NAMES = {
    "power_w": "Power (W)",
    "rx_mb_per_s": "PCIe received (MB/s)",
    "tx_mb_per_s": "PCIe sent (MB/s)",
    "utilisation_percent": "GPU busy (%)",
    "memory_mib": "GPU memory (MiB)",
    CPU: "CPU cores used",
}
TRAFFIC = ("rx_mb_per_s", "tx_mb_per_s")  # seldom more than some, and then thousands
FEW_MB_PER_S = 10  # below it, the axis of traffic is linear
DRAWN = ("power_w", *TRAFFIC)
OPTIONS: dict[str, Any] = {
    "quantities": {
        "description": "What of each GPU is drawn, a panel for each.",
        "type": "array",
        "minItems": 1,
        "uniqueItems": True,
        "items": {"enum": [name for name in NAMES if name != CPU]},
        "default": list(DRAWN),
    },
    "logs": {
        "description": "Published logs of `nvidia-smi dmon`, drawn before the study's own records.",
        "type": "array",
        "items": {
            "description": "One log.",
            "type": "object",
            "additionalProperties": False,
            "required": ["file", "title"],
            "properties": {
                "file": {
                    "description": "The log: a file below `config/published/`.",
                    "type": "string",
                    "pattern": "^[a-z0-9][a-z0-9./-]*$",
                    "x-pattern": "must be a file below config/published/, such as dmon/mendieta-7b.txt",
                },
                "title": {"description": "What it is of, and of which machine.", "type": "string", "minLength": 1},
            },
        },
    },
    "by": {**BY, "default": ["name"]},
    **COMMON,
}
INPUTS = ("records", "logs")
MOST_RUNS = 12
FEW = 60  # readings of which each is marked
HEIGHT = 0.16  # of a panel, in the widest figure's width


def draw(
    summary: "pd.DataFrame", options: Mapping[str, Any], style: Style, *, records: Path | None, logs: Path | None
) -> "Figure":
    """A block of panels for each log and each run, two blocks beside each other where there is room."""
    title = options.get("title", TITLE)
    found, traces = _shown(summary, options, records, logs)
    if not traces:
        return empty(style, title, "; ".join(["neither logs nor telemetry", *_gaps(found)]))
    names = [name for name in NAMES if any(name in trace.by_quantity for trace in traces)]
    of_what = dict.fromkeys(which for trace in traces for series in trace.by_quantity.values() for which in series)
    colour = colours(of_what)
    columns = 2 if style.width_in > NARROW_IN and len(traces) > 1 else 1
    # Side by side only what has the same panels.
    alike = [list(group) for _, group in groupby(traces, key=lambda trace: tuple(trace.by_quantity))]
    blocks = [group[first : first + columns] for group in alike for first in range(0, len(group), columns)]
    rows = [(block, name) for block in blocks for name in names if any(name in trace.by_quantity for trace in block)]
    ends = [index + 1 == len(rows) or rows[index + 1][0] is not block for index, (block, _) in enumerate(rows)]
    begins = [index == 0 or ends[index - 1] for index in range(len(rows))]
    plot_in = style.width_in * (HEIGHT if style.width_in > NARROW_IN else 1.6 * HEIGHT)
    most = {name: _most(traces, name) for name in names}
    heights = [
        plot_in + (1.5 * begin + 1.2 * end + 0.8) * style.line_in for begin, end in zip(begins, ends, strict=True)
    ]
    lines = [*_gaps(found), *_told(found, traces)]
    if not all(trace.published for trace in traces):
        lines.append(note(found, _options(options), "", OF_LEVELS))
    figure, grid = panels_below_legend(style, title, "\n".join(lines), _handles(traces, colour), heights, columns)
    for axes_row, (block, name), begin, end in zip(grid, rows, begins, ends, strict=True):
        for place, axes in enumerate(axes_row):
            if place >= len(block):
                axes.remove()
                continue
            _panel(axes, block[place], name, colour, most[name])
            axes.set_ylabel("\n".join(wrapped(NAMES[name], plot_in, style.text_pt)))
            axes.tick_params(labelbottom=end)
            if begin:
                axes.set_title(_heading(block[place]), loc="left", fontsize=style.text_pt)
            if end:
                axes.set_xlabel("Reading" if block[place].published else "Seconds since the first level began")
    settle(figure)
    return figure


def describe(summary: "pd.DataFrame", options: Mapping[str, Any], *, records: Path | None, logs: Path | None) -> str:
    """The median and the highest reading of everything drawn, in words."""
    found, traces = _shown(summary, options, records, logs)
    said = [
        f"{_heading(trace)}: {NAMES[name].rpartition(' (')[0] or NAMES[name]}, {which}: median "
        f"{number(statistics.median(readings.values))}, highest {number(max(readings.values))}."
        for trace in traces
        for name, series in trace.by_quantity.items()
        for which, readings in series.items()
    ]
    return " ".join([*said, *_gaps(found)]) or "No data."


def _shown(
    summary: "pd.DataFrame", options: Mapping[str, Any], records: Path | None, logs: Path | None
) -> tuple[list[Entry], list[Trace]]:
    """The runs, one entry for each, and the traces of the logs and of those runs that have one."""
    quantities = options.get("quantities", DRAWN)
    traces = [log_trace(logs / log["file"], log["title"], quantities) for log in options.get("logs", []) if logs]
    of_runs: dict[tuple[str, ...], Entry] = {}
    for entry in entries(summary, _options(options), [CPU], most=len(summary)):
        of_runs.setdefault(tuple(entry.row[key] for key in ("run", "digest", "origin", "system")), entry)
    found = first_of([*of_runs.values()], MOST_RUNS, lambda entry: entry.of_run)
    for entry in found:
        if records and entry.row["system"] and not entry.row["origin"]:
            trace = record_trace(records, entry, quantities)
            traces += [trace] if trace else []
    return found, traces


def _options(options: Mapping[str, Any]) -> dict[str, Any]:
    return {"by": OPTIONS["by"]["default"], **options}


def _gaps(found: Sequence[Entry]) -> list[str]:
    """Why a run has no panel: it failed, or was not measured here."""
    elsewhere = [f"{entry.of_run}: its telemetry lies where it was measured." for entry in found if entry.row["origin"]]
    return [*(f"{entry.of_run}: {entry.gap}." for entry in found if entry.gap), *elsewhere]


def _told(found: Sequence[Entry], traces: Sequence[Trace]) -> list[str]:
    """How the panels are read."""
    lines = []
    if any(trace.published for trace in traces):
        lines.append("The published logs carry no clock: nvidia-smi dmon reads once a second unless told otherwise.")
    if not all(trace.published for trace in traces):
        lines.append(
            "Measured: the first whole repeat; shaded, the load levels. Of many readings the highest are drawn."
        )
        words = unpublishable(found)
        lines += [f"All repeats together: {words}."] if words else []
    return [*lines, "Single readings: there is no interval."]


def _heading(trace: Trace) -> str:
    return f"published: {trace.title}" if trace.published else trace.title


def _panel(axes: "Axes", trace: Trace, name: str, colour: Mapping[str, str], most: float) -> None:
    """One quantity of one trace."""
    from matplotlib.ticker import MaxNLocator, NullLocator

    for window in trace.windows:
        axes.axvspan(window.start_s, window.end_s, color="#f0f0f0", linewidth=0, zorder=0)
    for number_of, (which, shade) in enumerate(colour.items()):
        if which in trace.by_quantity[name]:
            readings = trace.by_quantity[name][which]
            few = len(readings.times) <= FEW
            marker = (PUBLISHED_MARKERS if trace.published else MARKERS)[number_of] if few else ""
            (line,) = axes.plot(
                readings.times, readings.values, color=shade, linewidth=0.8, marker=marker, markersize=3,
                markerfacecolor="white", markeredgewidth=0.8, linestyle=DASHES if trace.published else "-",
            )  # fmt: skip
            peaks = peaks_of(readings.values, MOST_ALONG)
            tell_along(line, {k: _told_of(trace, name, which, readings.times[k], readings.values[k]) for k in peaks})
    if name in TRAFFIC:
        axes.set_yscale("symlog", linthresh=FEW_MB_PER_S)
        axes.set_yticks([tick for tick in (0, 10, 100, 1000, 10_000, 100_000) if tick <= most])
        axes.yaxis.set_minor_locator(NullLocator())
        axes.set_ylim(-1, most * 1.6)
    else:
        axes.set_ylim(0, most * 1.08)
    if trace.published:
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.yaxis.set_major_formatter("{x:,g}")
    axes.grid()


def _told_of(trace: Trace, name: str, which: str, time: float, value: float) -> str:
    """A reading in words."""
    quantity, _, unit = NAMES[name].rstrip(")").partition(" (")
    read = f"{number(value)} {unit or 'cores'}"  # of the CPU cores used the name is the unit
    when = f"reading {time:g}" if trace.published else f"{time:.1f} s"
    text = f"{_heading(trace)}: {which}, {when}: {quantity}: {read}"
    return ", ".join([text, "a single reading", *trace.worth])


def _most(traces: Sequence[Trace], name: str) -> float:
    """The highest reading of a quantity: all its panels have one axis."""
    series: list[Readings] = [each for trace in traces for each in trace.by_quantity.get(name, {}).values()]
    return max([1e-9, *(max(readings.values) for readings in series)])


def _handles(traces: Sequence[Trace], colour: Mapping[str, str]) -> "list[Artist]":
    from matplotlib.lines import Line2D

    all_published = all(trace.published for trace in traces)
    markers = PUBLISHED_MARKERS if all_published else MARKERS
    handles: list[Artist] = []
    for number_of, (which, shade) in enumerate(colour.items()):
        line = Line2D(
            [], [], color=shade, marker=markers[number_of], markersize=4, markerfacecolor="white", label=which
        )
        line.set(linewidth=0.8, linestyle=DASHES if all_published else "-")
        handles.append(line)
    if any(trace.published for trace in traces) and not all_published:
        handles.append(Line2D([], [], color=MUTED, linewidth=0.8, linestyle=DASHES, label="dashed: published"))
    return handles
