"""Asking a server a question by the way: whether it is there, who it is, what it has counted. Never under the clock."""

import json
import urllib.error
import urllib.request
from typing import Any

from cotejo.errors import CotejoError
from cotejo.servers.interface import Endpoint

# Through no proxy, whatever the environment says: every server is on this machine.
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


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
        with _opener.open(request, timeout=timeout_s) as answer:
            return answer.status, answer.read().decode(errors="replace")
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode(errors="replace")
    except OSError:  # refused, reset, timed out
        return None


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
