"""How fast servers stream: the first token, and each further one, against the load."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from cotejo.figures.levels import describe_panels, draw_panels
from cotejo.figures.options import BY, COMMON
from cotejo.figures.style import Style

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

TITLE = "Time to first token and time per output token by load"
PERCENTILES = (50, 90)  # that both have
OPTIONS: dict[str, Any] = {
    "percentiles": {
        "description": "Which percentiles of both are drawn, a panel for each.",
        "type": "array",
        "minItems": 1,
        "uniqueItems": True,
        "items": {"enum": list(PERCENTILES)},
        "default": [50],
    },
    "by": BY,
    **COMMON,
}
INPUTS = ("published",)


def draw(summary: "pd.DataFrame", options: Mapping[str, Any], style: Style, *, published: "pd.DataFrame") -> "Figure":
    """Panels below each other, a line for each thing that `by` names; closed and open loads apart."""
    return draw_panels(summary, published, options, _metrics(options), style, options.get("title", TITLE))


def describe(summary: "pd.DataFrame", options: Mapping[str, Any], *, published: "pd.DataFrame") -> str:
    """Every point in words."""
    return describe_panels(summary, published, options, _metrics(options))


def _metrics(options: Mapping[str, Any]) -> list[str]:
    return [f"{name}_p{q}_ms" for name in ("ttft", "tpot") for q in options.get("percentiles", [50])]
