"""transformers serve: Hugging Face's own OpenAI server, in Cotejo's own environment.

It answers one request after another on one thread; more at once wait in its queue. It can ask for no key. It names no
model by itself: it serves any folder that a request asks for, unless it is started with one, and then only that.

Source: https://huggingface.co/docs/transformers/main/en/serving
"""

from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cotejo.errors import CotejoError
from cotejo.files import write_json
from cotejo.servers import generation
from cotejo.servers.ask import ask_json
from cotejo.servers.interface import HOST, Endpoint, Identity, Job, Launch
from cotejo.servers.precision import DTYPES, check_precision, dtype

if TYPE_CHECKING:
    from cotejo.surroundings import Surroundings

BACKENDS = {"pytorch": {"llama": None, "llava": None}}
PRECISIONS = tuple(DTYPES)
DEVICES = ("cpu", "cuda")
OPTIONS: dict[str, Any] = {}
STACK = None
APIS = ("openai-chat",)
PORTS = ("http",)
KEY = None
STAND_IN = False
COUNTERS = False

OURS = ("model.json", generation.NAME)
PROCESS = "cotejo.servers.transformers_serve_process"


def check(run: Mapping[str, Any]) -> None:
    check_precision(run)
    if run["split"] not in (None, "device_map"):
        raise CotejoError(f"split: {run['split']}: transformers-serve divides a model by device_map alone. Use that")


def missing(run: Mapping[str, Any], there: "Surroundings") -> str:
    return there.lacks_cuda_torch() if run["device"] == "cuda" else ""


def prepare(job: Job) -> None:
    """The model's folder by links, with a generation_config.json that fixes the length of every answer.

    The server takes no such wish from a request.
    """
    folder = job.prepared / job.run["model"]
    folder.mkdir(parents=True)
    for file in sorted(job.model_folder.iterdir()):
        if file.name not in OURS and not file.name.startswith("."):
            (folder / file.name).symlink_to(file.resolve())
    write_json(folder / generation.NAME, generation.exactly(job.model_folder, job.run["new_tokens"]))


def launch(job: Job, endpoint: Endpoint) -> Launch:
    command = [str(job.python), "-m", PROCESS, "serve", str(job.prepared / job.run["model"])]
    command += ["--host", HOST, "--port", str(endpoint.ports["http"])]
    device = "auto" if job.run["split"] == "device_map" else job.run["device"]
    command += ["--device", device, "--dtype", dtype(job.run), "--log-level", "warning"]
    # It keeps every image that it is sent as a temporary file, and looks for other models in the hub's cache.
    private = {"TMPDIR": str(job.scratch), "HF_HUB_CACHE": str(job.scratch), "HF_HUB_DISABLE_UPDATE_CHECK": "1"}
    return Launch(command, private)


def identify(endpoint: Endpoint) -> Identity | None:
    """Its answers name the folder that it serves, whatever a request asks for: the last part is the model's name."""
    if ask_json(endpoint, "/health") is None:
        return None
    question = {"model": endpoint.model, "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 1}
    answer = ask_json(endpoint, "/v1/chat/completions", question)
    if answer is None:
        return None
    served = str(answer.get("model", "")) if isinstance(answer, dict) else ""
    folder = Path(served.removesuffix("@main"))
    if folder.name != endpoint.model:
        raise CotejoError(f"{endpoint.url()}: model: {served or answer}: serves another model than {endpoint.model}")
    return Identity(version("transformers"), {"model": served, "torch": version("torch")})


def counters(endpoint: Endpoint) -> dict[str, float]:
    return {}
