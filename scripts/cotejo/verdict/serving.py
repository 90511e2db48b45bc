"""Whether a server's load was what it says, and whether the client, rather than the server, was measured.

In process there is neither, and nothing is found.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from cotejo.serving_metrics import Seen
from cotejo.verdict.evidence import Check, Evidence, Finding, Record
from cotejo.verdict.quiet import CPUS

# As config/config.yaml has them, with their reasons. A client on the server's CPUs is bounded as any foreign process
# there: `foreign_cpu_percent`.
THRESHOLDS: Mapping[str, float] = {
    "client_limit_percent": 50,
    "sent_on_time_percent": 99,
    "counters_percent": 5,
    "server_time_percent": 10,
}

# A server's times are counted in milliseconds, rounded; below this they agree whatever their ratio.
RESOLUTION_S = 0.001


class Served(NamedTuple):
    """One level of a whole record of a server, with what its client saw."""

    record: Record
    level: Mapping[str, Any]
    seen: Seen


def served(evidence: Evidence) -> list[Served]:
    """The whole repeats of the evidence's level; none in process."""
    if not evidence.seen:
        return []
    whole = [record for record in evidence.records if record["status"] == "ok"]
    records = [record for record in whole for part in record["levels"] if part["level"] == evidence.level]
    return [Served(*repeat) for repeat in zip(records, evidence.levels, evidence.seen, strict=True)]


def shared_cores(evidence: Evidence, thresholds: Mapping[str, float]) -> list[Finding]:
    """A client on the server's CPUs: it shows, and beyond what any other process may use there it is a disturbance."""
    sharing = [repeat for repeat in served(evidence) if repeat.record["client"]["shared_cores"]]
    if not sharing:
        return []
    bound, shares = thresholds["foreign_cpu_percent"], [client_percent(repeat) for repeat in sharing]
    told = [share for share in shares if share is not None]
    if len(told) < len(shares):
        return [Finding("smoke", "shared-cores: unknown how much of the server's CPUs the client used")]
    word = "noisy" if max(told) > bound else "publishable"
    return [Finding(word, f"shared-cores: client {max(told):.3g} {CPUS['pinned']} (bound {bound:g} %)")]


def client_percent(repeat: Served) -> float | None:
    """The share of the server's CPUs' time that its clients used; None where it was not sampled."""
    cores = (repeat.level["telemetry"] or {}).get("client_cpu_cores")
    return None if cores is None else 100 * cores / len(repeat.record["affinity"]["expected_cpus"])


def client_limit(evidence: Evidence, thresholds: Mapping[str, float]) -> list[Finding]:
    """A level at which the client had to do much of what it can at all: its own limit may be what was measured."""
    # One that holds the engine itself is what is measured.
    repeats = [repeat for repeat in served(evidence) if not repeat.record["client"].get("engine")]
    shares = [limit_percent(repeat) for repeat in repeats]
    told = [share for share in shares if share is not None]
    if len(told) < len(shares):
        return [Finding("smoke", "client not calibrated")]
    bound = thresholds["client_limit_percent"]
    if not told or max(told) <= bound:
        return []
    where = _where([share > bound for share in told])
    return [
        Finding(
            "smoke", f"client-limit: {max(told):.3g} % of the rate that the client reaches {where} (bound {bound:g} %)"
        )
    ]


def limit_percent(repeat: Served) -> float | None:
    """The level's attempts a second over what the client reaches at a server that answers at once; None if unknown."""
    calibration = repeat.record["client"]["calibration"]
    if calibration is None:
        return None
    reached = calibration["streaming_rps"] if repeat.seen.streams else calibration["closed_rps"]
    return 100 * repeat.seen.requests / repeat.level["duration_s"] / reached if reached else None


