"""One load level by our own client: warm-up and window, one after the other without a pause, and then the samples."""

import asyncio
import math
import signal
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import uvloop

from cotejo.apis.interface import AnswerError
from cotejo.clients.closed_loop import ClosedLoop
from cotejo.clients.http import Exchange, monotonic
from cotejo.clients.open_loop import OpenLoop, arrivals
from cotejo.clients.supply import Supply, undisturbed
from cotejo.errors import CotejoError
from cotejo.load import LoadLevel
from cotejo.samples import Level, Sample
from cotejo.stopping import Stopping

TRIED = 2  # requests at once before an open loop begins, of which one must go well
AHEAD = 3.0  # times as many requests in store as the first half of the warm-up would need for the rest


def measure(supply: Supply, run: Mapping[str, Any], level: LoadLevel, repeat: int, port: int) -> Level:
    """Put a load level on a server and give what came of it; CotejoError where nothing in the warm-up went well.

    The window of a closed loop follows on its warm-up, and ends when no more requests are sent: as many are then sent
    in it as answered in it, for each answer is followed by a request. An open loop's is the time in which requests are
    due, up to the last answer where that is later. The answers to requests of the window are awaited and counted,
    whenever they come.
    """
    drive = _closed if level.load == "closed" else partial(_open, repeat)
    failures: list[BaseException] = []

    async def main() -> tuple[Level, list[Exchange]]:
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: failures.append(_cause(context)))
        return await drive(supply, run, level, port)

    result, exchanges = uvloop.run(main())
    if failures:
        raise failures[0]
    if not exchanges:
        raise CotejoError(f"level {level.name}: no request was sent in the window. Make duration_s longer")
    result.samples = [sample(level.name, place, each, result) for place, each in enumerate(exchanges)]
    return result


def _cause(context: Mapping[str, Any]) -> BaseException:
    return context.get("exception") or RuntimeError(context["message"])


async def _closed(supply: Supply, run: Mapping[str, Any], level: LoadLevel, port: int) -> tuple[Level, list[Exchange]]:
    assert level.concurrency is not None  # a closed load has one
    concurrency, half_s = level.concurrency, run["warmup_s"] / 2
    loop, stopping = ClosedLoop(supply, port, concurrency, run["request_timeout_s"]), Stopping.of(run)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, loop.stop)
    supply.fill(2 * concurrency)

    begun_s, ended = monotonic(), 0

    def first_half_over(now_s: float, exchange: Exchange | None) -> bool:
        nonlocal ended
        ended += exchange is not None
        return ended >= concurrency and now_s - begun_s >= half_s

    await loop.run(first_half_over, counted=lambda now_s: True)
    first, loop.exchanges = loop.exchanges, []
    refuse_bad_warmup(level.name, first, loop.stopped)
    rate_rps = len(first) / (monotonic() - begun_s)
    supply.fill(math.ceil(AHEAD * rate_rps * (half_s + run["duration_s"])) + concurrency)
    start_s = monotonic() + half_s

    def window_over(now_s: float, exchange: Exchange | None) -> bool:
        # Of an answer only its status is known yet: the rule sets how long the level lasts, and nothing else.
        if exchange is not None and exchange.counted and exchange.status == 200:
            stopping.add(now_s - exchange.scheduled_s)
        return now_s >= start_s and stopping.over(now_s - start_s)

    with undisturbed():
        await loop.run(window_over, counted=lambda now_s: now_s >= start_s)
    loop.close()
    result = Level(
        level=level.name,
        load="closed",
        concurrency=concurrency,
        warmup_requests=len(first) + loop.uncounted,
        warmup_s=start_s - begun_s,
        start_monotonic_s=start_s,
        duration_s=loop.over_s - start_s,
        ended_by=stopping.ended_by or "duration",
        stopping=stopping.facts(),
    )
    return result, loop.exchanges


async def _open(
    repeat: int, supply: Supply, run: Mapping[str, Any], level: LoadLevel, port: int
) -> tuple[Level, list[Exchange]]:
    assert level.rate_rps is not None and level.arrival is not None  # an open load has both
    warmup_s, duration_s = run["warmup_s"], run["duration_s"]
    due_s = arrivals(level.rate_rps, level.arrival, warmup_s + duration_s, f"{run['seed']} {level.name} {repeat}")
    loop = OpenLoop(supply, port, run["request_timeout_s"])
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, loop.stop)
    supply.fill(len(due_s) + TRIED)

    begun_s = monotonic()
    await loop.run([begun_s] * TRIED, counted_from_s=begun_s)
    first, loop.exchanges = loop.exchanges, []
    refuse_bad_warmup(level.name, first, loop.stopped_s < math.inf)
    with undisturbed():
        start_s = monotonic() + warmup_s
        await loop.run([start_s - warmup_s + each for each in due_s], counted_from_s=start_s)
    loop.close()
    answered = [each.done_s - start_s for each in loop.exchanges if each.status == 200 and each.done_s is not None]
    result = Level(
        level=level.name,
        load="open",
        rate_rps=level.rate_rps,
        warmup_requests=len(first) + loop.uncounted,
        warmup_s=start_s - begun_s,
        start_monotonic_s=start_s,
        # A server that can't keep up answers the last ones late: what it does in a second is less than what is asked.
        duration_s=max([min(duration_s, loop.stopped_s - start_s), *answered]),
    )
    return result, loop.exchanges


def refuse_bad_warmup(level: str, exchanges: Sequence[Exchange], stopped: bool) -> None:
    """CotejoError where the warm-up was cut short, or not one of its requests went well: nothing has been measured."""
    if stopped:
        raise CotejoError(f"level {level}: the client was told to stop in the warm-up")
    outcomes = [outcome(exchange) for exchange in exchanges]
    if not any(each["ok"] for each in outcomes):
        raise CotejoError(
            f"level {level}: every request of the warm-up failed, the last with {outcomes[-1]['error']}. "
            "The server's log may say why"
        )


def outcome(exchange: Exchange) -> dict[str, Any]:
    """What came of a request, as columns of its sample, its answer read."""
    found: dict[str, Any] = {"status": exchange.status, "ok": 0}
    if exchange.error is not None or exchange.status is None:
        return found | {"error": exchange.error}
    try:
        return found | exchange.answer.end(exchange.status) | {"ok": 1}
    except AnswerError as error:
        return found | {"error": str(error)}


def sample(level: str, place: int, exchange: Exchange, result: Level) -> Sample:
    """The row of one request, its instants counted from the level's start."""
    instants = {"scheduled_s": exchange.scheduled_s, "sent_s": exchange.sent_s, "done_s": exchange.done_s}
    found = {"level": level, "index": place, "item": exchange.item.item, **instants, **outcome(exchange)}
    for name in ("scheduled_s", "sent_s", "first_token_s", "done_s"):
        if found.get(name) is not None:
            found[name] -= result.start_monotonic_s
    return found
