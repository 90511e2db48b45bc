"""The process of TGI's stand-in: its HTTP side, as https://huggingface.co/docs/text-generation-inference documents it.

python -m cotejo.servers.tgi_stand_in_process --model-id FOLDER --hostname 127.0.0.1 --port 3000
"""

import argparse
import json
import os
import threading
import time
from collections import Counter
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cotejo.command import run
from cotejo.servers.tgi_stand_in_model import Question, Token, Worker

VERSION = "3.3.6"  # of the API that it speaks
SUMS = ("duration", "validation_duration", "queue_duration", "inference_duration", "mean_time_per_token_duration",
        "generated_tokens", "input_length", "max_new_tokens")  # fmt: skip


class Refusal(Exception):
    """A request that isn't computed: HTTP's status, TGI's name of the error, and a sentence."""

    def __init__(self, status: int, kind: str, message: str) -> None:
        super().__init__(message)
        self.status, self.kind = status, kind


class Service:
    """What all connections share: the worker, the counters, and how many requests may wait."""

    def __init__(self, worker: Worker, model_id: str, dtype: str, most: int, key: str | None) -> None:
        self.worker, self.model_id, self.dtype, self.key = worker, model_id, dtype, key
        self.places, self.most = threading.BoundedSemaphore(most), most
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._sums: Counter[str] = Counter()

    def info(self) -> dict[str, Any]:
        return {
            "model_id": self.model_id, "model_sha": None, "model_dtype": f"torch.{self.dtype}",
            "model_device_type": "cpu", "max_concurrent_requests": self.most, "max_batch_size": 1,
            "version": f"{VERSION} (stand-in)", "sha": None, "router": "cotejo.servers.tgi_stand_in_process",
        }  # fmt: skip

    def count(self, metric: str) -> None:
        with self._lock:
            self._counts[metric] += 1

    def observe(self, values: dict[str, float]) -> None:
        with self._lock:
            self._counts["tgi_request_success"] += 1
            self._sums.update(values)

    def metrics(self) -> str:
        with self._lock:
            good = self._counts["tgi_request_success"]
            lines = [f"{name} {count}" for name, count in sorted(self._counts.items())]
            for name in SUMS:
                metric = f"tgi_request_{name}"
                lines += [f'{metric}_bucket{{le="+Inf"}} {good}', f"{metric}_sum {self._sums[name]}"]
                lines.append(f"{metric}_count {good}")
        return "\n".join(lines) + "\n"

    def question(self, body: bytes, received_s: float) -> Question:
        """The request's question; Refusal where it is none. Only what is greedy is known here."""
        try:
            asked = json.loads(body)
            text, parameters = asked["inputs"], asked.get("parameters") or {}
            most = parameters.get("max_new_tokens") or 100
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise Refusal(422, "validation", f"Input validation error: {error!r}") from error
        if not isinstance(text, str) or not text or not isinstance(most, int) or most < 1:
            raise Refusal(422, "validation", "Input validation error: `inputs` must be text, `max_new_tokens` positive")
        if parameters.get("do_sample") or parameters.get("best_of", 1) != 1:
            raise Refusal(422, "validation", "Input validation error: the stand-in only takes the most likely token")
        return Question(self.worker.tokenizer(text)["input_ids"], most, bool(parameters.get("details")), received_s)


