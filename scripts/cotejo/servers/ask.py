"""Asking a server a question by the way: whether it is there, who it is, what it has counted. Never under the clock."""

import json
import urllib.request
from typing import Any

from cotejo.errors import CotejoError
from cotejo.loopback import answer_to
from cotejo.servers.interface import Endpoint


def ask(
    endpoint: Endpoint,
    path: str,
    body: Any = None,
    port: str = "http",
    method: str | None = None,
    timeout_s: float = 60,
) -> tuple[int, str] | None:
    """The HTTP status and the text of an answer; None where nobody listens yet, or whoever does hangs up.

    With a body, plain data that is sent as JSON, it is a POST unless `method` says otherwise.
    """
    data = None if body is None else json.dumps(body).encode()
    headers = {**endpoint.headers, **({"Content-Type": "application/json"} if data is not None else {})}
    request = urllib.request.Request(endpoint.url(port) + path, data, headers, method=method)
    try:
        status, content = answer_to(request, timeout_s)
    except OSError:  # refused, reset, timed out
        return None
    return status, content.decode(errors="replace")


def ask_json(endpoint: Endpoint, path: str, body: Any = None, port: str = "http", timeout_s: float = 60) -> Any:
    """The JSON of a good answer, None where there is none yet; CotejoError where it is no JSON or no good answer."""
    answer = ask(endpoint, path, body, port, timeout_s=timeout_s)
    if answer is None:
        return None
    status, text = answer
    said = " ".join(text.split())[:200]
    if status != 200:
        raise CotejoError(f"{endpoint.url(port)}{path}: HTTP {status}: {said}. Does another server listen there?")
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        raise CotejoError(
            f"{endpoint.url(port)}{path}: answers what is no JSON: {said}. Does another server listen there?"
        ) from None
