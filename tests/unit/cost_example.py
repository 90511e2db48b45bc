"""Tables of costs, counted from summaries as `summary_example` makes them."""

from collections.abc import Sequence
from io import StringIO
from typing import Any

import pandas as pd

from cotejo.cost_table import cost_table, read_cost

CONFIG = {"lifetime_years": 5, "utilisation": 0.5, "electricity_usd_per_kwh": 0.15, "pue": 1}
# 43,830 USD over five years are 1 USD an hour, 1 kW is 0.15 USD an hour: at work half of the time, an hour is 2.15 USD.
SYSTEMS: dict[str, dict[str, Any]] = {
    "own": {
        "name": "Own server", "site": "edge", "purchase_usd": 43830, "power_w": 1000,
        "assumed": {"purchase_usd": "a round number; replace it by your own invoice"},
    },
    "cloud": {"name": "Cloud instance", "site": "cloud", "usd_per_hour": 3.6},
    "local": {"name": "Local instance", "site": "cloud", "usd_per_hour": 1.0},
    "free": {"name": "Machine without a price", "site": "local"},
    "cluster": {"name": "Node", "site": "cluster", "gpu": "NVIDIA A100", "gpus": 1, "usd_per_hour": 2.0},
}  # fmt: skip
NOTHING_PUBLISHED = pd.DataFrame(columns=["ours"])


def priced(
    summary: pd.DataFrame,
    published: pd.DataFrame = NOTHING_PUBLISHED,
    named: Sequence[str] = (),
    systems: dict[str, dict[str, Any]] = SYSTEMS,
) -> pd.DataFrame:
    """The table of costs of a summary, as `read_cost` gives it once it has been written and read."""
    return read_cost(StringIO(cost_table(summary, published, systems, CONFIG, named).to_csv(index=False)))


def published_row(**changes: Any) -> dict[str, Any]:
    """A row as `read_published` gives it: 12.5 requests a second."""
    return {
        "study": "demo", "system": "cloud", "run": "cpu", "task": "image-captioning",
        "model": "blip-image-captioning-base", "backend": "onnxruntime", "precision": "fp32", "accelerators": "0",
        "split": "", "client": "perf_analyzer", "concurrency": "4", "metric": "request_throughput", "statistic": "mean",
        "value": "12.5", "unit": "infer/s", "note": "", "ours": "requests_per_s", "in_ours": 12.5, **changes,
    }  # fmt: skip


def published(*rows: dict[str, Any]) -> pd.DataFrame:
    """What was published, of these rows."""
    return pd.DataFrame(list(rows))