def sent_on_time(evidence: Evidence, thresholds: Mapping[str, float]) -> list[Finding]:
    """An open load that was not sent as it was drawn is another load: the level is invalid, whatever it shows."""
    repeats = [repeat for repeat in served(evidence) if repeat.level["load"] == "open"]
    shares = [repeat.seen.on_time for repeat in repeats]
    told = [100 * share for share in shares if share is not None]
    if len(told) < len(shares):
        return [Finding("smoke", "unknown whether the arrivals were sent on time")]
    bound = thresholds["sent_on_time_percent"]
    if not told or min(told) >= bound:
        return []
    shown = math.floor(min(told) * 10) / 10  # rounded down: never "99 % < 99 %"
    where = _where([share < bound for share in told])
    return [Finding("failed", f"invalid: {shown:g} % of the arrivals sent on time {where} (bound {bound:g} %)")]


def counters(evidence: Evidence, thresholds: Mapping[str, float]) -> list[Finding]:
    """What the server counted against what the client saw, both with the warm-up: requests, tokens, mean time."""
    repeats = [repeat for repeat in served(evidence) if repeat.level["server"]]
    said: dict[tuple[str, str], list[str]] = {}
    for repeat in repeats:
        for word, subject, sentence in mismatches(repeat, thresholds):
            said.setdefault((word, subject), []).append(sentence)
    return [
        Finding(word, f"counters: {sentences[0]} in {len(sentences)} of {len(repeats)} repeats")
        for (word, _), sentences in said.items()
    ]


def mismatches(repeat: Served, thresholds: Mapping[str, float]) -> Iterator[tuple[str, str, str]]:
    """A verdict's word, what is unlike, and by how much, for each thing on which server and client disagree.

    The client's time holds what lies between them, so it may be longer, which is said; a server's can't be.
    """
    counted, seen, bound = repeat.level["server"], repeat.seen, thresholds["counters_percent"]
    requests, sent = counted.get("requests"), seen.good + repeat.level["warmup_requests"]
    if requests is not None:
        slack = bound / 100 * sent + (repeat.level["concurrency"] or 1)  # those under way when the level ended
        if requests < sent - slack or (seen.all_told and requests > sent + slack):
            yield "unsteady", "requests", f"server {requests:g} requests, client {sent:g} (bound {bound:g} %)"
    if not requests:
        return
    tokens = counted.get("tokens_out")
    if tokens is not None and seen.tokens_out and abs(tokens / requests / seen.tokens_out - 1) * 100 > bound:
        yield (
            "unsteady", "tokens",
            f"server {tokens / requests:.4g} tokens a request, client {seen.tokens_out:.4g} (bound {bound:g} %)",
        )  # fmt: skip
    if "inference_s" in counted and seen.mean_s is not None:
        longest = thresholds["server_time_percent"]
        server_s, client_s = counted["inference_s"] / requests, seen.mean_s
        if abs(server_s - client_s) > max(RESOLUTION_S, longest / 100 * client_s):
            word = "unsteady" if server_s > client_s else "publishable"
            shown = f"server {server_s * 1000:.4g} ms a request, client {client_s * 1000:.4g} ms (bound {longest:g} %)"
            yield word, "time", shown


def identical_inputs(evidence: Evidence, thresholds: Mapping[str, float]) -> list[Finding]:
    """One request over and over: it shows. The server's caches for such requests are off."""
    alike = any(repeat.level["inputs"] == "identical" for repeat in served(evidence))
    return [Finding("publishable", "identical inputs: one request over and over")] if alike else []


def stand_in(evidence: Evidence, thresholds: Mapping[str, float]) -> list[Finding]:
    """What only imitates a server says nothing of it, however long it was measured."""
    imitated = dict.fromkeys(r.record["server"]["name"] for r in served(evidence) if r.record["server"]["stand_in"])
    return [Finding("smoke", f"stand-in: {name} only imitates its server") for name in imitated]


def _where(found: Sequence[bool]) -> str:
    return f"in {sum(found)} of {len(found)} repeats"


CHECKS: tuple[Check, ...] = (
    sent_on_time, counters, shared_cores, client_limit, stand_in, identical_inputs,
)  # fmt: skip
