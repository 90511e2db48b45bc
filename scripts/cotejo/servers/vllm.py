"""vLLM: an OpenAI server that batches continuously, its model divided over GPUs or groups of CPUs where asked.

Source: https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cotejo.cache import cache_folder
from cotejo.clients import client
from cotejo.errors import CotejoError
from cotejo.servers import confined, prometheus, vllm_ray
from cotejo.servers.ask import ask, ask_json
from cotejo.servers.interface import HOST, Endpoint, Identity, Job, Launch
from cotejo.servers.precision import DTYPES, check_precision, dtype

if TYPE_CHECKING:
    from cotejo.surroundings import Surroundings

BACKENDS = {"vllm": {"llama": None, "llava": None}}
PRECISIONS = tuple(DTYPES)
DEVICES = ("cpu", "cuda")
OPTIONS: dict[str, Any] = {
    "executor": "mp",
    "cpu_ranks": 1,
    "load_format": "auto",
    "context_tokens": None,
    "kv_cache_gib": None,
    "eager": False,
}
STACK = "vllm"
APIS = ("openai-chat", "openai-completions")
PORTS = ("http",)
KEY = "VLLM_API_KEY"
STAND_IN = False
NODES = True
LENGTHS = True
COUNTERS = True

MODULE = "vllm.entrypoints.cli.main"
PROCESS = "cotejo.servers.vllm_process"

# A CPU has no memory of its own to be filled: this much holds 8,000 tokens of a model of 7 billion weights in fp16.
CPU_KV_CACHE_GIB = 4

# By https://docs.vllm.ai/en/latest/usage/metrics.html; the sums are of what one request spent in each phase.
METRICS = {
    "tokens_in": "vllm:prompt_tokens_total",
    "tokens_out": "vllm:generation_tokens_total",
    "queue_s": "vllm:request_queue_time_seconds_sum",
    "compute_s": "vllm:request_inference_time_seconds_sum",
    "inference_s": "vllm:e2e_request_latency_seconds_sum",
}
ENDED = "vllm:request_success_total"
ENDED_WELL = ("stop", "length")


def check(run: Mapping[str, Any]) -> None:
    check_precision(run)
    if run["split"] not in (None, "tensor_parallel"):
        raise CotejoError(f"split: {run['split']}: vllm divides a model by tensor_parallel alone. Use that")
    if run["executor"] == "mp" and run.get("nodes", 1) > 1:
        raise CotejoError("executor: mp: divides a model over the GPUs of one machine alone. With `nodes` take ray")
    if run["executor"] == "ray" and run["device"] == "cpu":
        raise CotejoError("executor: ray: vLLM takes Ray for GPUs alone. Take mp, or `device: cuda`")
    if run["device"] == "cuda" and run["cpu_ranks"] != 1:
        raise CotejoError(f"cpu_ranks: {run['cpu_ranks']}: is for a CPU. On GPUs use accelerators and split")
    if run["load_format"] == "dummy" and run["weights"] != "synthetic":
        raise CotejoError("load_format: dummy: makes weights up instead of loading the model's. Use weights: synthetic")


def missing(run: Mapping[str, Any], there: "Surroundings") -> str:
    if run["device"] == "cuda":
        return there.lacks_cuda_torch()
    ranks, version = run["cpu_ranks"], there.version("vllm") if there.made else None
    if there.cpus % ranks:
        return f"cpu_ranks: {ranks}: can't divide the {there.cpus} CPUs that the run gets. Change it, or cores"
    if version and "cpu" not in version:
        return f"device: cpu: vLLM {version} is for GPUs alone. `UV_TORCH_BACKEND=cpu make env-vllm` makes one for CPUs"
    return ""


def request_fields(run: Mapping[str, Any]) -> dict[str, Any]:
    """What gives every answer its exact length; by itself it would end where the model ends it."""
    fields = {"min_tokens": run["new_tokens"], "ignore_eos": True}
    # LLaVA's chat template leaves the first token, which the model was trained with, to the tokenizer.
    return fields | ({"add_special_tokens": True} if run["architecture"] == "llava" else {})


def comparable(run: Mapping[str, Any]) -> bool:
    """Weights that vLLM makes up itself are no other program's."""
    return bool(run["load_format"] != "dummy")


def clustered(run: Mapping[str, Any]) -> bool:
    """Whether its parts find each other by Ray."""
    return bool(run["executor"] == "ray")


def prepare(job: Job) -> None:
    """Nothing of the model's, whose folder it takes as it is; for several ranks what confines them."""
    if clustered(job.run) or _ranks(job) > 1:
        confined.prepare(job.prepared)


