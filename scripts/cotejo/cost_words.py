"""What must be said beside every cost: what it was counted with, what of that is assumed, and what is not in it."""

import json
import math
from collections import Counter
from collections.abc import Iterable, Sequence

from cotejo.cost_rows import Row, price_of
from cotejo.labels import number

NOT_COUNTED = "Not counted: staff, hosting, network, interest, electricity while idle."
MARK = "*"  # behind every number that a system's file says is assumed
ASSUMED = {"usd_per_hour": "Price of an hour", "purchase_usd": "Purchase price", "power_w": "Power"}


def said_of_prices(rows: Iterable[Row]) -> list[str]:
    """A sentence for each machine that has a price, then what is assumed of it and why, then what is left out.

    `rows` of a table of costs; nothing where none of them has a price.
    """
    priced = [row for row in rows if not math.isnan(row["machines"])]
    if not priced:
        return []
    assumed = _why_assumed(priced)
    return [
        *(_of_machine(members) for members in _by_machine(priced)),
        *dict.fromkeys(_of_owning(row) for row in priced if not math.isnan(row["purchase_usd"])),
        *([f"{MARK} Assumed. {'. '.join(assumed)}."] if assumed else []),
        NOT_COUNTED,
    ]


def without_price(rows: Iterable[Row]) -> list[str]:
    """Why machines have no price, and what to do about it, each reason once."""
    unpriced = (row for row in rows if row["system"] and math.isnan(row["machines"]))
    return list(dict.fromkeys(row["reason"] for row in unpriced))


def hour_of_work(row: Row) -> float:
    """What an hour of work costs on a row's machines, at the utilisation assumed, in US dollars."""
    return price_of(row).usd_per_hour(row["utilisation"])


def share(utilisation: float) -> str:
    """A utilisation in words, to two digits; more than always is never."""
    if utilisation > 1:
        return "never"
    return f"{100 * utilisation:.2g}\u00a0%" if utilisation < 0.1 else f"{100 * utilisation:.0f}\u00a0%"


def shares(low: float, high: float) -> str:
    """An interval of utilisations in words; empty where there is none, or it can't be told from one value."""
    ends = [share(low), share(high)]
    return "" if math.isnan(low) or ends[0] == ends[1] else " to ".join(ends)


def roughly(amount: float) -> str:
    """An amount to two digits: 33,018 is 33,000."""
    return f"{float(f'{amount:.2g}'):,.0f}"


def _assumed(row: Row) -> dict[str, str]:
    return json.loads(row["assumed"]) if row["assumed"] else {}


def _why_assumed(priced: Sequence[Row]) -> list[str]:
    """Each reason for which something is assumed, and what of: of which machine only where not all have the same."""
    whose: dict[tuple[str, str], dict[str, None]] = {}
    for row in priced:
        for key, reason in _assumed(row).items():
            whose.setdefault((key, reason), {})[row["machine"]] = None
    of_several = Counter(key for key, _ in whose)
    return [
        f"{ASSUMED[key]}{f' of {_listed([*machines])}' if of_several[key] > 1 else ''}: {reason}"
        for (key, reason), machines in whose.items()
    ]


def _by_machine(priced: Sequence[Row]) -> list[list[Row]]:
    """The rows of each machine, or of so many of one kind; they may differ in the power that was measured."""
    groups: dict[tuple[str, float, str], list[Row]] = {}
    for row in priced:
        groups.setdefault((row["machine"], row["machines"], row["power"]), []).append(row)
    return list(groups.values())


def _of_machine(members: Sequence[Row]) -> str:
    row = members[0]
    several = row["machines"] > 1
    name = f"{int(row['machines'])}\u00a0\u00d7\u00a0{row['machine']}" if several else row["machine"]
    told = {key: MARK if key in _assumed(row) else "" for key in ASSUMED}
    if math.isnan(row["purchase_usd"]):
        each = " each" if several else ""
        return f"{name}: {row['usd_per_hour']:g}\u00a0USD{told['usd_per_hour']} an hour{each}, paid while it works."
    bought = f"bought for {row['purchase_usd']:,.0f}\u00a0USD{told['purchase_usd']}{' each' if several else ''}"
    watts = _range([one["power_w"] for one in members])
    draws = f"{watts}\u00a0W{told['power_w']} {row['power']}".rstrip()
    return f"{name}: {bought}, {draws}: {_range([hour_of_work(one) for one in members])}\u00a0USD an hour of work."


def _range(values: Sequence[float]) -> str:
    low, high = number(min(values)), number(max(values))
    return low if low == high else f"{low} to {high}"


def _of_owning(row: Row) -> str:
    years = "1\u00a0year" if row["lifetime_years"] == 1 else f"{row['lifetime_years']:g}\u00a0years"
    return (
        f"Owned machines are assumed to be kept for {years}, at work {100 * row['utilisation']:g}\u00a0% of the time, "
        f"electricity to cost {row['electricity_usd_per_kwh']:g}\u00a0USD/kWh, and the PUE to be {row['pue']:g}."
    )


def _listed(words: Sequence[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last
