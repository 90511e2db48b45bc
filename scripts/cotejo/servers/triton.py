"""NVIDIA's Triton: a user's own server with its backends for ONNX Runtime and TensorRT, or nvidia-pytriton's.

The latter has no such backends: there a model of ours runs ONNX Runtime in its python backend. Which of the two it was
is in every record as `backend_kind`.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cotejo.backends import onnxruntime, tensorrt
from cotejo.errors import CotejoError
from cotejo.servers import triton_plan
from cotejo.servers import triton_repository as repository
from cotejo.servers.ask import ask, ask_json
from cotejo.servers.interface import HOST, Endpoint, Identity, Job, Launch

if TYPE_CHECKING:
    from cotejo.surroundings import Surroundings

BACKENDS = {"onnxruntime": {"blip": "onnx"}, "tensorrt": {"blip": "tensorrt"}}
PRECISIONS = ("fp32", "fp16", "int8")
DEVICES = ("cpu", "cuda")
OPTIONS = {"batching": "none", "preferred_batches": "1,2,4,8", "queue_delay_us": 1000, "max_batch": 8, "instances": 1,
           "provider": None}  # fmt: skip
USUAL = onnxruntime.USUAL
STACK = "triton"
APIS = ("triton-infer",)
PORTS = ("http", "grpc", "metrics")
KEY = None
STAND_IN = False
COUNTERS = True

PROGRAM = "tritonserver"
STUB = "triton_python_backend_stub"
REPOSITORY = "models"

# The python backend hands tensors over in shared memory, which outlives a server that is killed. Its name begins with
# this and the id of the process that has started the server.
SHARED_MEMORY = Path("/dev/shm")
REGION = "cotejo-triton-"

# What the server waits for before it answers, for a request that it has computed.
COMPUTING = ("compute_input", "compute_infer", "compute_output")


def check(run: Mapping[str, Any]) -> None:
    """CotejoError where the batching can't work, or the arithmetic or the device isn't what the backend has."""
    of_engine = run["backend"] == triton_plan.KIND
    (tensorrt if of_engine else onnxruntime).check(run)
    sizes, most = repository.preferred_batches(run), run["max_batch"]
    if run["batching"] == "dynamic":
        if most == 1:
            raise CotejoError("max_batch: 1: leaves nothing to batch. Raise it, or take `batching: none`")
        if sizes != sorted(set(sizes)) or not 1 <= sizes[0] <= sizes[-1] <= most:
            raise CotejoError(
                f"preferred_batches: {run['preferred_batches']}: must rise, and end at max_batch ({most}) or before. "
                "Mend it"
            )
    if of_engine:
        triton_plan.check(run)
    elif onnxruntime.provider_of(run) == "tensorrt" and run["batching"] == "dynamic":
        raise CotejoError(
            "batching: dynamic: below ONNX Runtime, TensorRT builds its engine anew for each size of batch, while "
            "requests wait. Take `batching: none`, or `backend: tensorrt`, whose engine is built for all of them"
        )
    if of_engine and run.get("provider"):
        raise CotejoError(f"provider: {run['provider']}: is of backend onnxruntime. Delete it, or take that backend")
    if run["device"] not in (tensorrt.DEVICES if of_engine else DEVICES):
        raise CotejoError(f"device: {run['device']}: {run['backend']} can't compute there. Take another device")
    if run["split"] not in (None, "instances"):
        raise CotejoError(f"split: {run['split']}: Triton has whole copies of a model on each GPU. Take `instances`")


def prepare(job: Job) -> None:
    """The model repository, below job.prepared."""
    if job.run["backend"] == triton_plan.KIND:
        triton_plan.write(job.prepared / REPOSITORY, job.run, job.artefact)
        return
    kind = repository.PYTHON if carried(job) else repository.NATIVE
    repository.write(job.prepared / REPOSITORY, job.run, job.artefact, kind, job.threads)


def carried(job: Job) -> Path | None:
    """The folder of the server that nvidia-pytriton brings into the job's environment; None where it is another."""
    if job.program is not None or job.contained:
        return None
    return next(job.python.parent.parent.glob("lib/python*/site-packages/pytriton/tritonserver"), None)


