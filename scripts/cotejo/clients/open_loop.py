"""An open loop: requests are sent at instants drawn beforehand, whatever has become of those before."""

import asyncio
import math
import random
import resource
from collections import deque
from collections.abc import Sequence

from cotejo.clients.closed_loop import STOPPED, TICK_S
from cotejo.clients.http import Connection, Exchange, connect, monotonic, overdue
from cotejo.clients.supply import Supply
from cotejo.clients.timer import Timer

MOST_CONNECTIONS = 4096  # requests beyond wait for a connection, and are then late
SPARE_FILES = 64  # that the process may want open beside its connections
# Servers close connections that nobody has used for some seconds (uvicorn after five): a request would meet the close.
MOST_IDLE_S = 2.0


def arrivals(rate_rps: float, kind: str, seconds: float, seed: str) -> list[float]:
    """The instants, from 0 to `seconds`, of arrivals at a rate: "constant", or "poisson" drawn from a seed."""
    if kind == "constant":
        return [number / rate_rps for number in range(int(seconds * rate_rps) + 1) if number / rate_rps < seconds]
    draws, instants, now_s = random.Random(seed), [], 0.0
    while (now_s := now_s + draws.expovariate(rate_rps)) < seconds:
        instants.append(now_s)
    return instants


def most_connections() -> int:
    """How many connections may be open, after this process's limit of open files has been raised as far as it goes."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_CONNECTIONS + SPARE_FILES
    allowed = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    return allowed - SPARE_FILES


class OpenLoop:
    """Sends each request when it is due, on a connection that is free or, where none is, on a new one."""

    def __init__(self, supply: Supply, port: int, timeout_s: float) -> None:
        self._supply, self._port, self._timeout_s = supply, port, timeout_s
        self._most = most_connections()
        self._idle: list[Connection] = []
        self._connections: set[Connection] = set()
        self._connecting: set[asyncio.Task[None]] = set()
        self._waiting: deque[Exchange] = deque()
        self._under_way = 0
        self._due: deque[float] = deque()
        self.stopped_s = math.inf
        self.uncounted = 0
        self.exchanges: list[Exchange] = []

    async def run(self, due_s: Sequence[float], counted_from_s: float) -> None:
        """Send a request at each of these instants of CLOCK_MONOTONIC, and await all answers.

        Those that are due from `counted_from_s` on are counted: they are added to `exchanges`. What has no whole answer
        once the time that a request may take has passed since the last was due has failed.
        """
        give_up_s = max(due_s, default=0.0) + self._timeout_s
        self._due = deque(due_s)
        self._counted_from_s = counted_from_s
        self._timer = Timer()
        loop = asyncio.get_running_loop()
        loop.add_reader(self._timer.number, self._went_off)
        try:
            if self._due:
                self._timer.set(self._due[0])
            while self._due or self._under_way:
                overdue(list(self._connections), self._timeout_s)
                if monotonic() > give_up_s:
                    self._fail_waiting("TimeoutError: never sent, for all connections were busy")
                    overdue(list(self._connections), 0.0)
                await asyncio.sleep(TICK_S)
        finally:
            loop.remove_reader(self._timer.number)
            self._timer.close()

    def finished(self, connection: Connection, exchange: Exchange) -> None:
        self._under_way -= 1
        if not connection.is_open():
            return
        if self._waiting:
            connection.send(self._waiting.popleft())
        else:
            self._idle.append(connection)

    def lost(self, connection: Connection) -> None:
        self._connections.discard(connection)
        if self._waiting:
            self._open(self._waiting.popleft())

    def stop(self) -> None:
        """Send no more, and fail what is under way."""
        self.stopped_s = monotonic()
        self._due.clear()
        self._fail_waiting(STOPPED)
        for connection in list(self._connections):
            connection.fail(STOPPED)

    def close(self) -> None:
        for connection in self._connections:
            connection.transport.abort()

    def _fail_waiting(self, error: str) -> None:
        while self._waiting:
            exchange = self._waiting.popleft()
            exchange.done_s, exchange.error = monotonic(), error
            self._under_way -= 1

    def _went_off(self) -> None:
        self._timer.clear()
        while self._due and self._due[0] <= monotonic():
            self._send(self._due.popleft())
        if self._due:
            self._timer.set(self._due[0])

    def _send(self, due_s: float) -> None:
        exchange = self._supply.next()
        exchange.scheduled_s = due_s
        self._under_way += 1
        if due_s >= self._counted_from_s:
            exchange.counted = True
            self.exchanges.append(exchange)
        else:
            self.uncounted += 1
        connection = self._free()
        if connection is not None:
            connection.send(exchange)
        elif len(self._connections) + len(self._connecting) < self._most:
            self._open(exchange)
        else:
            self._waiting.append(exchange)

    def _free(self) -> Connection | None:
        """The connection that was used last, for it is the least likely to be closed by the server just now."""
        while self._idle:
            connection = self._idle.pop()
            if connection.is_open():
                if monotonic() - connection.idle_since_s < MOST_IDLE_S:
                    return connection
                connection.transport.close()
        return None

    def _open(self, exchange: Exchange) -> None:
        task = asyncio.get_running_loop().create_task(self._connected(exchange))
        self._connecting.add(task)
        task.add_done_callback(self._connecting.discard)

    async def _connected(self, exchange: Exchange) -> None:
        try:
            connection = await connect(self, self._port, self._timeout_s)
        except OSError as error:
            exchange.done_s, exchange.error = monotonic(), f"{type(error).__name__}: {error}"
            self._under_way -= 1
            if self._waiting:
                self._open(self._waiting.popleft())
            return
        self._connections.add(connection)
        connection.send(exchange)
