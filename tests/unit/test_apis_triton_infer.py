"""What is sent to Triton, tensor by tensor, and what is made of its answers."""

import itertools
import json

import numpy as np
import pytest

from cotejo.apis import triton_infer
from cotejo.apis.interface import AnswerError
from cotejo.files import write_json
from cotejo.servers.interface import Endpoint

RUN = {"seed": 7, "caption_tokens": 3}
ENDPOINT = Endpoint({"http": 8000}, "blip")


@pytest.fixture
def items(tmp_path):
    """Items of a data set of two pictures, for a model of 8 pixels by 8."""
    from PIL import Image

    random = np.random.default_rng(0)
    for number in range(2):
        picture = random.integers(0, 256, (20, 30, 3), dtype=np.uint8)
        Image.fromarray(picture).save(tmp_path / f"{number}.png")
    write_json(tmp_path / "dataset.json", {"kind": "images", "items": [{"file": "0.png"}, {"file": "1.png"}]})
    write_json(tmp_path / "config.json", {"text_config": {"vocab_size": 50, "bos_token_id": 49}})
    processor = {
        "size": {"width": 8, "height": 8}, "resample": 3, "rescale_factor": 1 / 255,
        "image_mean": [0.5, 0.5, 0.5], "image_std": [0.2, 0.2, 0.2],
    }  # fmt: skip
    write_json(tmp_path / "preprocessor_config.json", processor)

    def made(count, **settings):
        return list(itertools.islice(triton_infer.items(RUN | settings, tmp_path, tmp_path), count))

    return made


def sent(item):
    """The tensors that a request holds, read as Triton reads it."""
    request = triton_infer.request(item, RUN, ENDPOINT)
    length = int(request.headers["Inference-Header-Content-Length"])
    said, rest = json.loads(request.body[:length]), request.body[length:]
    assert said["outputs"] == [{"name": "logits", "parameters": {"binary_data": True}}]
    found = {}
    for tensor in said["inputs"]:
        size = tensor["parameters"]["binary_data_size"]
        kind = {"FP32": "<f4", "INT64": "<i8"}[tensor["datatype"]]
        found[tensor["name"]], rest = np.frombuffer(rest[:size], kind).reshape(tensor["shape"]), rest[size:]
    assert rest == b""
    return found


def test_request_holds_the_tensors_that_pytorch_is_given(items):
    (item,) = items(1)
    request = triton_infer.request(item, RUN, ENDPOINT)
    assert (request.method, request.path) == ("POST", "/v2/models/blip/infer")
    tensors, given = sent(item), triton_infer.inputs_of(item)
    assert {name: values.shape for name, values in tensors.items()} == {
        "pixel_values": (1, 3, 8, 8), "input_ids": (1, 3), "attention_mask": (1, 3),
    }  # fmt: skip
    assert all(np.array_equal(tensors[name], given[name]) for name in tensors)
    assert tensors["input_ids"][0, 0] == 49 and tensors["attention_mask"].all()
    assert item.tokens_in == 3


def test_no_two_requests_are_alike_though_they_share_what_is_long(items):
    made = items(9)
    bodies = {triton_infer.request(item, RUN, ENDPOINT).body for item in made}
    assert len(bodies) == 9
    same = [item for item in made if item.item == made[0].item]
    assert len(same) == 5
    assert len({id(triton_infer.request(item, RUN, ENDPOINT).pieces[1]) for item in same}) == 1
    pixels = [sent(item)["pixel_values"] for item in same[:2]]
    assert (pixels[0] != pixels[1]).sum() == 1


def test_order_and_content_follow_the_seed(items):
    bodies = [[triton_infer.request(item, RUN, ENDPOINT).body for item in items(4, seed=seed)] for seed in (7, 7, 8)]
    assert bodies[0] == bodies[1] and not set(bodies[0]) & set(bodies[2])


def answered(item, data, status=200, size=100_000):
    """What comes of an answer that arrives in pieces of so many bytes."""
    answer = triton_infer.Answer(item)
    for begin in range(0, len(data), size):
        answer.feed(data[begin : begin + size], begin * 1e-3)
    return answer.end(status)


@pytest.mark.parametrize("size", [7, 5000, 10**7])
def test_good_answer_in_whatever_pieces(items, size):
    (item,) = items(1)
    (body,) = triton_infer.fixed_answer(RUN)
    assert answered(item, body, size=size) == {"tokens_in": 3}
    logits = triton_infer.outputs_of(body)["logits"]
    assert logits.shape == (1, 3, 30524) and logits.dtype == np.float32 and not logits.any()


def test_answer_keeps_no_more_than_its_description(items):
    (item,) = items(1)
    answer = triton_infer.Answer(item)
    for _ in range(100):
        answer.feed(bytes(1000), 0.0)
    assert len(answer.head) <= triton_infer.HEAD_BYTES + 1000 and answer.length == 100_000


@pytest.mark.parametrize(
    ("change", "status", "said"),
    [
        (lambda body: body[:-1], 200, "truncated"),
        (lambda body: body + b"x", 200, "truncated"),
        (lambda body: b"", 200, "not an answer of Triton's"),
        (lambda body: b"<html>", 200, "not an answer of Triton's"),
        (lambda body: b'{"outputs": []}', 200, "not an answer of Triton's"),
        (lambda body: body.replace(b'"logits"', b'"hidden"'), 200, "hidden as FP32: not the output"),
        (lambda body: body.replace(b"[1,3,", b"[1,2,"), 200, r"logits of shape \[1, 2, 30524\] for 3 tokens"),
        (lambda body: b'{"error": "unexpected shape"}', 400, 'HTTP 400: {"error": "unexpected shape"}'),
    ],
)
def test_what_is_no_good_answer_is_an_error(items, change, status, said):
    (item,) = items(1)
    (body,) = triton_infer.fixed_answer(RUN)
    with pytest.raises(AnswerError, match=said):
        answered(item, change(body), status)


def test_outputs_of_a_truncated_answer_are_none():
    (body,) = triton_infer.fixed_answer(RUN)
    with pytest.raises(AnswerError, match="366287 bytes of logits, not 366288"):
        triton_infer.outputs_of(body[:-1])
