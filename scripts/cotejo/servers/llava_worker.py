"""The LLaVA worker: its authors' own server, unmodified, with the controller that it can't do without.

It computes in fp16 whatever the weights, answers up to `worker_concurrency` requests at once, each by itself, and can
ask for no key.

Source: https://github.com/haotian-liu/LLaVA at the commit of cotejo.repairs.llava.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from cotejo.errors import CotejoError
from cotejo.repairs.llava import COMMIT, SOURCE_DIGEST
from cotejo.servers import llava_worker_folder as layout
from cotejo.servers.ask import ask_json
from cotejo.servers.interface import Endpoint, Identity, Job, Launch
from cotejo.servers.precision import check_precision

if TYPE_CHECKING:
    from cotejo.surroundings import Surroundings

BACKENDS = {"pytorch": {"llava": None}}
PRECISIONS = ("fp16",)
DEVICES = ("cpu", "cuda")
OPTIONS: dict[str, Any] = {"worker_concurrency": 5}
STACK = "llava"
APIS = ("llava-stream",)
PORTS = ("http", "controller")
KEY = None
STAND_IN = False
COUNTERS = False

VERSION = f"1.2.2.post1 ({COMMIT[:7]})"
PROCESS = "cotejo.servers.llava_worker_process"
# The most tokens that it gives to one answer.
LONGEST = 1024
# By its name the worker knows how to load a model.
NEEDED, OTHERS = "llava", ("lora", "mpt", "mistral")


def check(run: Mapping[str, Any]) -> None:
    check_precision(run)
    name = run["model"].lower()
    if NEEDED not in name or any(other in name for other in OTHERS):
        raise CotejoError(
            f"model: {run['model']}: the LLaVA worker goes by a model's name, which must hold '{NEEDED}' and none of "
            f"{', '.join(OTHERS)}. Rename the entry of config/models.yaml"
        )
    if run["new_tokens"] > LONGEST:
        raise CotejoError(f"new_tokens: {run['new_tokens']}: the LLaVA worker gives {LONGEST} at most. Ask for fewer")
    if run["split"] not in (None, "device_map"):
        raise CotejoError(f"split: {run['split']}: the LLaVA worker divides a model by device_map alone. Use that")


def missing(run: Mapping[str, Any], there: "Surroundings") -> str:
    return there.lacks_cuda_torch() if run["device"] == "cuda" else ""


def folder_name(model: str) -> str:
    """The authors' own, which their programs go by: llava-v1.5-7b for llava-1.5-7b."""
    return model if model.startswith("llava-v1.5-") else f"llava-v1.5-{model.removeprefix('llava-1.5-')}"


def prepare(job: Job) -> None:
    """The model in the authors' layout, below job.prepared."""
    layout.write(job.model_folder, job.prepared / folder_name(job.run["model"]), job.run["new_tokens"])


def launch(job: Job, endpoint: Endpoint) -> Launch:
    command = [str(job.python), "-m", PROCESS, "--model", str(job.prepared / folder_name(job.run["model"]))]
    command += ["--name", endpoint.model, "--device", job.run["device"], "--port", str(endpoint.ports["http"])]
    command += ["--controller-port", str(endpoint.ports["controller"])]
    command += ["--limit", str(job.run["worker_concurrency"]), "--scratch", str(job.scratch)]
    command += ["--source", SOURCE_DIGEST]
    return Launch(command)


def identify(endpoint: Endpoint) -> Identity | None:
    """It listens only once its model is loaded; the controller must know it too."""
    status = ask_json(endpoint, "/worker_get_status", {})
    known = ask_json(endpoint, "/list_models", {}, port="controller")
    if status is None or known is None or endpoint.model not in known.get("models", []):
        return None
    served = status.get("model_names") if isinstance(status, dict) else None
    if served != [endpoint.model]:
        raise CotejoError(f"{endpoint.url()}: serves {served or status}, not {endpoint.model}")
    return Identity(VERSION, {"commit": COMMIT})


def counters(endpoint: Endpoint) -> dict[str, float]:
    return {}
