"""What one load level of a server amounts to: from its samples, from what an external client reports, from counters.

Open loads count every duration from when a request was due, so that a wait which the server causes is in it even where
the client could not send ("coordinated omission", Tene 2013, "How not to measure latency"). Beside the latency stands
the service time, from when it was sent. In closed loads a request is due when it is sent.
"""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from cotejo.clients import client
from cotejo.errors import CotejoError
from cotejo.floors import floor_of
from cotejo.stats import percentile, percentile_ms
from cotejo.tasks import Metric
from cotejo.tasks.latency import PERCENTILES, percentile_metrics

if TYPE_CHECKING:
    import pandas as pd

# Of a request's rate, of which the low ones are the bad ones.
RATE_PERCENTILES = (1, 5, 10, 50, 90, 95, 99)
LIMITS = ("limit_ttft_ms", "limit_tpot_ms", "limit_latency_ms")

# A request is late if it leaves later than this: a client's timers are no better, and a tenth of the mean time between
# two arrivals leaves a Poisson process what it is.
LATE_S, LATE_SHARE = 0.001, 0.1

# What an external client may report, in the units that these names carry; of HEADLINES, the first that it has is its.
HEADLINES = ("tokens_per_s", "requests_per_s")
RATES = {
    "requests_per_s": "requests/s", "tokens_per_s": "tokens/s", "total_tokens_per_s": "tokens/s",
    "characters_per_s": "characters/s", "goodput_per_s": "requests/s",
}  # fmt: skip
SHARES = ("goodput_percent", "sent_on_time_percent")
TIMES = re.compile(r"(latency|service|ttft|tpot|itl)_(mean|p([1-9][0-9]?))_ms")


class Seen(NamedTuple):
    """What the client saw of a level, in plain numbers; None where it can't tell."""

    requests: int  # every attempt
    good: int
    mean_s: float | None = None  # of those that were answered, from when they were sent
    tokens_out: float | None = None  # the mean of theirs
    on_time: float | None = None  # of the arrivals drawn, the share that was sent on time; None in closed loads
    streams: bool = False  # whether it saw first tokens
    all_told: bool = False  # whether it tells of every request that it sent


def metrics(samples: "pd.DataFrame", level: Mapping[str, Any], run: Mapping[str, Any]) -> list[Metric]:
    """The level's metrics, its headline first: tokens/s where the answers' tokens are known, else requests/s.

    `samples` are the level's (columns `cotejo.samples.COLUMNS` and the API's own). Where there are none, an external
    client gave aggregates alone, which are taken as they are, below the floors without a value.
    """
    if level["reported"] and samples.empty:
        return _reported_metrics(level)
    good = samples[samples["ok"] == 1]
    found = [
        *_rates(good, level["duration_s"]),
        Metric("latency_mean_ms", _mean_ms(good["done_s"] - good["scheduled_s"]), "ms", "lower"),
        *_latencies(good, run),
        *_service_metrics(good, level),
        *_token_times(good),
        *_goodput(samples, level["duration_s"], run),
    ]
    return sorted(found, key=lambda metric: metric.name != "tokens_per_s")


def server_metrics(level: Mapping[str, Any]) -> list[Metric]:
    """What the server's own counters say, as means over the requests it counted; empty where it has none.

    They span the whole session of the client, its warm-up included. `batch_size` is requests over executions.
    """
    counted = level.get("server") or {}
    requests = counted.get("requests")
    if not requests:
        return []
    times = [
        Metric(f"{part}_ms", 1000 * counted[f"{part}_s"] / requests, "ms", "lower")
        for part in ("queue", "compute", "inference")
        if f"{part}_s" in counted
    ]
    if counted.get("executions"):
        times.append(Metric("batch_size", requests / counted["executions"], "requests", "higher"))
    return times


def seen(samples: "pd.DataFrame", level: Mapping[str, Any]) -> Seen:
    """What the client saw of one level of a server."""
    if level["reported"] and samples.empty:
        return _seen_by_report(level)
    good = samples[samples["ok"] == 1]
    return Seen(
        requests=len(samples),
        good=len(good),
        mean_s=float((good["done_s"] - _sent_s(good)).mean()) if len(good) else None,
        tokens_out=float(good["tokens_out"].mean()) if len(good) and good["tokens_out"].notna().all() else None,
        on_time=_on_time(samples) if level["load"] == "open" else None,
        streams=bool(good["first_token_s"].notna().any()),
        all_told=True,
    )


def _rates(good: "pd.DataFrame", duration_s: float) -> list[Metric]:
    """What came of good requests in each second of the window, and of characters also each request's own rate."""
    rates = [Metric("requests_per_s", len(good) / duration_s, "requests/s", "higher")]
    for name in ("tokens", "characters"):
        counted = good.get(f"{name}_out")
        if counted is None or counted.isna().all():
            continue
        total = None if counted.isna().any() else float(counted.sum()) / duration_s
        rates.append(Metric(f"{name}_per_s", total, f"{name}/s", "higher"))
    if rates[-1].name == "characters_per_s":
        own = (good["characters_out"] / (good["done_s"] - good["scheduled_s"])).to_numpy()
        # The mean as load tools print it, over requests: not the rate of all characters over all time, which is above.
        rates.append(Metric("characters_mean_per_s", float(own.mean()), "characters/s", "higher"))
        rates += [
            Metric(f"characters_p{q}_per_s", percentile(own, q), "characters/s", "higher") for q in RATE_PERCENTILES
        ]
    return rates


