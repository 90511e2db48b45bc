"""A server in a thread of the test: it answers as OpenAI's chat does, streamed, or misbehaves as it is told."""

import asyncio
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
GOOD = b'data: {"choices": [{"delta": {"content": "a"}, "finish_reason": null}]}\n\n'
LAST = b'data: {"choices": [{"delta": {}, "finish_reason": "stop"}]}\n\ndata: [DONE]\n\n'

# What a client must say of each.
FAULTS = {
    "reset": "ConnectionResetError",
    "close": "closed the connection before its answer was whole",
    "500": "HTTP 500: it broke",
    "truncated": "truncated",
    "garbage": "not JSON",
    "hang": "TimeoutError",
}
SERVICE_S = 0.02

Plan = Callable[[int, float], str]  # of the number of a request, and the seconds since the first


def each_in_turn(number: int, elapsed_s: float) -> str:
    """Two good answers after each fault, so that the warm-up has some; "hang" is rare because it takes long."""
    kinds = [kind for fault in list(FAULTS)[:-1] for kind in ("good", fault, "good")]
    return "hang" if number % 40 == 39 else kinds[number % len(kinds)]


@dataclass
class Faulty:
    port: int = 0
    hangs: threading.Event = field(default_factory=threading.Event)  # once it has not answered a request


@contextmanager
def faulty_server(plan: Plan = each_in_turn) -> Iterator[Faulty]:
    """ "gone" in a plan: it listens no more, and resets every connection."""
    server, started = Faulty(), threading.Event()
    loop = asyncio.new_event_loop()
    over = asyncio.Event()

    async def main() -> None:
        listening = await _listen(server, plan)
        started.set()
        await over.wait()
        listening.close()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()

    thread = threading.Thread(target=loop.run_until_complete, args=(main(),))
    thread.start()
    try:
        assert started.wait(10)
        yield server
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join()
        loop.close()


async def _listen(server: Faulty, plan: Plan) -> asyncio.Server:
    writers: set[asyncio.StreamWriter] = set()
    asked, first_s = 0, 0.0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked, first_s
        now_s = asyncio.get_running_loop().time
        writers.add(writer)
        try:
            while await _request(reader):
                first_s = first_s or now_s()
                kind, asked = plan(asked, now_s() - first_s), asked + 1
                await asyncio.sleep(SERVICE_S)
                if kind == "gone":
                    listening.close()
                    for other in writers:
                        _reset(other)
                    return
                if kind == "hang":
                    server.hangs.set()
                    await asyncio.Event().wait()
                if kind == "reset":
                    _reset(writer)
                    return
                writer.write(_answer(kind))
                if kind == "close":
                    return
        except (ConnectionError, asyncio.IncompleteReadError):
            return  # the client has hung up
        finally:
            writers.discard(writer)
            writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    server.port = listening.sockets[0].getsockname()[1]
    return listening


async def _request(reader: asyncio.StreamReader) -> bool:
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
    return bool(await reader.readexactly(int(length.partition(b":")[2])))


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close without the usual farewell."""
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def _answer(kind: str) -> bytes:
    def chunk(data: bytes) -> bytes:
        return b"%x\r\n%s\r\n" % (len(data), data)

    return {
        "good": HEAD + chunk(GOOD) + chunk(LAST) + b"0\r\n\r\n",
        "close": HEAD + chunk(GOOD),
        "truncated": HEAD + chunk(GOOD) + b"0\r\n\r\n",
        "garbage": HEAD + chunk(b"data: {garbage\n\n") + b"0\r\n\r\n",
        "500": b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 8\r\n\r\nit broke",
    }[kind]
