"""The command lines and environments of servers in containers, for each kind of server that has an image.

Apptainer's own behaviour is not tested here, nor could it be: Debian has no package of it.
"""

import os
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from client_example import client_job
from triton_example import exported
from triton_example import run as triton_run

from cotejo.clients import client
from cotejo.code import SCRIPTS
from cotejo.container import around, binds, carried_in, find_program, handed_on
from cotejo.errors import CotejoError
from cotejo.images import Image
from cotejo.servers import llama_cpp, tgi, triton, vllm
from cotejo.servers.interface import Endpoint, Job, Launch
from cotejo.session import ServingError, refuse_missing, remedy, server_command

SIF = Path("/images/x/image.sif")
IMAGE = Image("docker://host/x@sha256:0", SIF, "0")
KEY = "a-secret"
GPU = {"device": "cuda", "precision": "fp16", "compute_precision": "f16"}


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with Apptainer on it, and a user who has set some variables."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "apptainer").touch(mode=0o755)
    for name in ("model", "prepared"):
        (tmp_path / name).mkdir()
    environment = {
        "PATH": f"{tmp_path / 'bin'}:/usr/bin:/bin", "XDG_CACHE_HOME": str(tmp_path / "cache"), "HF_TOKEN": "hf_1",
        "CUDA_HOME": "/opt/cuda", "APPTAINER_BIND": "/home", "APPTAINER_TMPDIR": "/big", "SINGULARITY_NV": "1",
        "APPTAINERENV_HF_TOKEN": "hf_2", "APPTAINERENV_OMP_NUM_THREADS": "99", "CUDA_VISIBLE_DEVICES": "2,3",
        "HF_HUB_OFFLINE": "1",
    }  # fmt: skip
    for name in [name for name in os.environ if name.startswith(("APPTAINER", "SINGULARITY"))]:
        monkeypatch.delenv(name)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return tmp_path


def job_of(machine: Path, run: dict[str, Any], **changes: Any) -> Job:
    model, scratch = machine / "model", machine / "scratch"
    scratch.mkdir(exist_ok=True)
    job = Job(run, model, model, machine / "prepared", Path("python3"), 4, scratch, contained=True)
    return replace(job, **changes)


def started(server: ModuleType, job: Job) -> tuple[list[str], dict[str, str]]:
    """The command line of a server in its image, and the environment of that."""
    endpoint = Endpoint(dict(zip(server.PORTS, range(8000, 8010), strict=False)), job.run["model"], KEY)
    return server_command(server, job, server.launch(job, endpoint), server.KEY and KEY, IMAGE)


def expected(machine: Path, *read: Path, gpus: bool = True, writes: tuple[Path, ...] = ()) -> list[str]:
    """What stands before a server's own command."""
    home = str(machine / "scratch")
    words = ["apptainer", "exec", *(["--nv"] if gpus else []), "--cleanenv", "--no-mount", "cwd"]
    words += ["--home", home, "--pwd", home]
    for folder in sorted({machine / "model", machine / "prepared", SCRIPTS, *read}):
        words += ["--bind", f"{folder}:{folder}:ro"]
    for folder in writes:
        words += ["--bind", f"{folder}:{folder}"]
    return [*words, str(SIF)]


def test_triton_in_its_image_has_its_own_backends_and_two_gpus(machine):
    export = exported(machine / "export")
    run = triton_run(device="cuda", accelerators=2, split="instances")
    job = job_of(machine, run, artefact=export)
    triton.prepare(job)
    assert 'backend: "onnxruntime"' in (job.prepared / "models" / run["model"] / "config.pbtxt").read_text()
    command, environment = started(triton, job)
    assert command == [
        *expected(machine, export), "tritonserver", f"--model-repository={machine}/prepared/models",
        "--disable-auto-complete-config", "--model-control-mode=none", "--log-verbose=0",
        "--http-address=127.0.0.1", "--http-port=8000", "--grpc-address=127.0.0.1", "--grpc-port=8001",
        "--metrics-address=127.0.0.1", "--metrics-port=8002",
    ]  # fmt: skip
    assert environment["APPTAINERENV_CUDA_VISIBLE_DEVICES"] == "2,3"


