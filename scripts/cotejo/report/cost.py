"""What the report says of costs: what each rate costs, where owning pays, and what all of it was counted with."""

import math
from typing import Any

import pandas as pd

from cotejo.cost_pairs import Pair, pairs
from cotejo.cost_rows import PUBLISHED, Row
from cotejo.cost_words import hour_of_work, roughly, said_of_prices, share, shares, without_price
from cotejo.labels import level_label, metric_label, number, value_label
from cotejo.report.results import exact, in_one_line, interval

SETTINGS = (
    "model", "dataset", "backend", "provider", "server", "client", "precision", "cores", "accelerators", "nodes",
    "split", "processes",
)  # fmt: skip


def cost(table: pd.DataFrame) -> dict[str, Any] | None:
    """A table of costs (as `cotejo.cost_table.read_cost` gives it) as a page tells it; None where it has no rows."""
    rows: list[Row] = [*table.to_dict("records")]  # type: ignore[list-item]
    priced = [row for row in rows if not math.isnan(row["usd"])]
    by_unit: dict[str, list[Row]] = {}
    for row in priced:
        by_unit.setdefault(row["per"], []).append(row)
    if not rows:
        return None
    return {
        "groups": [{"per": per, "lines": [line(row) for row in members]} for per, members in by_unit.items()],
        "break_evens": [break_even(pair) for pair in pairs(priced)],
        "prices": said_of_prices(rows),
        "lacking": without_price(rows),
    }


def line(row: Row) -> dict[str, Any]:
    """One rate and what it costs."""
    return {
        "name": row["name"],
        "settings": settings(row),
        "machine": row["machine"],
        "rate": f"{number(row['median'])} {row['unit']}",
        "rate_interval": interval(row["low"], row["high"]),
        "metric": metric_label(row["metric"]),
        "rate_exact": exact(row["median"]),
        "hour": number(hour_of_work(row)),
        "hour_exact": exact(hour_of_work(row)),
        "usd": number(row["usd"]),
        "usd_exact": exact(row["usd"]),
        "interval": interval(row["usd_low"], row["usd_high"]),
        "verdict": row["verdict"],
        "published": row["basis"] == PUBLISHED,
    }


def break_even(pair: Pair) -> dict[str, Any]:
    """From how busy on the owned machine costs less, and up to which purchase price at the utilisation assumed."""
    most_usd = pair.purchase_usd
    return {
        "name": pair.owned["name"],
        "settings": settings(pair.owned),
        "owned": pair.owned["machine"],
        "rented": pair.rented["machine"],
        "speed": number(pair.speed),
        "speed_exact": exact(pair.speed),
        "share_exact": exact(pair.break_even()),
        "purchase_exact": exact(most_usd),
        "share": share(pair.break_even()),
        "interval": shares(*pair.interval),
        "utilisation": f"{100 * pair.owned['utilisation']:g}\u00a0%",
        "purchase": roughly(most_usd) if most_usd > 0 else "none",
        "verdicts": list(dict.fromkeys(row["verdict"] for row in (pair.owned, pair.rented))),
    }


def settings(row: Row) -> str:
    """What tells a row from others of its run."""
    return in_one_line([*(setting(column, row[column]) for column in SETTINGS), level(row)])


def setting(column: str, value: str) -> str:
    """A setting in a few words: "2 GPUs"."""
    if column == "accelerators" and value:
        return f"{value}\u00a0GPU{'' if value == '1' else 's'}"
    return value_label(column, value) if value else ""


def level(row: Row) -> str:
    """The load in words; nothing of one request after another."""
    if row["level"]:
        return "" if row["level"] == "single-stream" else level_label(row["level"])
    return "" if math.isnan(row["concurrency"]) else level_label(f"concurrency-{row['concurrency']:g}")
