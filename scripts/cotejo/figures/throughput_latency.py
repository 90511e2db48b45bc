"""Throughput and latency of servers against the load."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from cotejo.figures.levels import describe_panels, draw_panels
from cotejo.figures.options import BY, COMMON, METRIC
from cotejo.figures.style import Style

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

TITLE = "Throughput and latency by load"
METRICS = ("requests_per_s", "latency_p50_ms", "latency_p99_ms")
OPTIONS: dict[str, Any] = {
    "metrics": {
        "description": "What is drawn, a panel for each: names in the summary's column `metric`.",
        "type": "array",
        "minItems": 1,
        "uniqueItems": True,
        "items": METRIC,
        "default": list(METRICS),
    },
    "by": BY,
    **COMMON,
}


def draw(summary: "pd.DataFrame", options: Mapping[str, Any], style: Style) -> "Figure":
    """Panels below each other, a line for each thing that `by` names; closed and open loads apart."""
    return draw_panels(summary, options, options.get("metrics", METRICS), style, options.get("title", TITLE))


def describe(summary: "pd.DataFrame", options: Mapping[str, Any]) -> str:
    """Every point in words."""
    return describe_panels(summary, options, options.get("metrics", METRICS))
