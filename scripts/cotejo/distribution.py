"""How the latencies of one level of one record are distributed, in so few numbers that figures can be drawn of them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from cotejo.errors import CotejoError

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from cotejo.summary import Attempt

POINTS = 200  # of a distribution function: half a percent is finer than a line is thick
CONFIDENCE = 0.99  # as of cotejo.floors

# What tells the rows apart; the summary has the rest by the same keys.
KEYS = ("study", "run", "digest", "origin", "system", "environment", "level", "repeat")
COLUMNS = (*KEYS, "requests", "shares", "latencies_ms")


class Distribution(NamedTuple):
    """Of `requests` latencies, a share of each of `shares` (0 to 1, rising) is at or below its value in ms."""

    requests: int
    shares: Sequence[float]
    latencies_ms: Sequence[float]


def distribution(samples: "pd.DataFrame") -> Distribution | None:
    """Of the requests that succeeded, from when they were due until they were done; None without any.

    It ends at the highest share that so many requests tell of, `highest_share`: beyond it there is nothing to draw.
    """
    good = samples[samples["ok"] == 1]
    latencies_s = (good["done_s"] - good["scheduled_s"]).dropna().to_numpy(dtype=float)
    if not len(latencies_s):
        return None
    highest = highest_share(len(latencies_s))
    steps = np.arange(1, POINTS) / POINTS
    shares = np.array([*steps[steps < highest], highest])
    values_ms = 1000 * np.quantile(latencies_s, shares, method="median_unbiased")
    return Distribution(len(latencies_s), shares.round(5).tolist(), values_ms.round(4).tolist())


def highest_share(requests: int) -> float:
    """The highest percentile that so many requests tell of, as a share: that whose floor they just reach.

    The q with 1 - q^n = 99 % (cotejo.floors), and never less than the median, which claims nothing about a tail.
    """
    return max(0.5, (1 - CONFIDENCE) ** (1 / requests))


def distributions(attempts: Iterable["Attempt"]) -> "pd.DataFrame":
    """The rows of distributions.csv (columns COLUMNS): one for each load level of each whole record, in their order."""
    import pandas as pd

    rows = []
    for attempt in attempts:
        facts = {key: attempt.record["run"][key] for key in ("study", "digest")} | {
            "run": attempt.record["run"]["id"], "origin": attempt.origin, "system": attempt.record["system"],
            "environment": attempt.environment, "repeat": attempt.record["repeat"],
        }  # fmt: skip
        for level, measured in attempt.levels.items():
            if measured.distribution is not None:
                rows.append(facts | {"level": level} | _cells(measured.distribution))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _cells(found: Distribution) -> dict[str, Any]:
    return {
        "requests": found.requests,
        "shares": " ".join(f"{share:g}" for share in found.shares),
        "latencies_ms": " ".join(f"{value:g}" for value in found.latencies_ms),
    }


def read_distributions(path: "Path") -> "pd.DataFrame":
    """A distributions.csv: every cell as text. CotejoError where it is none."""
    import pandas as pd

    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    missing = [name for name in COLUMNS if name not in table]
    if missing:
        raise CotejoError(f"{path}: lacks the column {missing[0]}. Give the distributions.csv that summarise wrote")
    return table


def of_row(row: Mapping[str, Any]) -> Distribution:
    """The distribution that a row of distributions.csv holds."""
    shares, latencies_ms = ([float(text) for text in row[key].split()] for key in ("shares", "latencies_ms"))
    return Distribution(int(row["requests"]), shares, latencies_ms)
