"""Real servers of PyTorch models, each with small ones: their answers are PyTorch's, and clients and they agree."""

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cotejo import affinity
from cotejo.affinity import Watch
from cotejo.apis.ask import ask
from cotejo.apis.questions import items
from cotejo.child import nothing_left
from cotejo.clients import client as client_module
from cotejo.command import ROOT
from cotejo.files import write_json
from cotejo.golden import checked
from cotejo.servers import server as server_module
from cotejo.servers.interface import Job
from cotejo.session import Session, Setting, serving
from cotejo.sweep import Client, Sweep, sweep

ALL = frozenset(affinity.mask())
LLAMA, LLAVA = "llama-2-7b-chat", "llava-1.5-7b"
MAIN = ROOT / ".venv" / "bin" / "python"


def python_of(stack: str) -> Path:
    return ROOT / "resources" / "environments" / stack / "bin" / "python"


def needs(stack: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(
        not python_of(stack).exists(), reason=f"the environment of {stack} is missing: make env-{stack}"
    )


def run_with(server: str, model: str, **settings: Any) -> dict[str, Any]:
    module = server_module(server)
    pictured = model == LLAVA
    client = settings.get("client", "cotejo")
    return {
        "model": model, "architecture": "llava" if pictured else "llama", "server": server, "client": client,
        "task": "visual-question-answering" if pictured else "text-generation", "backend": next(iter(module.BACKENDS)),
        "api": module.APIS[0], "device": "cpu", "accelerators": 0, "split": None, "weights": "synthetic",
        "precision": "fp32", "compute_precision": "f32", "cores": "all", "client_cores": "rest", "seed": 3,
        "new_tokens": 8, "shared_prefix_tokens": 0, "load": "closed", "concurrency": "1,2", "warmup_s": 0.2,
        "duration_s": 2.0, "stop_width": None, "ready_timeout_s": 300, "timeout_s": 600,
        **module.OPTIONS, **client_module(client).OPTIONS, **settings,
    }  # fmt: skip


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """Two pictures with a question about each, of which neither is square; two prompts."""
    from PIL import Image

    random = np.random.default_rng(0)
    for name in ("vqa", "prompts"):
        (tmp_path / name).mkdir()
    asked = []
    for number, question in enumerate(("What is on the left?", "What is this?")):
        Image.fromarray(random.integers(0, 256, (60, 80, 3), dtype=np.uint8)).save(tmp_path / "vqa" / f"{number}.png")
        asked.append({"file": f"{number}.png", "question": question})
    write_json(tmp_path / "vqa" / "dataset.json", {"kind": "vqa", "items": asked})
    said = []
    for number, text in enumerate(("A cat sat.", "Why is it so?")):
        (tmp_path / "prompts" / f"{number}.txt").write_text(text)
        said.append({"file": f"{number}.txt", "text": text})
    write_json(tmp_path / "prompts" / "dataset.json", {"kind": "prompts", "items": said})
    return tmp_path


class Served:
    """A run's server, started from what it prepares; what it answers, and what load becomes of it."""

    def __init__(self, run: dict[str, Any], folder: Path, dataset: Path, model_folder: Path) -> None:
        self.run, self.folder, self.model_folder = run, folder, model_folder
        self.dataset = dataset / ("vqa" if run["architecture"] == "llava" else "prompts")
        self.server = server_module(run["server"])
        python = python_of(self.server.STACK) if self.server.STACK else MAIN
        self.job = Job(run, model_folder, model_folder, folder / "prepared", python, len(ALL), folder / "scratch")
        for place in (self.job.prepared, self.job.scratch, folder / "clients"):
            place.mkdir()
        self.server.check(run)
        self.server.prepare(self.job)

    def setting(self, name: str) -> Setting:
        return Setting(affinity.pin_command(ALL), Watch(ALL), self.folder / f"{name}.log")

    def serving(self, keyed: bool = True) -> Any:
        return serving(self.server, self.job, self.setting("server"), keyed)

    def golden(self, session: Session) -> dict[str, Any]:
        item = next(items(self.run, self.dataset, self.model_folder))
        answer = ask(self.run["api"], session.endpoint, {**self.run, "stream": False}, item)
        bound = 0.05 if self.run["precision"] == "fp16" else 0.01
        return checked(
            self.run["api"], self.run["architecture"], item, answer, self.model_folder, self.run["new_tokens"], bound
        )

    def sweep(self, session: Session) -> Sweep:
        module = client_module(self.run["client"])
        place = self.folder / "clients"
        driver = Client(module, self.run, self.run["api"], self.dataset, self.model_folder, MAIN,
                        self.setting("client"), place)  # fmt: skip
        return sweep(session, self.server, driver, time.monotonic() + 300)


def prove(done: Sweep, new_tokens: int) -> None:
    """Every request was answered with the tokens asked for, and the server counted no fewer of them."""
    assert done.failure is None
    for level, counted in zip(done.levels, done.counted, strict=True):
        assert level.samples and all(sample["ok"] for sample in level.samples), level.samples
        assert {sample["tokens_out"] for sample in level.samples} == {new_tokens}
        for sample in level.samples:
            # A busy server may send all that it has in one piece.
            assert sample["sent_s"] < sample["first_token_s"] <= sample["done_s"]
        if counted:
            assert counted["failed_requests"] == 0
            assert counted["requests"] >= len(level.samples), "the warm-up too"
            assert counted["tokens_out"] == new_tokens * counted["requests"]
            assert 0 < counted["compute_s"] < counted["inference_s"]


def test_transformers_serve_streams_about_images_with_exactly_the_tokens_asked_for(tmp_path, dataset, model_folder):
    served = Served(run_with("transformers-serve", LLAVA), tmp_path, dataset, model_folder(LLAVA))
    with nothing_left(), served.serving() as session:
        assert session.identity.facts["model"] == f"{served.job.prepared / LLAVA}@main"
        assert session.endpoint.key is None
        golden = served.golden(session)
        done = served.sweep(session)
    assert session.left == []
    assert golden["status"] == "ok" and golden["tokens"] == 8, golden
    prove(done, 8)


@needs("vllm")
@pytest.mark.parametrize(
    ("model", "settings"),
    [
        (LLAMA, {}),
        # Where ranks share their CPUs with all else, a request takes seconds.
        (LLAMA, {"cpu_ranks": 2, "api": "openai-completions", "new_tokens": 4, "concurrency": 1, "duration_s": 30.0}),
        (LLAVA, {}),
    ],
)
def test_vllm_answers_as_pytorch_does_and_counts_what_it_does(tmp_path, dataset, model_folder, model, settings):
    if settings.get("cpu_ranks", 1) > len(ALL):
        pytest.skip("two ranks need two CPUs")
    run = run_with("vllm", model, kv_cache_gib=1, eager=True, **settings)
    served = Served(run, tmp_path, dataset, model_folder(model))
    with nothing_left(), served.serving() as session:
        assert session.identity.version.startswith("0.32")
        assert session.identity.facts["root"] == str(served.model_folder)
        golden = served.golden(session)
        done = served.sweep(session)
    assert session.left == []
    assert golden["status"] == "ok", golden
    prove(done, run["new_tokens"])


@needs("vllm")
def test_vllm_wants_its_key_and_other_weights_are_not_pytorchs(tmp_path, dataset, model_folder):
    run = run_with("vllm", LLAMA, kv_cache_gib=1, eager=True, load_format="dummy")
    served = Served(run, tmp_path, dataset, model_folder(LLAMA))
    with nothing_left(), served.serving() as session:
        key = session.endpoint.key
        assert key and key not in " ".join(session.command)
        golden = served.golden(session)
        bare = type(session.endpoint)(session.endpoint.ports, session.endpoint.model)
        with pytest.raises(Exception, match="401"):
            served.golden(Session(bare, session.identity, session.child, [], 0.0))
    assert key not in (tmp_path / "server.log").read_text()
    assert golden["status"] == "failed" and not served.server.comparable(run)


@needs("llava")
def test_llava_worker_answers_as_pytorch_does(tmp_path, dataset, model_folder):
    run = run_with("llava-worker", LLAVA, precision="fp16", compute_precision="f16")
    served = Served(run, tmp_path, dataset, model_folder(LLAVA))
    with nothing_left(), served.serving() as session:
        golden = served.golden(session)
        done = served.sweep(session)
    assert session.left == []
    assert golden["status"] == "ok", golden
    prove(done, 8)
