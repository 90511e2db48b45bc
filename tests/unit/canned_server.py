"""An HTTP server that gives the same answers to the same paths, and remembers what it was asked."""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cotejo.servers.interface import Endpoint


class Canned:
    """`answers`: {path: plain data, or text, or (status, text)}; `asked`: (method, path, headers, body) of each."""

    def __init__(self, answers: Mapping[str, Any]) -> None:
        self.answers = dict(answers)
        self.asked: list[tuple[str, str, dict[str, str], Any]] = []
        self.port = 0

    def endpoint(self, model: str, key: str | None = None, *ports: str) -> Endpoint:
        return Endpoint(dict.fromkeys(("http", *ports), self.port), model, key)


@contextmanager
def canned(answers: Mapping[str, Any]) -> Iterator[Canned]:
    state = Canned(answers)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            state.asked.append((self.command, self.path, dict(self.headers), body))
            said = state.answers.get(self.path, (404, "no such path"))
            status, text = said if isinstance(said, tuple) else (200, said)
            data = (text if isinstance(text, str) else json.dumps(text)).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_POST = do_GET

        def log_message(self, format: str, *arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