class Handler(BaseHTTPRequestHandler):
    """One connection, kept where HTTP/1.0 asks for it too."""

    protocol_version = "HTTP/1.1"
    server_version = "text-generation-router-stand-in"
    # An answer is written in pieces, none of which should wait for the one before to be acknowledged.
    disable_nagle_algorithm = True
    wbufsize = -1

    def __init__(self, service: Service, *arguments: Any) -> None:
        self._service = service
        super().__init__(*arguments)

    def do_GET(self) -> None:
        match self.path:
            case "/health" | "/ping":
                self._send(200, b"", "text/plain")
            case "/info":
                self._send_json(200, self._service.info())
            case "/metrics":
                self._send(200, self._service.metrics().encode(), "text/plain; version=0.0.4")
            case _:
                self._send_json(404, {"error": f"{self.path}: no such path", "error_type": "not_found"})

    def do_POST(self) -> None:
        received_s = time.monotonic()
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        answer = {"/generate": self._generate, "/generate_stream": self._stream}.get(self.path)
        if answer is None:
            self._send_json(404, {"error": f"{self.path}: no such path", "error_type": "not_found"})
            return
        service = self._service
        service.count("tgi_request_count")
        try:
            if service.key is not None and self.headers.get("Authorization") != f"Bearer {service.key}":
                raise Refusal(401, "unauthorized", "Unauthorized")
            question = service.question(body, received_s)
            if not service.places.acquire(blocking=False):
                raise Refusal(429, "overloaded", "Model is overloaded")
            try:
                service.worker.ask(question)
                answer(question)
            finally:
                service.places.release()
        except Refusal as refusal:
            service.count(f'tgi_request_failure{{err="{refusal.kind}"}}')
            self._send_json(refusal.status, {"error": str(refusal), "error_type": refusal.kind})
        except OSError:  # whoever asked has hung up
            service.count('tgi_request_failure{err="disconnected"}')
            self.close_connection = True

    def _generate(self, question: Question) -> None:
        try:
            tokens = list(question.tokens())
        except RuntimeError as error:
            raise Refusal(424, "generation", f"Request failed during generation: {error}") from error
        answer: dict[str, Any] = {"generated_text": _text(tokens)}
        if question.details:
            prefill: list[Any] = []
            answer["details"] = {**_details(question, tokens), "prefill": prefill, "tokens": _described(tokens)}
        self._send_json(200, answer, self._finish(question, tokens))

    def _stream(self, question: Question) -> None:
        self.send_response(200)
        for name, value in {"Content-Type": "text/event-stream", "Cache-Control": "no-cache"}.items():
            self.send_header(name, value)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        tokens: list[Token] = []
        try:
            for token in question.tokens():
                tokens.append(token)
                event = {"index": len(tokens), "token": token._asdict(), "generated_text": None, "details": None}
                if self._service.worker.is_last(token, len(tokens), question):
                    event |= {"generated_text": _text(tokens), "details": _details(question, tokens)}
                self._event(event)
            self._finish(question, tokens)
        except RuntimeError as error:
            self._event({"error": f"Request failed during generation: {error}", "error_type": "generation"})
            self._service.count('tgi_request_failure{err="generation"}')
        finally:
            question.abandoned = True
        self.wfile.write(b"0\r\n\r\n")
        self.wfile.flush()

    def _event(self, value: dict[str, Any]) -> None:
        data = b"data:" + json.dumps(value, separators=(",", ":")).encode() + b"\n\n"
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def _finish(self, question: Question, tokens: list[Token]) -> dict[str, str]:
        """Count an answer that is whole, log its times as TGI does, and give them as headers, in milliseconds."""
        now_s = time.monotonic()
        times_s = {
            "total_time": now_s - question.received_s,
            "validation_time": question.queued_s - question.received_s,
            "queue_time": question.begun_s - question.queued_s,
            "inference_time": now_s - question.begun_s,
        }
        times_s["time_per_token"] = times_s["inference_time"] / len(tokens)
        amounts = {"generated_tokens": len(tokens), "input_length": len(question.prompt)}
        self._service.observe({
            "duration": times_s["total_time"],
            **{f"{name}_duration": times_s[f"{name}_time"] for name in ("validation", "queue", "inference")},
            "mean_time_per_token_duration": times_s["time_per_token"],
            "max_new_tokens": question.most, **amounts,
        })  # fmt: skip
        print(" ".join(f'{name}="{value_s * 1000:.3f}ms"' for name, value_s in times_s.items()), flush=True)
        headers = {f"x-{name.replace('_', '-')}": f"{value_s * 1000:.0f}" for name, value_s in times_s.items()}
        counted = {"x-prompt-tokens": str(len(question.prompt)), "x-generated-tokens": str(len(tokens))}
        return {"x-compute-type": "cpu", "x-compute-time": f"{times_s['total_time']:.6f}", **headers, **counted}

    def _send_json(self, status: int, value: Any, headers: dict[str, str] | None = None) -> None:
        self._send(status, json.dumps(value).encode(), "application/json", headers)

    def _send(self, status: int, body: bytes, kind: str, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        own = {"Content-Type": kind, "Content-Length": str(len(body))}
        if self.request_version == "HTTP/1.0" and not self.close_connection:
            own["Connection"] = "keep-alive"
        for name, value in {**own, **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, format: str, *arguments: Any) -> None:
        """Nothing: a line for each request is written with its times."""


def _text(tokens: list[Token]) -> str:
    return "".join(token.text for token in tokens if not token.special)


def _described(tokens: list[Token]) -> list[dict[str, Any]]:
    return [token._asdict() for token in tokens]


def _details(question: Question, tokens: list[Token]) -> dict[str, Any]:
    return {
        "finish_reason": question.finish_reason, "generated_tokens": len(tokens), "seed": None,
        "input_length": len(question.prompt),
    }  # fmt: skip


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 2048


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model-id", required=True, type=Path, help="the model's folder")
    parser.add_argument("--max-concurrent-requests", type=int, default=128, help="more at once are refused")
    parser.add_argument("--dtype", default="float32", help="torch's name of the precision")
    parser.add_argument("--hostname", required=True, help="the address to listen on")
    parser.add_argument("--port", type=int, required=True)
    arguments = parser.parse_args()
    service = Service(
        Worker(arguments.model_id, arguments.dtype), str(arguments.model_id), arguments.dtype,
        arguments.max_concurrent_requests, os.environ.get("API_KEY"),
    )  # fmt: skip
    Server((arguments.hostname, arguments.port), partial(Handler, service)).serve_forever()


if __name__ == "__main__":
    run(main)
