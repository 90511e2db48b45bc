"""Whether a comparison is bad news: the runs that became slower, and those that newly fail."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import pandas as pd

from cotejo.comparison.table import NEWLY_FAILED
from cotejo.errors import CotejoError
from cotejo.verdict import SEPARATOR

Row = Mapping[str, Any]

# As config/config.yaml has it, for commands run by hand.
TOLERANCE_PERCENT = 2.0


class Speed(NamedTuple):
    """How many times as fast the candidate is, with its 95 % interval: 1 is alike, above it is faster."""

    ratio: float
    low: float  # NaN with high where there is no interval
    high: float


def speed(row: Row) -> Speed:
    """A row's ratio as a ratio of speeds: that of a metric of which less is better turned over."""
    if row["better"] == "lower":
        return Speed(1 / row["ratio"], 1 / row["ratio_high"], 1 / row["ratio_low"])
    return Speed(row["ratio"], row["ratio_low"], row["ratio_high"])


def slowdown_percent(of_speed: float) -> float:
    """How much longer the same work takes at a ratio of speeds: 25 % at 0.8."""
    return (1 / of_speed - 1) * 100


def regressions(comparison: pd.DataFrame, tolerance_percent: float) -> list[str]:
    """A sentence for each run whose candidate newly fails or is slower in a headline metric; empty where none is.

    Slower counts where the test says so and the whole interval lies beyond the tolerance: the same work takes at least
    that much longer. Repeats that fail count where none of the baseline's did, for every attempt counts.
    CotejoError where no headline metric could be compared: silence would look like good news.
    """
    headlines: list[Row] = [*comparison[comparison["headline"] == "yes"].to_dict("records")]  # type: ignore[list-item]
    found = list(dict.fromkeys(sentence for row in headlines for sentence in _sentences(row, tolerance_percent)))
    if not found and not any(row["p"] >= 0 for row in headlines):
        notes = ", ".join(dict.fromkeys(comparison["note"])) or "no run"
        raise CotejoError(
            f"baseline and candidate: no run could be compared ({notes}). "
            f"Measure the same runs in both, repeated as often as their study asks for"
        )
    return found


def _sentences(row: Row, tolerance_percent: float) -> Iterator[str]:
    level = f", {row['level']}" if row["level"] else ""
    if row["standing"] == NEWLY_FAILED:
        yield f"{row['run']}{level}: newly failed: {row['candidate_reasons']}"
    elif row["candidate_failures"] > 0 and row["baseline_failures"] == 0:
        failures = [reason for reason in row["candidate_reasons"].split(SEPARATOR) if "repeats failed" in reason]
        yield f"{row['run']}: newly: {SEPARATOR.join(failures)}"
    if row["standing"] == "slower":
        ratio = speed(row)
        least, median, most = (slowdown_percent(value) for value in (ratio.high, ratio.ratio, ratio.low))
        if least > tolerance_percent:
            yield (
                f"{row['run']}{level}: slower: the same work takes {median:.1f} % longer "
                f"(95 % interval {least:.1f} to {most:.1f} %), beyond the tolerance of {tolerance_percent:g} %"
            )