def test_tgi_in_its_image_gets_its_key_and_its_settings_by_the_environment(machine):
    run = {"model": "llama", "client": "ab", "accelerators": 1, "split": None, "max_concurrent_requests": 9, **GPU}
    job = job_of(machine, run)
    (machine / "model" / "config.json").touch()
    tgi.prepare(job)
    command, environment = started(tgi, job)
    assert command == [
        *expected(machine), "text-generation-launcher", "--model-id", f"{machine}/prepared/llama",
        "--max-concurrent-requests", "9", "--dtype", "float16", "--hostname", "127.0.0.1", "--port", "8000",
        "--num-shard", "1",
    ]  # fmt: skip
    assert environment["APPTAINERENV_API_KEY"] == KEY
    assert environment["APPTAINERENV_CUDA_VISIBLE_DEVICES"] == "2"
    assert environment["APPTAINERENV_SHARD_UDS_PATH"] == f"{machine}/scratch/shards"
    assert KEY not in " ".join(command)


VLLM = {
    "model": "small", "architecture": "llama", "client": "cotejo", "split": "tensor_parallel", "seed": 5,
    "accelerators": 2, "weights": "hub", "new_tokens": 9, **vllm.OPTIONS, **GPU,
}  # fmt: skip


def test_vllm_in_its_image_keeps_what_it_compiles(machine):
    job = job_of(machine, VLLM)
    command, environment = started(vllm, job)
    compiled = machine / "cache" / "cotejo" / "vllm"
    before = expected(machine, writes=(compiled,))
    assert command == [
        *before, "python3", "-m", "vllm.entrypoints.cli.main", "serve", f"{machine}/model", "--host", "127.0.0.1",
        "--port", "8000", "--served-model-name", "small", "--no-enable-log-requests", "--disable-uvicorn-access-log",
        *vllm.engine_arguments(job),
    ]  # fmt: skip
    assert environment["APPTAINERENV_VLLM_CACHE_ROOT"] == str(compiled) and compiled.is_dir()
    assert environment["APPTAINERENV_VLLM_API_KEY"] == KEY


@pytest.mark.parametrize("name", ["vllm-bench-throughput", "vllm-bench-latency"])
def test_clients_that_hold_the_engine_run_in_its_image_too(machine, name):
    module = client(name)
    job = client_job(machine / "client", name, "openai-completions", **{**VLLM, "load": module.LOADS[0]})
    engine = job_of(
        machine, dict(job.run), model_folder=job.model_folder, artefact=job.model_folder, scratch=job.folder
    )
    job = replace(job, engine=engine, python=engine.python)
    command, environment = server_command(vllm, engine, module.command(job), None, IMAGE)
    place = command.index(str(SIF))
    assert command[:3] == ["apptainer", "exec", "--nv"]
    assert command[place + 1 : place + 5] == ["python3", "-m", "vllm.entrypoints.cli.main", "bench"]
    bound = [command[index + 1] for index, word in enumerate(command) if word == "--bind"]
    assert command[command.index("--home") + 1] == str(job.folder), "where it writes its result"
    assert f"{machine}/cache/cotejo/vllm:{machine}/cache/cotejo/vllm" in bound
    assert not [variable for variable in environment if variable.endswith("API_KEY")]


def test_llama_cpp_in_an_image_is_not_sought_on_this_machine(machine):
    run = {"model": "m", "device": "cpu", "accelerators": 0, "client": "cotejo", "compute_precision": "f32",
           "split": None, "new_tokens": 9, "seed": 1, **llama_cpp.OPTIONS, "context_tokens": 512}  # fmt: skip
    (machine / "model" / "config.json").write_text('{"max_position_embeddings": 512}')
    command, _ = started(llama_cpp, job_of(machine, run))
    assert command[: len(expected(machine, gpus=False)) + 1] == [*expected(machine, gpus=False), "llama-server"]
    command, _ = started(llama_cpp, job_of(machine, run, program=Path("/app/llama-server")))
    assert "/app/llama-server" in command


