"""Whether a result is the published one, as far as its repeats and the printed digits can tell.

The rule is one of equivalence, because "no significant difference" is also what too few repeats give (Schuirmann 1987,
"A comparison of the two one-sided tests procedure", Journal of Pharmacokinetics and Biopharmaceutics 15:657). With a
tolerance of t, `reproduced` needs the whole interval of the ratio between 1/(1+t) and 1+t, which treats a rate and its
time alike; `faster` and `slower` need the whole of it beyond. An interval that reaches over a bound tells neither.
"""

import math
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple

REPRODUCED, NOT_COMPARABLE = "reproduced", "not comparable"


class Ratio(NamedTuple):
    """Ours over the published value, with its interval; no bounds where there are repeats too few for one."""

    value: float
    low: float | None
    high: float | None


def rounding(value: str) -> float:
    """The share of itself that a printed number may be off, half a unit of its last place: 0.167 of "3"; else 0."""
    try:
        printed = Decimal(value)
    except InvalidOperation:
        return 0.0
    exponent = printed.as_tuple().exponent
    if not printed or not isinstance(exponent, int):
        return 0.0
    return float(Decimal(5).scaleb(exponent - 1) / abs(printed))


def ratio_of(member: Mapping[str, Any], published: float, share: float = 0.0) -> Ratio:
    """A row's median over the published value, its interval widened by the `share` that the latter may be off."""
    if math.isnan(member["low"]) or math.isnan(member["high"]):
        return Ratio(member["median"] / published, None, None)
    low, high = member["low"] / (published * (1 + share)), member["high"] / (published * (1 - share))
    return Ratio(member["median"] / published, low, high)


def stand(ratio: Ratio, tolerance: float, better: str) -> tuple[str, str]:
    """The standing of a ratio of like to like, and the reason where it tells nothing. `better`: "higher" or "lower"."""
    if ratio.low is None or ratio.high is None:
        return NOT_COMPARABLE, "no interval: too few repeats"
    least, most = 1 / (1 + tolerance), 1 + tolerance
    if least <= ratio.low and ratio.high <= most:
        return REPRODUCED, ""
    if ratio.low > most or ratio.high < least:
        return "faster" if (ratio.low > most) == (better == "higher") else "slower", ""
    bounds = f"{ratio.low:.3g} to {ratio.high:.3g}"
    return NOT_COMPARABLE, f"interval too wide: {bounds} reaches over the tolerance, {least:.3g} to {most:.3g}"
