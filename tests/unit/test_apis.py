"""Answers as servers send them, in any pieces, whole and broken."""

import json
from collections.abc import Iterator, Sequence
from types import ModuleType
from typing import Any

import pytest

from cotejo.apis import APIS, api, llava_stream, openai_chat, openai_completions, tgi_generate
from cotejo.apis.interface import AnswerError, Item
from cotejo.apis.questions import Picture, Question
from cotejo.apis.text_answer import text_of
from cotejo.servers.interface import Endpoint

ITEM = Item("0.txt", Question("Why?", Picture("image/png", "QUJD")), 5)
RUN = {"new_tokens": 3, "stream": True, "server": None}
ENDPOINT = Endpoint({"http": 8000}, "m", "secret")
WORDS = ["niño", " 日本", " 🙂!"]  # two, three and four bytes of UTF-8


def event(value: Any, end: str = "\n\n") -> bytes:
    return f"data: {json.dumps(value, ensure_ascii=False)}{end}".encode()


def chat(words: Sequence[str] = WORDS, finish: bool = True, done: bool = True, usage: bool = True) -> list[bytes]:
    pieces = [event({"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}]})]
    pieces += [event({"choices": [{"index": 0, "delta": {"content": word}}]}) for word in words]
    pieces += [event({"choices": [{"index": 0, "delta": {}, "finish_reason": "length"}]})] * finish
    pieces += [event({"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 3}})] * usage
    return pieces + [b"data: [DONE]\n\n"] * done


def completions() -> list[bytes]:
    pieces = [event({"choices": [{"text": word, "finish_reason": None}]}, "\r\n\r\n") for word in WORDS]
    last = event({"choices": [{"text": "", "finish_reason": "stop"}], "usage": {"completion_tokens": 3}})
    return [b": a comment\n\n", *pieces, last]


def tgi() -> list[bytes]:
    tokens = [{"id": 1, "text": word, "logprob": -1.0, "special": False} for word in WORDS]
    ends = [{"generated_text": None, "details": None}] * 2
    ends += [{"generated_text": "".join(WORDS), "details": {"finish_reason": "length", "generated_tokens": 3}}]
    return [event({"index": 1, "token": token, **end}) for token, end in zip(tokens, ends, strict=True)]


def llava(texts: Sequence[str] | None = None, code: int = 0) -> list[bytes]:
    told = llava_stream.prompt(ITEM)
    grown = ["".join(WORDS[: place + 1]) for place in range(3)] if texts is None else texts
    objects = [{"text": told + text, "error_code": code} for text in [*grown, grown[-1]]]
    return [json.dumps(value, ensure_ascii=False).encode() + b"\0" for value in objects]


STREAMS = {
    "chat": (openai_chat, chat()),
    "chat without [DONE]": (openai_chat, chat(done=False)),
    "completions": (openai_completions, completions()),
    "tgi": (tgi_generate, tgi()),
    "llava": (llava_stream, llava()),
}


def read(module: ModuleType, pieces: Sequence[bytes], status: int = 200) -> tuple[dict[str, Any], str]:
    """What an answer says whose pieces come a second apart."""
    answer = module.Answer(ITEM)
    for place, piece in enumerate(pieces):
        answer.feed(piece, float(place))
    return answer.end(status), text_of(answer)


def at_any_byte(pieces: Sequence[bytes]) -> Iterator[list[bytes]]:
    whole = b"".join(pieces)
    for place in range(1, len(whole)):
        yield [whole[:place], whole[place:]]
    yield [whole[place : place + 1] for place in range(len(whole))]


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_reads_the_same_in_whatever_pieces_it_comes(name: str) -> None:
    module, pieces = STREAMS[name]
    for split in at_any_byte(pieces):
        found, text = read(module, split)
        assert text == "".join(WORDS)
        assert (found["tokens_out"], found["characters_out"]) == (3, len(text))
        assert len(found["gaps_ms"].split()) == 2


def test_instants_are_those_of_the_pieces_that_bear_text() -> None:
    found, _ = read(openai_chat, chat())
    assert found["first_token_s"] == 1.0  # the first piece bears a role and no text
    assert found["gaps_ms"] == "1000.00 1000.00"
    late, _ = read(openai_chat, [piece[cut] for piece in chat() for cut in (slice(0, 9), slice(9, None))])
    assert late["first_token_s"] == 3.0  # when it was whole


def test_tokens_are_counted_by_the_server_or_by_pieces() -> None:
    counted, _ = read(openai_chat, chat())
    assert (counted["tokens_by"], counted["tokens_in"]) == ("usage", 9)
    uncounted, _ = read(openai_chat, chat(usage=False))
    assert (uncounted["tokens_by"], uncounted["tokens_in"], uncounted["tokens_out"]) == ("pieces", 5, 3)


@pytest.mark.parametrize(
    ("module", "value", "tokens"),
    [
        (openai_chat, {"choices": [{"message": {"content": "ñ!"}}], "usage": {"completion_tokens": 2}}, 2),
        (openai_completions, {"choices": [{"text": "ñ!"}]}, None),
        (tgi_generate, {"generated_text": "ñ!", "details": {"generated_tokens": 2}}, 2),
    ],
)
def test_an_answer_that_comes_whole_has_no_first_token(module: ModuleType, value: dict[str, Any], tokens: int) -> None:
    for split in at_any_byte([json.dumps(value).encode()]):
        found, text = read(module, split)
        assert text == "ñ!" and found["characters_out"] == 2 and found.get("tokens_out") == tokens
        assert "first_token_s" not in found and "gaps_ms" not in found


@pytest.mark.parametrize("name", ["chat", "completions", "tgi"])
def test_a_stream_that_breaks_off_is_no_answer(name: str) -> None:
    module, pieces = STREAMS[name]
    kept = {"chat": -3, "completions": -1, "tgi": -1}[name]  # up to what says that it is whole
    whole, end = b"".join(pieces), len(b"".join(pieces[:kept]))
    for place in range(end + 1):
        with pytest.raises(AnswerError):
            read(module, [whole[:place]])


def test_llavas_stream_that_breaks_off_within_an_object_is_no_answer() -> None:
    whole = b"".join(llava())
    for place in range(len(whole)):
        if not whole[:place].endswith(b"\0"):
            with pytest.raises(AnswerError):
                read(llava_stream, [whole[:place]])


BROKEN = {
    "garbage": (openai_chat, [b"data: {not json\n\n"], "not JSON"),
    "garbage, whole": (openai_chat, [b'{"choices": ['], "not JSON"),
    "no object": (openai_chat, [b"data: [1]\n\n"], "not a JSON object"),
    "not UTF-8": (openai_chat, [b'data: {"a": "\xff"}\n\n'], "UTF-8"),
    "error event": (openai_chat, [event({"error": {"message": "out of memory"}})], "out of memory"),
    "error text": (openai_chat, [event({"error": "out of memory"})], "out of memory"),
    "empty": (openai_chat, [], "truncated"),
    "HTML": (openai_completions, [b"<html>Bad gateway</html>"], "truncated"),
    "wrong content": (openai_chat, [event({"choices": [{"delta": {"content": 5}}]})], "not text"),
    "wrong choices": (openai_chat, [event({"choices": "none"})], "choices"),
    "wrong usage": (openai_chat, [event({"choices": [], "usage": {"completion_tokens": "3"}})], "numbers of tokens"),
    "no choices": (openai_chat, [b'{"object": "list"}'], "without choices"),
    "TGI's error": (tgi_generate, [event({"error": "overloaded", "error_type": "overloaded"})], "overloaded"),
    "TGI's error, whole": (tgi_generate, [b'{"error": "overloaded"}'], "overloaded"),
    "no token": (tgi_generate, [event({"generated_text": "a"})], "without a token"),
    "no text": (tgi_generate, [b"{}"], "without generated_text"),
    "LLaVA's error": (llava_stream, llava(["NETWORK ERROR"], code=1), "error_code 1"),
    "LLaVA, too long": (llava_stream, llava(["Exceeds max token length. Please"]), "no token came"),
    "LLaVA, garbage": (llava_stream, [b"{]\0"], "not JSON"),
    "LLaVA, nothing": (llava_stream, [], "truncated"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_no_good_answer_says_why(name: str) -> None:
    module, pieces, why = BROKEN[name]
    with pytest.raises(AnswerError, match=why):
        read(module, pieces)


WRONG = (None, True, 7, "x", [], {}, [[]], [7], [{}], {"x": 7})


def bent(value: Any) -> Iterator[Any]:
    """A JSON value with something else in the place of each of its parts."""
    yield from WRONG
    if isinstance(value, dict):
        for name, part in value.items():
            yield from (value | {name: other} for other in bent(part))
            yield {key: kept for key, kept in value.items() if key != name}
    elif isinstance(value, list):
        for place, part in enumerate(value):
            yield from ([*value[:place], other, *value[place + 1 :]] for other in bent(part))


SHAPES = {
    "chat": (
        openai_chat,
        {"choices": [{"delta": {"content": "a"}, "finish_reason": "stop"}], "usage": {"completion_tokens": 1}},
    ),
    "completions": (openai_completions, {"choices": [{"text": "a", "finish_reason": "stop"}]}),
    "tgi": (tgi_generate, {"token": {"text": "a"}, "generated_text": "a", "details": {"generated_tokens": 1}}),
    "error": (openai_chat, {"error": {"message": "a"}}),
    "chat, whole": (openai_chat, {"choices": [{"message": {"content": "a"}}], "usage": {"prompt_tokens": 1}}),
    "llava": (llava_stream, {"text": "a", "error_code": 0}),
}


@pytest.mark.parametrize("name", SHAPES)
def test_whatever_is_bent_in_an_answer_is_an_error_of_the_answer_or_none(name: str) -> None:
    module, value = SHAPES[name]
    refused = 0
    for other in bent(value):
        data = json.dumps(other).encode()
        for body in (data, b"data: " + data + b"\n\n", data + b"\0"):
            try:
                read(module, [body])
            except AnswerError:
                refused += 1
    assert refused > 20


@pytest.mark.parametrize("module", [openai_chat, openai_completions, tgi_generate, llava_stream])
def test_an_error_of_http_quotes_the_server(module: ModuleType) -> None:
    with pytest.raises(AnswerError, match=r"^HTTP 500: it broke$"):
        read(module, [b"it  br", b"oke\n"], status=500)


def test_requests_ask_for_the_same_in_each_apis_words() -> None:
    def body(module: ModuleType, **run: Any) -> dict[str, Any]:
        request = module.request(ITEM, RUN | run, ENDPOINT)
        assert request.headers["Authorization"] == "Bearer secret"
        return json.loads(request.body) | {"path": request.path}

    asked = body(openai_chat)
    (message,) = asked["messages"]
    assert [part["type"] for part in message["content"]] == ["image_url", "text"]
    assert message["content"][0]["image_url"]["url"] == "data:image/png;base64,QUJD"
    assert (asked["max_tokens"], asked["temperature"], asked["stream"]) == (3, 0, True)
    assert asked["stream_options"] == {"include_usage": True}
    assert not {"stream", "stream_options"} & set(body(openai_chat, stream=False))
    assert body(openai_completions)["prompt"] == "Why?"
    assert body(tgi_generate)["path"] == "/generate_stream"
    assert body(tgi_generate, stream=False)["path"] == "/generate"
    assert body(tgi_generate)["inputs"] == "![](data:image/png;base64,QUJD)Why?"
    assert body(llava_stream)["images"] == ["QUJD"] and "<image>\nWhy?" in body(llava_stream)["prompt"]


@pytest.mark.parametrize("name", sorted(set(APIS) - {"triton-infer"}))
@pytest.mark.parametrize("stream", [False, True])
def test_the_null_servers_answer_is_a_good_one(name: str, stream: bool) -> None:
    module = api(name)
    found, _ = read(module, module.fixed_answer(RUN | {"stream": stream}))
    assert found["tokens_out"] == 3
    assert ("first_token_s" in found) == (stream or name == "llava-stream")