def test_nothing_of_the_users_shell_reaches_the_server_inside(machine):
    run = {**triton_run(device="cpu"), "accelerators": 0}
    _, environment = started(triton, job_of(machine, run))
    carried = carried_in(environment)
    assert {name for name in environment if name.startswith(("APPTAINER_", "SINGULARITY_"))} == {"APPTAINER_TMPDIR"}
    assert {"hf_1", "hf_2", "/opt/cuda"}.isdisjoint(carried.values())
    assert "HF_TOKEN" not in environment and environment["CUDA_HOME"] == "/opt/cuda", "Apptainer's own"
    assert carried["APPTAINERENV_OMP_NUM_THREADS"] == "4"
    assert carried["APPTAINERENV_PYTHONPATH"] == str(SCRIPTS)
    assert carried["APPTAINERENV_LANG"] == "C.UTF-8"
    assert carried["APPTAINERENV_HF_HUB_OFFLINE"] == "1"
    assert not carried.keys() & {"APPTAINERENV_PATH", "APPTAINERENV_HOME", "APPTAINERENV_LD_LIBRARY_PATH"}


def test_the_program_of_old_gets_the_variables_by_its_own_prefix(machine):
    (machine / "bin" / "apptainer").rename(machine / "bin" / "singularity")
    assert find_program() == "singularity"
    command, environment = started(triton, job_of(machine, triton_run(device="cpu")))
    assert command[0] == "singularity"
    assert environment["SINGULARITYENV_PYTHONPATH"] == str(SCRIPTS)
    assert around("apptainer", {"A": "1"}, {"SINGULARITYENV_A": "2"}) == {"APPTAINERENV_A": "1"}


def test_without_either_the_remedy_names_the_module(machine):
    (machine / "bin" / "apptainer").unlink()
    assert find_program() is None
    command, environment = started(triton, job_of(machine, triton_run(device="cpu")))
    with pytest.raises(ServingError, match=r"^apptainer: there is no such program\. Load its") as caught:
        refuse_missing(command[0], environment, "server-missing", remedy("triton", IMAGE))
    assert caught.value.failure.reason == "server-missing"


def test_links_are_followed_to_what_they_lead_to_by_every_name(machine):
    """As in folders that come from Snakemake's cache, where an export is a link to a folder of links."""
    cached, store = machine / "cached", machine / "store"
    for folder in (cached, store):
        folder.mkdir()
    (store / "weights.bin").touch()
    (cached / "weights.bin").symlink_to("../store/weights.bin")
    (machine / "export").symlink_to(cached)
    (machine / "prepared" / "models").mkdir()
    (machine / "prepared" / "models" / "weights.bin").symlink_to(machine / "export" / "weights.bin")
    found = binds(job_of(machine, {"device": "cpu"}, artefact=machine / "export"), Launch([]))
    for name in ("export", "cached", "store", "model", "prepared"):
        assert f"{machine}/{name}:{machine}/{name}:ro" in found
    assert not [bind for bind in found if bind.startswith(f"{machine}/prepared/")], "a folder within one that is bound"


def test_a_path_that_apptainer_cant_bind_is_refused(machine):
    job = job_of(machine, {"device": "cpu"})
    with pytest.raises(CotejoError, match="a:b: Apptainer can bind no path with a colon or a comma in it"):
        binds(replace(job, artefact=machine / "a:b"), Launch([]))


def test_only_what_is_set_is_handed_on():
    assert handed_on({"CUDA_VISIBLE_DEVICES": "1", "HOME": "/home/ana"}) == {
        "LANG": "C.UTF-8",
        "CUDA_VISIBLE_DEVICES": "1",
    }
    assert sys.executable not in handed_on(os.environ).values()
