"""Percentiles of durations as metrics, each with a value only where there are samples enough to tell it."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cotejo.stats import percentile_ms
from cotejo.tasks import Metric

if TYPE_CHECKING:
    import pandas as pd

PERCENTILES = (50, 90, 95, 99)


def latency_metrics(samples: "pd.DataFrame") -> list[Metric]:
    """From when a request was due until it was done: in single-stream it is due when it is sent."""
    return percentile_metrics("latency", samples["done_s"] - samples["scheduled_s"], PERCENTILES)


def pass_metrics(level: Mapping[str, Any], run: Mapping[str, Any]) -> list[Metric]:
    """The time of one pass over the data set, of a level that consists of whole ones."""
    return [Metric("pass_s", level["duration_s"] / run["passes"], "s", "lower")] if "passes" in run else []


def percentile_metrics(name: str, values_s: "pd.Series", percentiles: Sequence[int]) -> list[Metric]:
    """`<name>_p<q>_ms` of durations in seconds; without a value below their sample floor."""
    return [Metric(f"{name}_p{q}_ms", percentile_ms(values_s.to_numpy(), q), "ms", "lower") for q in percentiles]
