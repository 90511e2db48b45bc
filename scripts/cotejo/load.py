"""Load levels: how requests arrive at a server, from a run's settings."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cotejo.errors import CotejoError

LOADS = ("closed", "open", "offline", "single-stream")
ARRIVALS = ("poisson", "constant")


@dataclass(frozen=True)
class LoadLevel:
    """One level of load: so many requests at once (closed), so many a second (open), all at once (offline), or one
    after another (single-stream)."""

    name: str
    load: str
    concurrency: int | None = None
    rate_rps: float | None = None
    arrival: str | None = None  # of an open load: "poisson" or "constant"


def levels_of(run: Mapping[str, Any]) -> list[LoadLevel]:
    """The load levels of a run that has a server, lowest first; CotejoError where a range runs backwards."""
    if run["load"] == "closed":
        return [LoadLevel(f"concurrency-{n}", "closed", concurrency=n) for n in concurrencies(run["concurrency"])]
    if run["load"] == "single-stream":
        return [LoadLevel("single-stream", "single-stream", concurrency=1)]
    if run["load"] == "offline":
        return [LoadLevel("offline", "offline")]
    rates = sorted({float(text) for text in str(run["rate_rps"]).split(",")})
    return [LoadLevel(f"rate-{rate:g}", "open", rate_rps=rate, arrival=run["arrival"]) for rate in rates]


def concurrencies(text: int | str) -> list[int]:
    """[1, 2, 3, 8] of "1-3,8"."""
    found: set[int] = set()
    for part in str(text).split(","):
        first, _, last = part.partition("-")
        if int(last or first) < int(first):
            raise CotejoError(f"concurrency: {text}: {part} runs backwards. Write {last}-{first}")
        found.update(range(int(first), int(last or first) + 1))
    return sorted(found)
