"""What a question by the way gives: an answer, nothing yet, or an error with what was said."""

import socket

import pytest
from canned_server import canned

from cotejo.errors import CotejoError
from cotejo.servers.ask import ask, ask_json
from cotejo.servers.interface import Endpoint


def test_question_shows_the_key_and_a_body_makes_it_a_post(monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with canned({"/a": {"x": 1}, "/b": "plain"}) as server:
        endpoint = server.endpoint("m", "secret")
        assert ask_json(endpoint, "/a") == {"x": 1}
        assert ask(endpoint, "/b", {"q": 2}) == (200, "plain")
    (get, _, first, nothing), (post, _, second, body) = server.asked
    assert (get, nothing, post, body) == ("GET", None, "POST", {"q": 2})
    assert first["Authorization"] == second["Authorization"] == "Bearer secret"
    assert second["Content-Type"] == "application/json"


def test_nobody_there_is_nothing_yet():
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    endpoint = Endpoint({"http": port}, "m")
    assert ask(endpoint, "/") is None and ask_json(endpoint, "/") is None


def test_whoever_takes_the_connection_and_says_nothing_is_nothing_yet():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint = Endpoint({"http": silent.getsockname()[1]}, "m")
        assert ask(endpoint, "/", timeout_s=0.1) is None


@pytest.mark.parametrize(
    ("answer", "message"),
    [((503, "loading\n  model"), "HTTP 503: loading model"), ("<html>", "no JSON: <html>")],
)
def test_no_good_answer_is_told_with_what_was_said(answer, message):
    with canned({"/a": answer}) as server, pytest.raises(CotejoError, match=message):
        ask_json(server.endpoint("m"), "/a")