def _latencies(good: "pd.DataFrame", run: Mapping[str, Any]) -> list[Metric]:
    """The percentiles of whole requests; where each has a rate of characters, those of the rate, so that both tell."""
    chosen = getattr(client(run["client"]), "PERCENTILES", PERCENTILES)
    if "characters_out" in good and good["characters_out"].notna().any():
        chosen = RATE_PERCENTILES
    return percentile_metrics("latency", good["done_s"] - good["scheduled_s"], chosen)


def _service_metrics(good: "pd.DataFrame", level: Mapping[str, Any]) -> list[Metric]:
    """The service time beside an open load's latency; none where the client doesn't tell when it sent."""
    if level["load"] != "open" or good["sent_s"].isna().any():
        return []
    return percentile_metrics("service", good["done_s"] - good["sent_s"], PERCENTILES)


def _token_times(good: "pd.DataFrame") -> list[Metric]:
    """Time to first token, time per further token (from the first to the end, over their number but one), and gaps.

    Gaps within one answer depend on each other, so that their percentiles have the floors of requests.
    """
    streamed = good[good["first_token_s"].notna()]
    if streamed.empty:
        return []
    found = percentile_metrics("ttft", streamed["first_token_s"] - streamed["scheduled_s"], (50, 90, 99))
    further_s = _tpot_s(streamed).dropna()
    if len(further_s):
        found += percentile_metrics("tpot", further_s, (50, 90))
    gaps = streamed["gaps_ms"].dropna().astype(str).str.split() if "gaps_ms" in streamed else ()
    gaps_s = np.array([float(gap) for row in gaps for gap in row]) / 1000
    if gaps_s.size:
        for q in (50, 99):
            enough = len(gaps) >= floor_of(q)
            found.append(Metric(f"itl_p{q}_ms", percentile_ms(gaps_s, q) if enough else None, "ms", "lower"))
    return found


def _tpot_s(requests: "pd.DataFrame") -> "pd.Series":
    """The time per output token after the first; NaN where there is none."""
    further = (requests["tokens_out"] - 1).where(requests["tokens_out"] > 1)
    return (requests["done_s"] - requests["first_token_s"]) / further


def _goodput(samples: "pd.DataFrame", duration_s: float, run: Mapping[str, Any]) -> list[Metric]:
    """The requests that kept all the run's limits, in each second, and of every attempt; none without limits.

    A request whose answer doesn't show whether it kept a limit didn't; one of a single token has no further ones.
    """
    limits = {name: run[name] for name in LIMITS if run.get(name) is not None}
    if not limits:
        return []
    times_s = {
        "limit_ttft_ms": samples["first_token_s"] - samples["scheduled_s"],
        "limit_tpot_ms": _tpot_s(samples).where(samples["tokens_out"] != 1, 0),
        "limit_latency_ms": samples["done_s"] - samples["scheduled_s"],
    }
    kept = samples["ok"] == 1
    for name, limit_ms in limits.items():
        kept &= times_s[name] * 1000 <= limit_ms
    share = 100 * float(kept.mean()) if len(kept) else None
    return [
        Metric("goodput_per_s", int(kept.sum()) / duration_s, "requests/s", "higher"),
        Metric("goodput_percent", share, "%", "higher"),
    ]


def _mean_ms(values_s: "pd.Series") -> float | None:
    return float(values_s.mean()) * 1000 if len(values_s) else None


def _sent_s(samples: "pd.DataFrame") -> "pd.Series":
    """When each was sent, as far as the client tells; else when it was due."""
    return samples["sent_s"].fillna(samples["scheduled_s"])


def _on_time(samples: "pd.DataFrame") -> float | None:
    """The share of the arrivals drawn that were sent on time; one never sent was not. None where nothing is told."""
    if samples.empty or samples["sent_s"].isna().all():
        return None
    late_s = max(LATE_S, LATE_SHARE * float(samples["scheduled_s"].max()) / len(samples))
    return float((samples["sent_s"] - samples["scheduled_s"] <= late_s).mean())


def _reported_metrics(level: Mapping[str, Any]) -> list[Metric]:
    reported = level["reported"]
    good = level["requests"] - level["failed_requests"]
    names = sorted(reported, key=lambda name: HEADLINES.index(name) if name in HEADLINES else len(HEADLINES))
    return [_reported(name, reported[name], good) for name in names]


def _reported(name: str, value: float, good: int) -> Metric:
    """One number of a client as a metric; without a value where it is a percentile of too few good requests."""
    if name in RATES:
        return Metric(name, value, RATES[name], "higher")
    if name in SHARES:
        return Metric(name, value, "%", "higher")
    time = TIMES.fullmatch(name)
    if not time:
        raise CotejoError(
            f"reported: {name}: no metric of a client. Its parser may report {', '.join((*RATES, *SHARES))}, and "
            "times such as latency_mean_ms and ttft_p50_ms"
        )
    told = time[3] is None or good >= floor_of(int(time[3]))
    return Metric(name, value if told else None, "ms", "lower")


def _seen_by_report(level: Mapping[str, Any]) -> Seen:
    reported = level["reported"]
    mean_ms = reported.get("service_mean_ms", reported.get("latency_mean_ms"))
    tokens, rate = reported.get("tokens_per_s"), reported.get("requests_per_s")
    on_time = reported.get("sent_on_time_percent")
    return Seen(
        requests=level["requests"],
        good=level["requests"] - level["failed_requests"],
        mean_s=None if mean_ms is None else mean_ms / 1000,
        tokens_out=tokens / rate if tokens is not None and rate else None,
        on_time=None if on_time is None else on_time / 100,
    )
