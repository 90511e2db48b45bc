"""The rows of a table of costs, cost.csv: their columns, and the prices that they were counted with."""

import math
from collections.abc import Mapping
from typing import Any

from cotejo.cost import Assumptions, Owned, Price, rented

Row = Mapping[str, Any]

# What a row says of its run, under the names that the summary has for it.
SETTINGS = (
    "run", "digest", "name", "model", "architecture", "task", "weights", "scale", "dataset", "backend", "precision",
    "compute_precision", "device", "cores", "server", "client", "provider", "accelerators", "nodes", "split",
    "processes", "instead_of", "origin", "system", "environment", "level", "load", "inputs",
)  # fmt: skip
RATE = ("concurrency", "rate_rps", "metric", "unit", "better", "median", "low", "high", "values", "repeats")
PRICE = (
    "machines", "usd_per_hour", "purchase_usd", "power_w", "lifetime_years", "utilisation",
    "electricity_usd_per_kwh", "pue",
)  # fmt: skip
COST = ("usd", "usd_low", "usd_high")
COLUMNS = (
    "basis", "machine", "site", *SETTINGS, *RATE, "verdict", "reasons", "marks", "per", *COST, *PRICE, "power",
    "assumed", "reason",
)  # fmt: skip
NUMBERS = ("concurrency", "rate_rps", "median", "low", "high", "repeats", *COST, *PRICE)

MEASURED, PUBLISHED = "measured", "published"  # the basis of a rate; blank where there is none, only a machine's price


def price_of(row: Row) -> Price:
    """The price of a row's machines together; ValueError where it has none."""
    if not math.isnan(row.get("usd_per_hour", math.nan)):
        return rented(row["usd_per_hour"]).times(int(row["machines"]))
    if math.isnan(row["purchase_usd"]) or math.isnan(row["power_w"]):
        raise ValueError(f"{row['machine']}: no price")
    return owned_of(row).price(assumed_of(row)).times(int(row["machines"]))


def owned_of(row: Row) -> Owned:
    """The machine that a row says was bought."""
    return Owned(row["purchase_usd"], row["power_w"])


def assumed_of(row: Row) -> Assumptions:
    """What was assumed of a row's machine."""
    return Assumptions(**{name: row[name] for name in Assumptions.__dataclass_fields__})