def launch(job: Job, endpoint: Endpoint) -> Launch:
    command = [*program(job), "serve", str(job.model_folder), "--host", HOST, "--port", str(endpoint.ports["http"])]
    command += ["--served-model-name", endpoint.model, "--no-enable-log-requests", "--disable-uvicorn-access-log"]
    return Launch([*command, *engine_arguments(job)], quiet_environment(job), writes=written(job))


def program(job: Job) -> list[str]:
    """vLLM's own command, up to its subcommand; on a CPU with the threads of each rank bound."""
    if job.cluster:
        return vllm_ray.around(job, job.cluster, _ranks(job), MODULE)
    binding = (PROCESS, str(_ranks(job))) if job.run["device"] == "cpu" else ()
    return [str(job.python), "-m", *binding, MODULE]


def join(job: Job) -> Launch:
    """Another node's part of the cluster in which Ray starts vLLM's parts."""
    assert job.cluster
    joined = vllm_ray.join(job, job.cluster, _ranks(job))
    return Launch(joined.command, {**_common(job), **joined.environment}, writes=written(job))


def engine_arguments(job: Job) -> list[str]:
    """What each subcommand of vLLM's that loads a model is told of its engine: the run's settings."""
    run = job.run
    # The model's own file may ask for sampling.
    arguments = ["--dtype", dtype(run), "--seed", str(run["seed"]), "--generation-config", "vllm"]
    arguments += ["--load-format", run["load_format"], "--distributed-executor-backend", run["executor"]]
    arguments += ["--tensor-parallel-size", str(_ranks(job))]
    if client(run["client"]).INPUTS == "identical":
        arguments += ["--no-enable-prefix-caching", "--mm-processor-cache-gb", "0"]
    if run["context_tokens"] is not None:
        arguments += ["--max-model-len", str(run["context_tokens"])]
    if run["eager"]:
        arguments += ["--enforce-eager"]
    cache_gib = run["kv_cache_gib"] or (CPU_KV_CACHE_GIB if run["device"] == "cpu" else None)
    if cache_gib is not None:
        arguments += ["--kv-cache-memory-bytes", str(int(cache_gib * 2**30))]
    return arguments


def _ranks(job: Job) -> int:
    return int(job.run["cpu_ranks" if job.run["device"] == "cpu" else "accelerators"])


def compiled_folder() -> Path:
    """Where vLLM keeps what it compiles, so that the next start takes less."""
    return cache_folder() / "vllm"


def written(job: Job) -> list[Path]:
    """The folders that vLLM writes to beside its scratch."""
    return [compiled_folder(), *([job.cluster.folder] if job.cluster else [])]


def quiet_environment(job: Job) -> dict[str, str]:
    """Without telemetry, and its parts' own connections by the loopback alone, or by the cluster's interface.

    On one machine, ranks of this version meet by a file; those of older ones by PyTorch's store.
    """
    if job.cluster:
        return _common(job) | vllm_ray.environment(job, job.cluster, job.cluster.address, job.cluster.interface)
    alone = {"VLLM_HOST_IP": HOST, "GLOO_SOCKET_IFNAME": "lo", "NCCL_SOCKET_IFNAME": "lo"}
    return _common(job) | alone | confined.where_compiled(job.prepared, HOST)


def _common(job: Job) -> dict[str, str]:
    return {
        "VLLM_NO_USAGE_STATS": "1",
        "VLLM_DO_NOT_TRACK": "1",
        "VLLM_CACHE_ROOT": str(compiled_folder()),
        "VLLM_CONFIG_ROOT": str(job.scratch),
    }


def identify(endpoint: Endpoint) -> Identity | None:
    """It listens only once its model is loaded; a first token proves that it computes."""
    models = ask_json(endpoint, "/v1/models")
    if models is None:
        return None
    served = {entry.get("id"): entry for entry in models["data"]} if "data" in models else {}
    if endpoint.model not in served:
        raise CotejoError(f"{endpoint.url()}: serves {', '.join(map(str, served)) or models}, not {endpoint.model}")
    question = {"model": endpoint.model, "prompt": "Hello", "max_tokens": 1}
    version = ask_json(endpoint, "/version")
    if version is None or ask_json(endpoint, "/v1/completions", question, timeout_s=300) is None:
        return None
    entry = served[endpoint.model]
    return Identity(version["version"], {"root": entry.get("root"), "context_tokens": entry.get("max_model_len")})


def counters(endpoint: Endpoint) -> dict[str, float]:
    answer = ask(endpoint, "/metrics")
    if answer is None or answer[0] != 200:
        raise CotejoError(f"{endpoint.url()}/metrics: no answer. Has the server ended?")
    page = answer[1]
    counted = {name: prometheus.total(page, metric) for name, metric in METRICS.items()}
    well = sum(prometheus.total(page, ENDED, finished_reason=reason) for reason in ENDED_WELL)
    return {"requests": well, "failed_requests": prometheus.total(page, ENDED) - well, **counted}
