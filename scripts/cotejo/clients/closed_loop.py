"""A closed loop: so many requests under way at any time, each answer followed at once by the next request."""

import asyncio
from collections.abc import Callable

from cotejo.clients.http import Connection, Exchange, connect, monotonic, overdue
from cotejo.clients.supply import Supply

TICK_S = 0.05  # how often what hangs is looked at
STOPPED = "the client was told to stop before the answer was whole"
PAUSE_S = 0.1  # before a server is tried again that took no connection, or broke it: it may be gone

Over = Callable[[float, Exchange | None], bool]


class ClosedLoop:
    """Keeps `concurrency` requests under way. `run` may be called again and again: connections are kept."""

    def __init__(self, supply: Supply, port: int, concurrency: int, timeout_s: float) -> None:
        self._supply, self._port, self._concurrency, self._timeout_s = supply, port, concurrency, timeout_s
        self._idle: list[Connection] = []
        self._connections: set[Connection] = set()
        self._connecting: set[asyncio.Task[None]] = set()
        self._over: Over = lambda now_s, exchange: True
        self._stopping = True
        self._under_way = 0
        self._drained = asyncio.Event()
        self.stopped = False
        self.over_s = 0.0  # when no more were sent
        self.uncounted = 0
        self.exchanges: list[Exchange] = []

    async def run(self, over: Over, counted: Callable[[float], bool]) -> None:
        """Send until `over(now_s, what has ended or None)`, asked after each answer and in between; await all.

        `counted(now_s)` says of a request that is about to be sent whether it is one of those that are counted: those
        are then added to `exchanges`.
        """
        self._over, self._counted = over, counted
        self._stopping = False
        self._drained.clear()
        self._under_way = self._concurrency
        for _ in range(self._concurrency):
            self._next(self._idle.pop() if self._idle else None)
        while not self._drained.is_set():
            overdue(list(self._connections), self._timeout_s)
            if not self._stopping and over(now_s := monotonic(), None):
                self._end_sending(now_s)
            await _either(self._drained, TICK_S)

    def finished(self, connection: Connection, exchange: Exchange) -> None:
        if not self._stopping and not self._over(connection.now_s, exchange):
            if exchange.error is None:
                self._next(connection)
            else:
                asyncio.get_running_loop().call_later(PAUSE_S, self._next, None)
            return
        self._end_sending(connection.now_s)
        self._idle.append(connection)
        self._end_one()

    def lost(self, connection: Connection) -> None:
        self._connections.discard(connection)

    def stop(self) -> None:
        """Send no more, and fail what is under way."""
        self.stopped = True
        self._end_sending(monotonic())
        for connection in list(self._connections):
            connection.fail(STOPPED)

    def close(self) -> None:
        for connection in self._connections:
            connection.transport.abort()

    def _next(self, connection: Connection | None) -> None:
        if self._stopping:
            self._end_one()
            return
        exchange = self._supply.next()
        exchange.scheduled_s = now_s = monotonic()
        if self._counted(now_s):
            exchange.counted = True
            self.exchanges.append(exchange)
        else:
            self.uncounted += 1
        if connection is not None and connection.is_open():
            connection.send(exchange)
        else:
            task = asyncio.get_running_loop().create_task(self._connected(exchange))
            self._connecting.add(task)
            task.add_done_callback(self._connecting.discard)

    async def _connected(self, exchange: Exchange) -> None:
        try:
            connection = await connect(self, self._port, self._timeout_s)
        except OSError as error:
            exchange.done_s, exchange.error = monotonic(), f"{type(error).__name__}: {error}"
            if not self._stopping and self._over(exchange.done_s, exchange):
                self._end_sending(exchange.done_s)
            asyncio.get_running_loop().call_later(PAUSE_S, self._next, None)
            return
        self._connections.add(connection)
        connection.send(exchange)

    def _end_sending(self, now_s: float) -> None:
        if not self._stopping:
            self._stopping, self.over_s = True, now_s

    def _end_one(self) -> None:
        self._under_way -= 1
        if self._under_way == 0:
            self._drained.set()


async def _either(event: asyncio.Event, timeout_s: float) -> None:
    """Wait for an event, but no longer than that."""
    try:
        async with asyncio.timeout(timeout_s):
            await event.wait()
    except TimeoutError:
        return
