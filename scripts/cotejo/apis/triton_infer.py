"""Triton's infer over HTTP, tensors as they lie in memory: POST /v2/models/<model>/infer.

Protocol: https://docs.nvidia.com/deeplearning/triton-inference-server/user-guide/docs/protocol/extension_binary_data.html
A body is a JSON object that describes the tensors, followed at once by their bytes.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from cotejo.apis.interface import AnswerError, Item, Request
from cotejo.apis.text_answer import quoted
from cotejo.samples import in_seeded_order
from cotejo.servers.interface import Endpoint
from cotejo.tasks.image_captioning import load_requests

TASKS = ("image-captioning",)
STREAMS = False
COLUMNS = ("status",)

OUTPUT = "logits"
VOCABULARY = 30524  # BLIP's, for an answer as long as a real one
TYPES: dict[str, np.dtype[Any]] = {"FP32": np.dtype("<f4"), "INT64": np.dtype("<i8")}
PIXEL_BYTES = 4

# Of an answer only its description is kept, for the bytes that follow it can be a megabyte for each request.
HEAD_BYTES = 4096

# The number of a request stands in its first pixel, as a fraction: so many of them differ.
NUMBERS = 1 << 24


class Step(NamedTuple):
    """A captioning step: one pixel that makes it unlike every other, the other pixels, and the caption so far."""

    first_pixel: bytes
    rest: bytes  # one object for all requests with the same image
    shape: tuple[int, ...]
    tokens: np.ndarray


def items(run: Mapping[str, Any], dataset_folder: Path, model_folder: Path) -> Iterator[Item]:
    """Images without end, in an order drawn from the seed, no two alike; captions as those measured in process have."""
    images = load_requests(run, dataset_folder, model_folder)
    rests = {image.item: image.pixels.astype(TYPES["FP32"]).tobytes()[PIXEL_BYTES:] for image in images}
    for number, image in enumerate(in_seeded_order(images, run["seed"])):
        first = np.array((run["seed"] + number) % NUMBERS / NUMBERS, TYPES["FP32"]).tobytes()
        step = Step(first, rests[image.item], image.pixels.shape, image.tokens)
        yield Item(image.item, step, image.tokens.shape[1])


def inputs_of(item: Item) -> dict[str, np.ndarray]:
    """What a request for an item sends, by the names of the model's inputs."""
    step: Step = item.content
    pixels = np.frombuffer(bytearray(step.first_pixel + step.rest), TYPES["FP32"]).reshape(step.shape)
    return {"pixel_values": pixels, "input_ids": step.tokens, "attention_mask": np.ones_like(step.tokens)}


def request(item: Item, run: Mapping[str, Any], endpoint: Endpoint) -> Request:
    step: Step = item.content
    tokens = step.tokens.astype(TYPES["INT64"]).tobytes()
    mask = np.ones_like(step.tokens, TYPES["INT64"]).tobytes()
    description = {
        "inputs": [
            _described("pixel_values", "FP32", step.shape, PIXEL_BYTES + len(step.rest)),
            _described("input_ids", "INT64", step.tokens.shape, len(tokens)),
            _described("attention_mask", "INT64", step.tokens.shape, len(mask)),
        ],
        "outputs": [{"name": OUTPUT, "parameters": {"binary_data": True}}],
    }
    head = json.dumps(description, separators=(",", ":")).encode()
    headers = {
        "Content-Type": "application/octet-stream",
        "Inference-Header-Content-Length": str(len(head)),
        **endpoint.headers,
    }
    pieces = (head + step.first_pixel, step.rest, tokens + mask)
    return Request(f"/v2/models/{endpoint.model}/infer", pieces, headers)


def _described(name: str, datatype: str, shape: tuple[int, ...], size: int) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": list(shape), "parameters": {"binary_data_size": size}}


class Answer:
    """Reads an answer's description, and how long the answer was."""

    __slots__ = ("head", "item", "length")

    def __init__(self, item: Item) -> None:
        self.item = item
        self.head = b""
        self.length = 0

    def feed(self, data: bytes, now_s: float) -> None:
        if self.length < HEAD_BYTES:
            self.head += data[:HEAD_BYTES]
        self.length += len(data)

    def end(self, status: int) -> dict[str, Any]:
        if status != 200:
            raise AnswerError(f"HTTP {status}: {quoted(self.head)}")
        output, start = _description(self.head)
        tokens = self.item.content.tokens.shape
        if tuple(output["shape"][:2]) != tokens:
            raise AnswerError(f"{OUTPUT} of shape {output['shape']} for {tokens[1]} tokens of {tokens[0]} image")
        size = output["parameters"]["binary_data_size"]
        if self.length != start + size:
            raise AnswerError(f"{self.length} bytes came of {start + size}: truncated")
        return {"tokens_in": tokens[1]}


def outputs_of(body: bytes) -> dict[str, np.ndarray]:
    """{"logits": float32 [1, tokens, vocabulary]} of a whole answer; AnswerError where it is none."""
    output, start = _description(body)
    values = body[start:]
    if len(values) != output["parameters"]["binary_data_size"]:
        raise AnswerError(f"{len(values)} bytes of {OUTPUT}, not {output['parameters']['binary_data_size']}")
    return {OUTPUT: np.frombuffer(values, TYPES[output["datatype"]]).reshape(output["shape"])}


def _description(body: bytes) -> tuple[dict[str, Any], int]:
    """What an answer says of its only output, and where that output's bytes begin."""
    text = body[:HEAD_BYTES].decode("latin-1")  # a character for each byte, whatever follows the description
    try:
        said, end = json.JSONDecoder().raw_decode(text)
        (output,) = said["outputs"]
        if output["name"] != OUTPUT or output["datatype"] not in TYPES:
            raise AnswerError(f"{output['name']} as {output['datatype']}: not the output that was asked for")
        int(output["parameters"]["binary_data_size"])
        len(output["shape"])
    except (ValueError, KeyError, TypeError) as error:
        raise AnswerError(f"not an answer of Triton's ({error!r}): {quoted(text)}") from error
    return output, end


def fixed_answer(run: Mapping[str, Any]) -> list[bytes]:
    """Zeros, as many as logits that BLIP gives."""
    shape = (1, run["caption_tokens"], VOCABULARY)
    values = bytes(TYPES["FP32"].itemsize * int(np.prod(shape)))
    said = {"model_name": "null", "model_version": "1", "outputs": [_described(OUTPUT, "FP32", shape, len(values))]}
    return [json.dumps(said, separators=(",", ":")).encode() + values]
