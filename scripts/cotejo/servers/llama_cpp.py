"""llama.cpp's own server, on GGUF files: OpenAI's API, and for LLaVA a vision transformer beside the decoder.

It computes several requests at once in as many slots, each with a context of its own; more wait. Its counters are
printed with six digits: beyond a million tokens a difference between two looks at them is rounded. An image that is not
square it fills up to a square, of which transformers cuts one out: as much work, for another answer.

Source: https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md
"""

import base64
import io
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cotejo.apis.interface import Item
from cotejo.apis.questions import Picture
from cotejo.clients import client
from cotejo.errors import CotejoError
from cotejo.exports.gguf_file import MEDIA_MARKER, MODEL, PROJECTOR
from cotejo.files import read_json
from cotejo.llama_server import find_llama_server
from cotejo.servers import prometheus
from cotejo.servers.ask import ask, ask_json
from cotejo.servers.interface import HOST, Endpoint, Identity, Job, Launch

if TYPE_CHECKING:
    from cotejo.surroundings import Surroundings

BACKENDS = {"llama.cpp": {"llama": "gguf", "llava": "gguf"}}
PRECISIONS = ("fp32", "fp16", "int8", "int4")
DEVICES = ("cpu", "cuda")
OPTIONS: dict[str, Any] = {"gpu_layers": None, "slots": 4, "context_tokens": None, "prompt_cache": False}
STACK = None
APIS = ("openai-chat", "openai-completions")
PORTS = ("http",)
KEY = "LLAMA_API_KEY"
STAND_IN = False
LENGTHS = True
COUNTERS = True

PROGRAM = "llama-server"  # in an image

ALL_LAYERS = 999
# What keys and values are cached in, and whether attention may be fused, which stores them in half precision.
COMPUTE = {"f32": ("f32", "off"), "f16": ("f16", "auto"), "device-default": ("f16", "auto")}
WEIGHTS = {"f32": "fp32", "f16": "fp16"}
SPLITS = {None: "none", "device_map": "layer", "tensor_parallel": "row"}

METRICS = {
    "tokens_in": ("llamacpp:prompt_tokens_total", "llamacpp:prompt_tokens_cached_total"),
    "tokens_out": ("llamacpp:tokens_predicted_total",),
    "compute_s": ("llamacpp:prompt_seconds_total", "llamacpp:tokens_predicted_seconds_total"),
}


def check(run: Mapping[str, Any]) -> None:
    asked = run["compute_precision"]
    if asked != "device-default" and run["precision"] != WEIGHTS.get(asked):
        raise CotejoError(
            f"compute_precision: {asked}: llama.cpp computes with {run['precision']} weights in precisions of its own. "
            "Use device-default"
        )
    if run["split"] not in SPLITS:
        raise CotejoError(f"split: {run['split']}: llama.cpp divides a model by device_map or tensor_parallel. Use one")
    if run["gpu_layers"] is not None and run["device"] == "cpu":
        raise CotejoError(f"gpu_layers: {run['gpu_layers']}: needs `device: cuda`. Delete it")
    if run["prompt_cache"] and client(run["client"]).INPUTS == "identical":
        raise CotejoError(f"prompt_cache: true: {run['client']} sends one request over and over. Use false")


def missing(run: Mapping[str, Any], there: "Surroundings") -> str:
    """Whether a program that computes on GPUs can do so, it tells only where they are."""
    if run["device"] == "cpu" or not there.here:
        return ""
    try:
        find_llama_server(cuda=True, own=there.program)
    except CotejoError as error:
        return f"device: cuda: {error}"
    return ""


def request_fields(run: Mapping[str, Any]) -> dict[str, Any]:
    """What gives every answer its exact length; by itself it would end where the model ends it."""
    return {"ignore_eos": True, "cache_prompt": run["prompt_cache"]}


def request_headers(run: Mapping[str, Any]) -> dict[str, str]:
    """It closes a connection after a streamed answer without saying so: the next request on it would be lost."""
    return {"Connection": "close"} if run.get("stream") else {}


def golden_item(item: Item, model_folder: Path) -> Item:
    """The same question about the image as large as the model sees it."""
    picture = item.content.picture
    if picture is None:
        return item
    from PIL import Image

    size = read_json(model_folder / "config.json")["vision_config"]["image_size"]
    stream = io.BytesIO()
    with Image.open(io.BytesIO(base64.b64decode(picture.base64))) as image:
        image.convert("RGB").resize((size, size)).save(stream, "PNG")
    scaled = Picture("image/png", base64.b64encode(stream.getvalue()).decode("ascii"))
    return replace(item, content=item.content._replace(picture=scaled))


def prepare(job: Job) -> None:
    """Nothing: it takes the export's files as they are."""


def launch(job: Job, endpoint: Endpoint) -> Launch:
    run, threads = job.run, str(job.threads)
    cuda = run["device"] == "cuda"
    program = job.program or PROGRAM if job.contained else find_llama_server(cuda, job.program)
    command = [str(program), "--model", str(job.artefact / MODEL)]
    if (job.artefact / PROJECTOR).is_file():
        command += ["--mmproj", str(job.artefact / PROJECTOR)]
    command += ["--alias", endpoint.model, "--host", HOST, "--port", str(endpoint.ports["http"])]
    command += ["--threads", threads, "--threads-batch", threads]
    command += ["--parallel", str(run["slots"]), "--ctx-size", str(run["slots"] * context_tokens(job))]
    cache, flash_attention = COMPUTE[run["compute_precision"]]
    command += ["--cache-type-k", cache, "--cache-type-v", cache, "--flash-attn", flash_attention]
    if cuda:
        layers = ALL_LAYERS if run["gpu_layers"] is None else run["gpu_layers"]
        command += ["--gpu-layers", str(layers), "--split-mode", SPLITS[run["split"]]]
    else:
        command += ["--device", "none", "--no-mmproj-offload"]
    command += [] if run["prompt_cache"] else ["--no-cache-prompt", "--cache-ram", "0"]
    command += ["--seed", str(run["seed"]), "--metrics", "--offline", "--no-webui"]
    return Launch(command, {"LLAMA_MEDIA_MARKER": MEDIA_MARKER})


def context_tokens(job: Job) -> int:
    """How many tokens a request and its answer may have together: what the run says, or what the model can."""
    asked = job.run["context_tokens"]
    config = read_json(Path(job.model_folder) / "config.json")
    return int(asked or config.get("text_config", config)["max_position_embeddings"])


def identify(endpoint: Endpoint) -> Identity | None:
    """It answers 503 while it loads its model."""
    health = ask(endpoint, "/health")
    if health is None or health[0] == 503:
        return None
    properties = ask_json(endpoint, "/props")
    if properties is None:
        return None
    alias, build = (properties.get(key) for key in ("model_alias", "build_info"))
    if alias != endpoint.model or build is None:
        raise CotejoError(f"{endpoint.url()}: serves {alias or properties}, not {endpoint.model}")
    facts = {
        "model_path": properties.get("model_path"),
        "slots": properties.get("total_slots"),
        "context_tokens": properties.get("default_generation_settings", {}).get("n_ctx"),
        "modalities": sorted(name for name, able in properties.get("modalities", {}).items() if able),
    }
    return Identity(build, facts)


def counters(endpoint: Endpoint) -> dict[str, float]:
    answer = ask(endpoint, "/metrics")
    if answer is None or answer[0] != 200:
        raise CotejoError(f"{endpoint.url()}/metrics: no answer. Has the server ended?")
    page = answer[1]
    return {name: sum(prometheus.total(page, metric) for metric in metrics) for name, metrics in METRICS.items()}
