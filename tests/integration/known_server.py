"""A server whose behaviour is known: it takes as long as it is told to, and writes down how long it really took.

python tests/integration/known_server.py --behaviour '{"median_s": 0.05, "sigma": 0.5}' --truth truth.json

It prints its port, answers as OpenAI's chat does, and on SIGTERM writes [[arrived_s, first_token_s, done_s], …] on
CLOCK_MONOTONIC, as it saw them. Service times are log-normal (fixed: sigma 0), drawn in the order of arrival. In a
stall nothing is answered. A stream has `tokens` tokens: the first after the service time, then one each `pace_s`.
"""

import argparse
import asyncio
import json
import random
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).resolve().parents[2] / "scripts"))

import uvloop

from cotejo.apis import api
from cotejo.clients.null_server import BACKLOG, Null, replies
from cotejo.clients.timer import Timer
from cotejo.files import write_json
from cotejo.servers.interface import HOST


@dataclass
class Behaviour:
    """`stalls`: [begin, end] in seconds since the first request."""

    median_s: float
    sigma: float = 0.0
    tokens: int = 1
    pace_s: float = 0.0
    stalls: list[tuple[float, float]] = field(default_factory=list)
    seed: int = 1

    def service_times_s(self) -> Iterator[float]:
        drawn = random.Random(self.seed)
        while True:
            yield self.median_s * drawn.lognormvariate(0, self.sigma)

    def ready_s(self, due_s: float, since_s: float) -> float:
        """When what is due is done, for a server that has stalls counted from `since_s`."""
        ends = (since_s + end for begin, end in self.stalls if since_s + begin <= due_s < since_s + end)
        return next(ends, due_s)


class Agenda:
    """Calls functions at instants of CLOCK_MONOTONIC: an event loop's own timers know only milliseconds."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()

    def at(self, instant_s: float, call: Any) -> None:
        timer = Timer()

        def went_off() -> None:
            self._loop.remove_reader(timer.number)
            timer.close()
            call()

        self._loop.add_reader(timer.number, went_off)
        timer.set(instant_s)


class Server:
    """What all connections share."""

    def __init__(self, behaviour: Behaviour) -> None:
        self.behaviour = behaviour
        self.service_times_s = behaviour.service_times_s()
        self.agenda = Agenda()
        self.first_s: float | None = None
        self.truth: list[list[float]] = []
        settings = {"new_tokens": behaviour.tokens}
        self.kept, self.closed = (replies(api("openai-chat"), settings, how) for how in (b"keep-alive", b"close"))


class Known(Null):
    """One connection to it."""

    def __init__(self, server: Server) -> None:
        super().__init__(server.kept, server.closed)
        self._server = server

    def _answer(self) -> None:
        if self._head.startswith(b"GET"):
            super()._answer()
            return
        server, now_s = self._server, time.monotonic()
        server.first_s = server.first_s or now_s
        answered = [now_s]
        head, *pieces = server.kept.streamed if self._streams else [b"", *server.kept.whole]
        tokens = pieces[: server.behaviour.tokens] if self._streams else pieces
        rest = b"".join(pieces[len(tokens) :])
        due_s = now_s + next(server.service_times_s)
        for place, piece in enumerate(tokens):
            last = place == len(tokens) - 1
            data = (head if place == 0 else b"") + piece + (rest if last else b"")
            when_s = server.behaviour.ready_s(due_s + place * server.behaviour.pace_s, server.first_s)
            server.agenda.at(when_s, lambda data=data, last=last: self._write(data, last, answered))

    def _write(self, data: bytes, last: bool, answered: list[float]) -> None:
        if self._transport.is_closing():  # the client has hung up
            return
        self._transport.write(data)
        answered.append(time.monotonic())
        if last:
            self._server.truth.append([answered[0], answered[1], answered[-1]])


async def serve(behaviour: Behaviour, truth: Path) -> None:
    loop, stopped = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stopped.set)
    server = Server(behaviour)
    listening = await loop.create_server(lambda: Known(server), HOST, 0, backlog=BACKLOG)
    print(listening.sockets[0].getsockname()[1], flush=True)
    await stopped.wait()
    write_json(truth, server.truth)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--behaviour", required=True, type=json.loads)
    parser.add_argument("--truth", required=True, type=Path)
    arguments = parser.parse_args()
    uvloop.run(serve(Behaviour(**arguments.behaviour), arguments.truth))


if __name__ == "__main__":
    main()
