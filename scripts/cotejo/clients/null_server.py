"""A server that computes nothing: one fixed good answer to whatever it is asked, to see what a client can do at most.

python -m cotejo.clients.null_server --api openai-chat --run '{"new_tokens": 16}'

It prints its port on 127.0.0.1 and serves until it is stopped. Where a request asks for a stream, it sends one, piece
by piece.
"""

import argparse
import asyncio
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from types import ModuleType
from typing import Any, NamedTuple

import uvloop

from cotejo.apis import api
from cotejo.command import run
from cotejo.servers.interface import HOST

BACKLOG = 4096
MODEL = "null"
_STREAM = re.compile(rb'^POST \S*stream|"stream": *true')
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_CLOSES = re.compile(rb"(?is)HTTP/1\.0(?!.*\r\nconnection: *keep-alive)|\r\nconnection: *close")


class Replies(NamedTuple):
    """What goes over the wire for a request, in pieces: a whole answer, a streamed one, and facts, for GET."""

    whole: list[bytes]
    streamed: list[bytes]
    facts: list[bytes]


def replies(chosen: ModuleType, settings: Mapping[str, Any], connection: bytes) -> Replies:
    """The answers of an API, on connections that are kept ("keep-alive") or aren't ("close")."""
    facts = json.dumps({"object": "list", "data": [{"id": MODEL, "object": "model"}]}).encode()
    whole = chosen.fixed_answer({**settings, "stream": False})
    streamed = chosen.fixed_answer({**settings, "stream": True})
    return Replies(
        http_answer(whole, b"application/json", connection, streamed=False),
        http_answer(streamed, b"text/event-stream", connection, streamed=True),
        http_answer([facts], b"application/json", connection, streamed=False),
    )


def http_answer(pieces: Sequence[bytes], kind: bytes, connection: bytes, streamed: bool) -> list[bytes]:
    """An answer as it goes over the wire, in the pieces in which it does: chunked where it is streamed."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: " + kind + b"\r\nConnection: " + connection + b"\r\n"
    if streamed:
        chunks = [b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces]
        return [head + b"Transfer-Encoding: chunked\r\n\r\n", *chunks, b"0\r\n\r\n"]
    body = b"".join(pieces)
    return [head + b"Content-Length: %d\r\n\r\n" % len(body) + body]


class Null(asyncio.Protocol):
    """One connection: reads requests only as far as needed to know where they end."""

    def __init__(self, kept: Replies, closed: Replies) -> None:
        self._kept, self._closed = kept, closed
        self._buffer = b""
        self._missing = 0  # bytes of a body that are still to come
        self._head = b""
        self._streams = False
        self._loop = asyncio.get_running_loop()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport

    def data_received(self, data: bytes) -> None:
        if self._missing:
            self._missing -= len(data)
            self._streams = self._streams or _STREAM.search(data) is not None
        else:
            self._buffer += data
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            self._head = self._buffer[: end + 2]
            length = _LENGTH.search(self._head)
            self._missing = int(length[1]) - (len(self._buffer) - end - 4) if length else 0
            self._streams = _STREAM.search(self._buffer) is not None
            self._buffer = b""
        if self._missing == 0:
            self._answer()

    def _answer(self) -> None:
        replies = self._closed if _CLOSES.search(self._head) else self._kept
        if self._head.startswith(b"GET"):
            self._stream(iter(replies.facts))
        else:
            self._stream(iter(replies.streamed if self._streams else replies.whole))

    def _stream(self, pieces: Iterator[bytes]) -> None:
        piece = next(pieces, None)
        if piece is not None and not self._transport.is_closing():
            self._transport.write(piece)
            self._loop.call_soon(self._stream, pieces)
        elif _CLOSES.search(self._head):
            self._transport.close()


async def serve(kept: Replies, closed: Replies) -> None:
    server = await asyncio.get_running_loop().create_server(lambda: Null(kept, closed), HOST, 0, backlog=BACKLOG)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--api", required=True, help="whose answers")
    parser.add_argument("--run", required=True, type=json.loads, help="the settings that they depend on")
    arguments = parser.parse_args()
    chosen = api(arguments.api)
    kept, closed = (replies(chosen, arguments.run, connection) for connection in (b"keep-alive", b"close"))
    uvloop.run(serve(kept, closed))


if __name__ == "__main__":
    run(main)
