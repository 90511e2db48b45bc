"""Throughput and latency of servers against the load."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from cotejo.figures.levels import describe_panels, draw_panels
from cotejo.figures.options import BY, COMMON, METRICS
from cotejo.figures.style import Style

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

TITLE = "Throughput and latency by load"
DRAWN = ("requests_per_s", "latency_p50_ms", "latency_p99_ms")
OPTIONS: dict[str, Any] = {
    "metrics": {**METRICS, "default": list(DRAWN)},
    "by": BY,
    **COMMON,
}
INPUTS = ("published",)


def draw(summary: "pd.DataFrame", options: Mapping[str, Any], style: Style, *, published: "pd.DataFrame") -> "Figure":
    """Panels below each other, a line for each thing that `by` names; closed and open loads apart."""
    return draw_panels(summary, published, options, options.get("metrics", DRAWN), style, options.get("title", TITLE))


def describe(summary: "pd.DataFrame", options: Mapping[str, Any], *, published: "pd.DataFrame") -> str:
    """Every point in words."""
    return describe_panels(summary, published, options, options.get("metrics", DRAWN))