def launch(job: Job, endpoint: Endpoint) -> Launch:
    """The user's own server, else the one that the environment brings, else that on the PATH or in the image."""
    server = carried(job)
    options = [f"--model-repository={job.prepared / REPOSITORY}", "--disable-auto-complete-config"]
    options += ["--model-control-mode=none", "--log-verbose=0"]
    for port in PORTS:
        options += [f"--{port}-address={HOST}", f"--{port}-port={endpoint.ports[port]}"]
    exact = job.run["device"] == "cuda" and job.run["compute_precision"] == "f32"
    # What NVIDIA's libraries read when they are loaded; by themselves, they compute single precision in 19 bits.
    environment = {"NVIDIA_TF32_OVERRIDE": "0"} if exact else {}
    if server is None:
        return Launch([str(job.program or PROGRAM), *options], environment)
    if job.run["backend"] == triton_plan.KIND:
        raise CotejoError(triton_plan.NO_BACKEND)
    if not (server / "backends" / "python" / STUB).is_file():
        raise CotejoError(
            f"{server}: {STUB} is not in its place. Make the environment by scripts/create_environment.py triton"
        )
    environment |= {
        # The stub, an interpreter without a program of its own, has the packages of the one on the PATH, and heeds no
        # variable of Python's.
        "PATH": _before(job.python.parent, "PATH"),
        "LD_LIBRARY_PATH": _before(job.python.parent.parent / "lib", "LD_LIBRARY_PATH"),
    }
    clear_regions(SHARED_MEMORY)
    options.append(f"--backend-config=python,shm-region-prefix-name={REGION}{os.getpid()}-")
    command = [str(server / "bin" / PROGRAM), f"--backend-directory={server / 'backends'}", *options]
    return Launch(command, environment)


def missing(run: Mapping[str, Any], there: "Surroundings") -> str:
    if there.program is not None or not there.version("nvidia-pytriton"):
        return ""
    if run["backend"] == triton_plan.KIND:
        return triton_plan.NO_BACKEND
    if run["device"] == "cuda" and not there.version("onnxruntime-gpu"):
        return (
            f"device: cuda: {there.python} has no onnxruntime-gpu for the server that nvidia-pytriton carries. Name "
            "NVIDIA's image, or a tritonserver of your own, under `environments` in config/config.yaml"
        )
    return ""


def explain(line: str) -> str:
    return triton_plan.explain(line)


def clear_regions(folder: Path) -> None:
    """Remove the shared memory of servers that were killed: that of processes of ours, by their ids, that are gone."""
    for region in folder.glob(f"{REGION}[0-9]*-*"):
        process = region.name.removeprefix(REGION).partition("-")[0]
        if region.stat().st_uid == os.getuid() and not Path("/proc", process).exists():
            region.unlink(missing_ok=True)


def _before(folder: Path, variable: str) -> str:
    return os.pathsep.join(filter(None, [str(folder), os.environ.get(variable)]))


def identify(endpoint: Endpoint) -> Identity | None:
    """Its version and the model's configuration, once the model is ready."""
    ready = ask(endpoint, "/v2/health/ready")
    if ready is None:
        return None
    about = ask_json(endpoint, "/v2")
    if not isinstance(about, dict) or about.get("name") != "triton":
        raise CotejoError(f"server: {endpoint.url()}: isn't Triton: /v2 answers {about!r}")
    if ready[0] != 200:
        return None
    return Identity(about["version"], {**facts(_asked(endpoint, "/config")), "extensions": about["extensions"]})


def facts(config: Mapping[str, Any]) -> dict[str, Any]:
    """What a record holds of a model's configuration as the server gives it."""
    return {
        "backend_kind": config["backend"],
        "max_batch_size": config["max_batch_size"],
        "dynamic_batching": config.get("dynamic_batching"),
        "instance_group": [
            {key: group[key] for key in ("count", "kind", "gpus")} for group in config["instance_group"]
        ],
        "parameters": {key: value["string_value"] for key, value in sorted(config["parameters"].items())},
    }


def counters(endpoint: Endpoint) -> dict[str, float]:
    """From the model's statistics."""
    return counted(_asked(endpoint, "/stats"), endpoint.model)


def counted(statistics: Mapping[str, Any], model: str) -> dict[str, float]:
    """Triton's statistics extension in our names; it sums nanoseconds over requests, all of a batch for each of them.

    https://docs.nvidia.com/deeplearning/triton-inference-server/user-guide/docs/protocol/extension_statistics.html
    """
    own = [entry for entry in statistics["model_stats"] if entry["name"] == model]
    if len(own) != 1:
        raise CotejoError(f"server: counts {len(own)} versions of {model}, not one: it isn't the one that was started")
    inference = own[0]["inference_stats"]
    return {
        "requests": inference["success"]["count"],
        "failed_requests": inference["fail"]["count"],
        "queue_s": inference["queue"]["ns"] / 1e9,
        "compute_s": sum(inference[part]["ns"] for part in COMPUTING) / 1e9,
        "inference_s": inference["success"]["ns"] / 1e9,
        "executions": own[0]["execution_count"],
    }


def _asked(endpoint: Endpoint, what: str) -> Any:
    """What the server says of the model; CotejoError where it has no such model, naming those it has."""
    path = f"/v2/models/{endpoint.model}"
    ready = ask(endpoint, f"{path}/ready")
    if ready is not None and ready[0] != 200:
        index = ask_json(endpoint, "/v2/repository/index", body={}) or []
        served = ", ".join(entry["name"] for entry in index) or "nothing"
        raise CotejoError(f"server: {endpoint.url()}: serves {served}, not {endpoint.model}")
    said = ask_json(endpoint, path + what)
    if said is None:
        raise CotejoError(f"server: {endpoint.url()}: answers no longer")
    return said
