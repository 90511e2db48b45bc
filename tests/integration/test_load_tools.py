"""The load tools people use, really run: ab on TGI's stand-in, hey and aiperf on a real OpenAI server, and others."""

import json
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from loading import closed, open_at, server_process

from cotejo import affinity
from cotejo.affinity import Watch
from cotejo.apis.ask import ask
from cotejo.apis.tgi_generate import items
from cotejo.child import nothing_left
from cotejo.clients import client as client_module
from cotejo.clients.interface import ClientJob
from cotejo.command import ROOT
from cotejo.files import write_json
from cotejo.golden import checked
from cotejo.servers import server as server_module
from cotejo.servers.interface import Endpoint, Job
from cotejo.session import Session, Setting, serving, stack_environment
from cotejo.sweep import Client, Sweep, sweep

ALL = frozenset(affinity.mask())
MODEL = "llama-2-7b-chat"
MAIN = ROOT / ".venv" / "bin" / "python"


def needs_program(name: str, package: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(shutil.which(name) is None, reason=f"{name} is missing: apt-get install {package}")


def needs_stack(name: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(
        not python_of(name).exists(), reason=f"the environment of {name} is missing: make env-{name}"
    )


def python_of(stack: str) -> Path:
    return ROOT / "resources" / "environments" / stack / "bin" / "python"


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    folder = tmp_path / "prompts"
    folder.mkdir()
    entries = []
    for number, text in enumerate(("Discuss the history of artificial intelligence.", "Why is the sky blue?")):
        (folder / f"{number}.txt").write_text(text)
        entries.append({"file": f"{number}.txt", "text": text})
    write_json(folder / "dataset.json", {"kind": "prompts", "items": entries})
    return folder


class Served:
    """A server of a small Llama, and what becomes of it under a client's load."""

    def __init__(self, server: str, client: str, folder: Path, dataset: Path, model_folder: Path, **settings: Any):
        self.module, self.client = server_module(server), client_module(client)
        self.folder, self.dataset, self.model_folder = folder, dataset, model_folder
        self.run = {
            "model": MODEL, "architecture": "llama", "server": server, "client": client, "task": "text-generation",
            "backend": "pytorch", "api": self.module.APIS[0], "device": "cpu", "accelerators": 0, "split": None,
            "weights": "synthetic", "precision": "fp32", "compute_precision": "f32", "cores": "all", "seed": 3,
            "new_tokens": 6, "shared_prefix_tokens": 0, "load": "closed", "concurrency": "1,2", "warmup_s": 0.5,
            "duration_s": 3.0, "stop_width": None, "ready_timeout_s": 120, **self.module.OPTIONS,
            **self.client.OPTIONS, **settings,
        }  # fmt: skip
        self.job = Job(self.run, model_folder, model_folder, folder / "prepared", MAIN, len(ALL), folder / "scratch")
        for place in (self.job.prepared, self.job.scratch, folder / "clients"):
            place.mkdir()
        self.module.check(self.run)
        self.module.prepare(self.job)

    def setting(self, name: str) -> Setting:
        return Setting(affinity.pin_command(ALL), Watch(ALL), self.folder / f"{name}.log")

    def serving(self) -> Any:
        return serving(self.module, self.job, self.setting("server"), self.client.KEY)

    def sweep(self, session: Session) -> Sweep:
        python = python_of(self.client.STACK) if self.client.STACK else MAIN
        driver = Client(self.client, self.run, self.run["api"], self.dataset, self.model_folder, python,
                        self.setting("client"), self.folder / "clients")  # fmt: skip
        return sweep(session, self.module, driver, time.monotonic() + 300)

    def golden(self, session: Session) -> dict[str, Any]:
        item = next(items(self.run, self.dataset, self.model_folder))
        answer = ask("tgi-generate", session.endpoint, {**self.run, "stream": False}, item)
        return checked("tgi-generate", "llama", item, answer, self.model_folder, self.run["new_tokens"], 0.01)


def agree(done: Sweep, new_tokens: int = 6) -> None:
    """Server and client counted the same requests, but for those under way when a level ended; Little's law holds."""
    assert done.failure is None, done.failure
    for level, counted in zip(done.levels, done.counted, strict=True):
        summary = level.summary()
        assert summary["requests"] > 0 and summary["failed_requests"] == 0
        if len(level.samples) >= 20 * level.concurrency:  # of fewer, one that a busy machine delays outweighs the rest
            under_way = sum(row["done_s"] - row["sent_s"] for row in level.samples) / level.duration_s
            assert under_way == pytest.approx(level.concurrency, rel=0.3)
        if counted:
            told = level.warmup_requests + summary["requests"]
            assert told <= counted["requests"] <= told + level.concurrency
            assert counted["tokens_out"] == new_tokens * counted["requests"]


@needs_program("ab", "apache2-utils")
def test_ab_on_tgis_stand_in(tmp_path, dataset, model_folder):
    # ab's window is one of whole seconds, and ends before the longest request of all could have been cut off.
    served = Served("tgi-stand-in", "ab", tmp_path, dataset, model_folder(MODEL), duration_s=6.0, new_tokens=2)
    with nothing_left(), served.serving() as session:
        assert session.endpoint.key is None  # ab has no way to show one but its command line
        golden, done = served.golden(session), served.sweep(session)
    assert session.left == []
    assert golden["status"] == "ok" and golden["tokens"] == 2, golden
    agree(done, 2)
    assert {level.inputs for level in done.levels} == {"identical"}
    for counted in done.counted:
        assert 0 < counted["compute_s"] < counted["inference_s"]
    log = (tmp_path / "server.log").read_text()
    assert 'inference_time="' in log and 'time_per_token="' in log


def test_stand_in_speaks_tgis_api(tmp_path, dataset, model_folder):
    served = Served("tgi-stand-in", "cotejo", tmp_path, dataset, model_folder(MODEL), max_concurrent_requests=2)
    with nothing_left(), served.serving() as session:
        assert session.identity.facts["max_concurrent_requests"] == 2
        url, key = session.endpoint.url(), session.endpoint.key
        assert key and key not in " ".join(session.command)
        asked = {"inputs": "Hello", "parameters": {"max_new_tokens": 4, "details": True}}
        status, headers, text = posted(f"{url}/generate", asked, session.endpoint.headers)
        answer = json.loads(text)
        assert status == 200 and answer["details"]["generated_tokens"] == 4 == len(answer["details"]["tokens"])
        assert headers["x-generated-tokens"] == "4" and int(headers["x-total-time"]) >= int(headers["x-inference-time"])
        assert {"x-queue-time", "x-validation-time", "x-time-per-token", "x-compute-time"} <= set(headers)
        _, _, stream = posted(f"{url}/generate_stream", asked, session.endpoint.headers)
        events = [json.loads(line.removeprefix("data:")) for line in stream.splitlines() if line]
        assert [event["generated_text"] for event in events] == [None] * 3 + [answer["generated_text"]]
        assert "".join(event["token"]["text"] for event in events) == answer["generated_text"]
        for wrong in ({"prompt": "Hello"}, {"inputs": "Hello", "parameters": {"do_sample": True}}):
            status, _, text = posted(f"{url}/generate", wrong, session.endpoint.headers)
            assert status == 422 and json.loads(text)["error_type"] == "validation"
        assert posted(f"{url}/generate", asked, {})[0] == 401
        counted = served.module.counters(session.endpoint)
        assert (counted["requests"], counted["failed_requests"], counted["tokens_out"]) == (2, 3, 8)
        done = served.sweep(session)
    assert session.left == []
    agree(done)
    assert all(row["sent_s"] < row["first_token_s"] for level in done.levels for row in level.samples)


def posted(url: str, body: Any, headers: dict[str, str]) -> tuple[int, dict[str, str], str]:
    request = urllib.request.Request(url, json.dumps(body).encode(), {**headers, "Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, dict(answer.headers), answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, dict(error.headers), error.read().decode()


@pytest.mark.beside
def test_stand_in_refuses_more_at_once_than_it_may_take(tmp_path, dataset, model_folder):
    served = Served("tgi-stand-in", "cotejo", tmp_path, dataset, model_folder(MODEL), max_concurrent_requests=1,
                    concurrency=3, duration_s=1.0)  # fmt: skip
    with nothing_left(), served.serving() as session:
        done = served.sweep(session)
    (level,) = done.levels
    refused = [row for row in level.samples if not row["ok"]]
    assert refused and all("429" in row["error"] and "overloaded" in row["error"] for row in refused)
    assert any(row["ok"] for row in level.samples)


@needs_program("hey", "hey")
def test_hey_on_a_real_openai_server(tmp_path, dataset, model_folder):
    served = Served("transformers-serve", "hey", tmp_path, dataset, model_folder(MODEL))
    with nothing_left(), served.serving() as session:
        done = served.sweep(session)
    assert session.left == []
    agree(done)
    assert {row["status"] for level in done.levels for row in level.samples} == {200}


@needs_stack("aiperf")
def test_aiperf_on_a_real_openai_server(tmp_path, dataset, model_folder):
    served = Served("transformers-serve", "aiperf", tmp_path, dataset, model_folder(MODEL), concurrency=1)
    with nothing_left(), served.serving() as session:
        done = served.sweep(session)
    agree(done)
    (level,) = done.levels
    assert {row["tokens_out"] for row in level.samples} == {6} and level.inputs == "unique"
    assert all(row["sent_s"] < row["first_token_s"] <= row["done_s"] for row in level.samples)


@pytest.mark.parametrize(
    ("name", "level"),
    [
        pytest.param("guidellm", open_at(10), marks=needs_stack("guidellm")),
        pytest.param("vllm-bench", closed(2), marks=needs_stack("vllm")),
    ],
)
def test_clients_on_a_server_that_answers_at_once(tmp_path, dataset, model_folder, name, level):
    """vLLM's server takes more than a minute to start, and others refuse what guidellm sends."""
    module = client_module(name)
    run = {
        "task": "text-generation", "architecture": "llama", "server": None, "client": name, "new_tokens": 6, "seed": 3,
        "shared_prefix_tokens": 0, "warmup_s": 0.5, "duration_s": 3.0, "stop_width": None,
        **module.OPTIONS, "bench_requests": 30,
    }  # fmt: skip
    place = tmp_path / "client"
    place.mkdir()
    null = ("-m", "cotejo.clients.null_server", "--api", "openai-completions", "--run", '{"new_tokens": 6}')
    with nothing_left(), server_process(*null) as (_, port):
        job = ClientJob(run, level, Endpoint({"http": port}, MODEL), "openai-completions", dataset,
                        model_folder(MODEL), place, python_of(module.STACK), len(ALL))  # fmt: skip
        launch, start_s = module.command(job), time.monotonic()
        environment = {**stack_environment(job.threads, job.python), **launch.environment}
        done = subprocess.run(launch.command, env=environment, capture_output=True, text=True, timeout=170)
        assert done.returncode == 0, done.stderr
        found = module.read(job, start_s, done.stdout)
    assert len(found.samples) >= 10 and all(row["ok"] and row["tokens_out"] == 6 for row in found.samples)
    assert all(row["scheduled_s"] <= row["sent_s"] < row["first_token_s"] <= row["done_s"] for row in found.samples)
    assert found.inputs == "unique" and module.version(job)[0].isdigit()
