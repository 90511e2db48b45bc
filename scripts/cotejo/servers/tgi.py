"""Text Generation Inference: Hugging Face's server of language models, which batches continuously.

Upstream took nothing but small repairs from December 2025 on and archived the project in 2026: what serves here is one
of its last releases, from the PATH (text-generation-launcher) or an Apptainer image made of its container. The flags
are those of https://huggingface.co/docs/text-generation-inference/reference/launcher; what only newer releases know is
given in the environment, where older ones overlook it.
"""

from collections.abc import Mapping
from typing import Any

from cotejo.clients import client
from cotejo.errors import CotejoError
from cotejo.servers import confined, prometheus
from cotejo.servers.ask import ask, ask_json
from cotejo.servers.interface import HOST, Endpoint, Identity, Job, Launch
from cotejo.servers.precision import check_precision, dtype

BACKENDS = {"tgi": {"llama": None}}
PRECISIONS = ("fp16", "bf16")
DEVICES = ("cuda", "cpu")
OPTIONS: dict[str, Any] = {"max_concurrent_requests": 128}
STACK = None
APIS = ("tgi-generate",)
PORTS = ("http", "shards", "prometheus")
KEY = "API_KEY"
STAND_IN = False
COUNTERS = True

PROGRAM = "text-generation-launcher"

# https://huggingface.co/docs/text-generation-inference/reference/metrics; the sums are over requests that went well.
METRICS = {
    "requests": "tgi_request_success",
    "failed_requests": "tgi_request_failure",
    "tokens_in": "tgi_request_input_length_sum",
    "tokens_out": "tgi_request_generated_tokens_sum",
    "queue_s": "tgi_request_queue_duration_sum",
    "compute_s": "tgi_request_inference_duration_sum",
    "inference_s": "tgi_request_duration_sum",
}


def check(run: Mapping[str, Any]) -> None:
    check_precision(run)
    if run["split"] not in (None, "tensor_parallel"):
        raise CotejoError(f"split: {run['split']}: tgi divides a model by tensor_parallel alone. Use that")


def prepare(job: Job) -> None:
    """The model's folder by links, under the model's name: the server names its model by its folder.

    For several shards, which meet by PyTorch's store, also what confines them.
    """
    if job.run["accelerators"] > 1:
        confined.prepare(job.prepared)
    folder = job.prepared / job.run["model"]
    folder.mkdir(parents=True)
    for file in sorted(job.model_folder.iterdir()):
        if not file.name.startswith("."):
            (folder / file.name).symlink_to(file.resolve())


def launch(job: Job, endpoint: Endpoint) -> Launch:
    command = [str(job.program or PROGRAM), *flags(job, endpoint)]
    if job.run["device"] == "cuda":
        command += ["--num-shard", str(job.run["accelerators"])]
    environment = {
        "MASTER_ADDR": HOST,
        "MASTER_PORT": str(endpoint.ports["shards"]),
        "PROMETHEUS_PORT": str(endpoint.ports["prometheus"]),
        "SHARD_UDS_PATH": str(job.scratch / "shards"),
        "USAGE_STATS": "off",
    }
    if job.run["accelerators"] > 1:
        environment |= confined.environment(job.prepared, HOST, "split: tensor_parallel")
    if client(job.run["client"]).INPUTS == "identical":
        environment |= {"PREFIX_CACHING": "0"}
    return Launch(command, environment)


def flags(job: Job, endpoint: Endpoint) -> list[str]:
    """The launcher's flags that its stand-in knows too."""
    return [
        *("--model-id", str(job.prepared / job.run["model"])),
        *("--max-concurrent-requests", str(job.run["max_concurrent_requests"])),
        *("--dtype", dtype(job.run), "--hostname", HOST, "--port", str(endpoint.ports["http"])),
    ]


def identify(endpoint: Endpoint) -> Identity | None:
    """Healthy only once a batch has been computed, it then says what it is."""
    health = ask(endpoint, "/health")
    if health is None or health[0] != 200:
        return None
    about = ask_json(endpoint, "/info")
    if about is None:
        return None
    if not isinstance(about, dict) or not {"model_id", "version"} <= set(about):
        raise CotejoError(f"{endpoint.url()}: /info answers {about!r:.200}: it isn't TGI, but another server")
    if str(about["model_id"]).rpartition("/")[2] != endpoint.model:
        raise CotejoError(f"{endpoint.url()}: model_id: {about['model_id']}: serves that, not {endpoint.model}")
    facts = ("model_id", "model_dtype", "model_device_type", "max_concurrent_requests", "sha", "router")
    return Identity(str(about["version"]), {name: about[name] for name in facts if name in about})


def counters(endpoint: Endpoint) -> dict[str, float]:
    answer = ask(endpoint, "/metrics")
    if answer is None or answer[0] != 200:
        raise CotejoError(f"{endpoint.url()}/metrics: no answer. Has the server ended?")
    return {name: prometheus.total(answer[1], metric) for name, metric in METRICS.items()}
