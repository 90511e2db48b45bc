"""A real server of a small model: started from what a run prepares, asked, and put under load."""

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cotejo import affinity
from cotejo.affinity import Watch
from cotejo.apis.ask import ask
from cotejo.apis.questions import items
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
