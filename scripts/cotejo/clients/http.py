"""The least HTTP/1.1 that puts load on a server: one request at a time on a connection that is kept."""

import asyncio
import time
from collections.abc import Sequence
from typing import Any, Protocol

import httptools

from cotejo.apis.interface import Item, Request
from cotejo.servers.interface import HOST

JOINED = 64 * 1024  # bytes up to which a request's pieces are joined: one call of the kernel's, and little to copy

monotonic = time.monotonic


class Exchange:
    """A request and what becomes of it. Instants are of CLOCK_MONOTONIC, None for what never came about."""

    __slots__ = ("answer", "counted", "done_s", "error", "item", "scheduled_s", "sent_s", "status", "wire")

    def __init__(self, item: Item, answer: Any, wire: tuple[bytes, ...]) -> None:
        self.item = item
        self.answer = answer
        self.wire = wire
        self.counted = False
        self.scheduled_s: float = 0.0
        self.sent_s: float | None = None
        self.done_s: float | None = None
        self.status: int | None = None
        self.error: str | None = None


class Load(Protocol):
    """Who sends requests: it is told when one has ended, well or with an error, and when a connection is gone."""

    def finished(self, connection: "Connection", exchange: Exchange) -> None: ...
    def lost(self, connection: "Connection") -> None: ...


def wire(request: Request, port: int) -> tuple[bytes, ...]:
    """The bytes of a request, in one piece unless it is long."""
    length = sum(map(len, request.pieces))
    headers = {"Host": f"{HOST}:{port}", "User-Agent": "cotejo", "Accept": "*/*", **request.headers}
    lines = [f"{request.method} {request.path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    head = "\r\n".join([*lines, f"Content-Length: {length}", "", ""]).encode("latin-1")
    return (head + request.body,) if length <= JOINED else (head, *request.pieces)


class Connection(asyncio.Protocol):
    """One connection. `exchange` is what is under way on it, `idle_since_s` since when nothing is."""

    __slots__ = ("_load", "_parser", "exchange", "idle_since_s", "now_s", "transport")

    def __init__(self, load: Load) -> None:
        self._load = load
        self._parser = httptools.HttpResponseParser(self)
        self.exchange: Exchange | None = None
        self.transport: Any = None
        self.now_s = 0.0  # when the data came that is being read
        self.idle_since_s = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def send(self, exchange: Exchange) -> None:
        self.exchange = exchange
        pieces, exchange.wire = exchange.wire, ()
        exchange.sent_s = monotonic()
        if len(pieces) == 1:
            self.transport.write(pieces[0])
        else:
            self.transport.writelines(pieces)

    def data_received(self, data: bytes) -> None:
        self.now_s = monotonic()
        if self.exchange is None:  # nobody asked: such as a server's notice that it closes
            self.transport.abort()
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserCallbackError:
            raise
        except httptools.HttpParserError as error:
            self.fail(f"not HTTP: {error}")

    def on_body(self, data: bytes) -> None:
        if self.exchange is None:  # a second answer to one request
            self.transport.abort()
        else:
            self.exchange.answer.feed(data, self.now_s)

    def on_message_complete(self) -> None:
        exchange, self.exchange = self.exchange, None
        if exchange is None:
            self.transport.abort()
            return
        exchange.done_s = self.idle_since_s = self.now_s
        exchange.status = self._parser.get_status_code()
        if not self._parser.should_keep_alive():
            self.transport.close()
        self._load.finished(self, exchange)

    def is_open(self) -> bool:
        return not self.transport.is_closing()

    def fail(self, error: str) -> None:
        """End the request under way with an error, and the connection with it."""
        self.transport.abort()
        exchange, self.exchange = self.exchange, None
        if exchange is not None:
            exchange.done_s, exchange.error = monotonic(), error
            self._load.finished(self, exchange)

    def connection_lost(self, exc: Exception | None) -> None:
        closed = "ConnectionError: the server closed the connection before its answer was whole"
        self.fail(f"{type(exc).__name__}: {exc}" if exc else closed)
        self._load.lost(self)


async def connect(load: Load, port: int, timeout_s: float) -> Connection:
    """A new connection; OSError (TimeoutError too) where the server takes none."""
    async with asyncio.timeout(timeout_s):
        _, connection = await asyncio.get_running_loop().create_connection(lambda: Connection(load), HOST, port)
    return connection


def overdue(connections: Sequence[Connection], timeout_s: float) -> None:
    """Fail every request that has been under way for longer than that."""
    now_s = monotonic()
    for connection in connections:
        exchange = connection.exchange
        if exchange is not None and exchange.sent_s is not None and now_s - exchange.sent_s > timeout_s:
            connection.fail(f"TimeoutError: no whole answer within {timeout_s:g} s")
