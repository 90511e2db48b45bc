"""A server that behaves, or misbehaves, as its run's key `behave` says: as Cotejo's module for it, and as its program.

It speaks OpenAI's completions, streamed, a token every two milliseconds. "refuse" refuses what comes after some good
answers, "refuse:0" all; "exposed" has another port, on every address, as PyTorch's store has.
"""

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cotejo.errors import CotejoError
from cotejo.servers.ask import ask
from cotejo.servers.interface import HOST, Endpoint, Identity, Job, Launch

BACKENDS = {"pytorch": {"llama": None}}
PRECISIONS = ("fp32",)
DEVICES = ("cpu",)
OPTIONS: dict[str, Any] = {}
STACK = None
APIS = ("openai-completions",)
PORTS = ("http", "metrics")
KEY = "FAKE_SERVER_KEY"
STAND_IN = True
COUNTERS = True

TOKEN_S = 0.002
BREAKS_AFTER = 8  # answers given well before the trouble begins


def prepare(job: Job) -> None:
    (job.prepared / "fake.json").write_text(json.dumps({"model": job.run["model"]}))


def launch(job: Job, endpoint: Endpoint) -> Launch:
    program = "no-such-server" if job.run["behave"] == "missing" else str(job.python)
    command = [program, __file__, "--behave", job.run["behave"], "--model", endpoint.model]
    command += [
        "--prepared",
        str(job.prepared),
        "--pids",
        job.run["pids"],
        *(str(port) for port in endpoint.ports.values()),
    ]
    return Launch(command, {"FAKE": "yes"}, writes=[Path(job.run["pids"]).parent])


def identify(endpoint: Endpoint) -> Identity | None:
    answer = ask(endpoint, "/health", timeout_s=5)
    if answer is None or answer[0] == 503:
        return None
    said = json.loads(answer[1])
    if said["model"] != endpoint.model:
        raise CotejoError(f"{endpoint.url()}: model: {said['model']}: serves another model than {endpoint.model}")
    return Identity("1.2.3", said)


def counters(endpoint: Endpoint) -> dict[str, float]:
    answer = ask(endpoint, "/metrics", port="metrics", timeout_s=5)
    if answer is None:
        raise CotejoError(f"{endpoint.url('metrics')}: no answer")
    return json.loads(answer[1])


class Server:
    """What the handlers share."""

    def __init__(self, behave: str, model: str) -> None:
        self.behave, _, after = behave.partition(":")
        self.breaks_after = int(after or BREAKS_AFTER)
        self.model = model
        self.lock = threading.Lock()
        self.answered = 0
        self.tokens = 0
        self.beside: socket.socket | None = None

    def trouble(self) -> str:
        """What goes wrong with the next answer."""
        with self.lock:
            self.answered += 1
            return self.behave if self.answered > self.breaks_after else "well"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    shared: Server

    def log_message(self, *arguments: Any) -> None:
        pass

    def answer(self, status: int, data: Any) -> None:
        body = data if isinstance(data, bytes) else json.dumps(data).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        shared = self.shared
        if self.path == "/metrics":
            self.answer(200, {"requests": shared.answered, "tokens_out": shared.tokens})
        elif shared.behave == "never":
            self.answer(503, {})
        else:
            model = "another" if shared.behave == "wrong" else shared.model
            self.answer(200, {"model": model, "cpus": sorted(os.sched_getaffinity(0)), "fake": os.environ["FAKE"]})

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.headers.get("Authorization") != f"Bearer {os.environ[KEY]}":
            self.answer(401, {"error": "no key"})
            return
        trouble = self.shared.trouble()
        if trouble == "die":
            print("RuntimeError: the engine has died", file=sys.stderr, flush=True)
            os._exit(7)
        if trouble == "hang":
            time.sleep(600)
        if trouble == "refuse":
            self.answer(500, {"error": "overloaded"})
            return
        if trouble == "garbage":
            self.answer(200, b'{"choices": [')
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        tokens = asked["max_tokens"] // (2 if trouble == "truncate" else 1)
        for _ in range(tokens):
            time.sleep(TOKEN_S)
            self.event({"choices": [{"index": 0, "text": "word ", "finish_reason": None}]})
        with self.shared.lock:
            self.shared.tokens += tokens
        if trouble != "truncate":
            self.event({"choices": [{"index": 0, "text": "", "finish_reason": "length"}]})
            self.chunk(b"data: [DONE]\n\n")
            self.chunk(b"")
        self.close_connection = trouble == "truncate"

    def event(self, data: Any) -> None:
        self.chunk(b"data: " + json.dumps(data).encode() + b"\n\n")

    def chunk(self, data: bytes) -> None:
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.wfile.flush()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--behave")
    parser.add_argument("--model")
    parser.add_argument("--prepared", type=Path)
    parser.add_argument("--pids", type=Path)
    parser.add_argument("ports", type=int, nargs="+")
    told = parser.parse_args()
    json.loads((told.prepared / "fake.json").read_text())
    print(f"fake server at work with key {os.environ.get(KEY)}", flush=True)
    if told.behave == "exit":
        print("ValueError: no such layer\n  (nothing follows)", file=sys.stderr)
        sys.exit(3)
    # As servers with engines of their own: one in a session of its own, one in this.
    others = [subprocess.Popen(["sleep", "600"], start_new_session=new) for new in (True, False)]
    say(told.pids, [os.getpid(), *(other.pid for other in others)])
    if told.behave in ("stubborn", "deaf", "silent"):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if told.behave in ("deaf", "silent"):
        time.sleep(600)
    Handler.shared = Server(told.behave, told.model)
    Handler.shared.beside = socket.create_server(("", 0)) if told.behave == "exposed" else None
    servers = [ThreadingHTTPServer((HOST, port), Handler) for port in told.ports]
    for server in servers[1:]:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    servers[0].serve_forever()


def say(file: Path, pids: list[int]) -> None:
    file.with_suffix(".tmp").write_text(json.dumps(pids))
    file.with_suffix(".tmp").rename(file)


if __name__ == "__main__":
    main()
