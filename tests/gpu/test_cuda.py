"""PyTorch in process on real GPUs: the same answers as on the CPU, from a whole model and from one that is divided."""

from pathlib import Path

import pytest
import torch
from PIL import Image

from cotejo.backends import backend
from cotejo.models.catalogue import read_entry
from cotejo.models.synthetic import write_model
from cotejo.study import CONFIG
from cotejo.tasks import options

MODEL = "llava-1.5-7b"
QUESTIONS = ("What is this?", "Which colour is it?")
TOKENS = 12
GPUS = torch.cuda.device_count() if torch.cuda.is_available() else 0

pytestmark = pytest.mark.skipif(GPUS == 0, reason="no CUDA device here. Run `make test-gpu` on a machine that has one")
two = pytest.mark.skipif(GPUS < 2, reason="needs two CUDA devices. Run `make test-gpu` on a machine that has them")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("models") / MODEL
    write_model(made, MODEL, read_entry(CONFIG / "models.yaml", MODEL), "small", seed=0, headers_only=False)
    return made


@pytest.fixture(autouse=True)
def _computing_in_fp32(monkeypatch: pytest.MonkeyPatch) -> None:
    """GPUs have a narrower type of their own for convolutions, by which answers may differ."""
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)


def answers(folder: Path, **changes: object) -> tuple[list[list[int]], dict[int, int]]:
    """What is said to each question, and the memory that it took of each GPU."""
    run = {
        "architecture": "llava", "precision": "fp32", "compute_precision": "f32", "device": "cuda", "accelerators": 1,
        "split": None, **options("visual-question-answering"), **changes,
    }  # fmt: skip
    engine = backend("pytorch").load(run, folder, folder, 2)
    picture = Image.radial_gradient("L").convert("RGB")
    engine.forget_peaks()
    said = [[*engine.answer(engine.prepare(picture, asked), TOKENS, TOKENS).tokens] for asked in QUESTIONS]
    return said, dict(engine.memory_peaks())


@pytest.fixture(scope="module")
def on_the_cpu(folder: Path) -> list[list[int]]:
    said, peaks = answers(folder, device="cpu", accelerators=0)
    assert peaks == {}
    return said


def test_one_gpu_answers_as_the_cpu(folder: Path, on_the_cpu: list[list[int]]) -> None:
    said, peaks = answers(folder)

    assert said == on_the_cpu
    assert peaks.keys() == {0} and peaks[0] > 0


def test_half_precision_answers_on_a_gpu(folder: Path) -> None:
    said, _ = answers(folder, precision="fp16", compute_precision="f16")
    assert [len(tokens) for tokens in said] == [TOKENS] * len(QUESTIONS)


@two
@pytest.mark.parametrize("split_layers", ["1,3", "3,1"])
def test_two_gpus_answer_as_the_cpu(folder: Path, on_the_cpu: list[list[int]], split_layers: str) -> None:
    said, peaks = answers(folder, accelerators=2, split="device_map", split_layers=split_layers)

    assert said == on_the_cpu
    assert peaks.keys() == {0, 1} and min(peaks.values()) > 0
