"""What the checks ask for on GPUs are runs that Cotejo takes, which can be told without any GPU."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cotejo.gpu_check import all_checks, exports, pytorch, records, runs, servers, training
from cotejo.gpu_check.check import CUDA, Box, check
from cotejo.tasks.speech_recognition import Transcript
from cotejo.tasks.text_generation import Generation

CHECKS = {each.name: each for each in all_checks()}
MODULES = {module.__name__: module for module in (exports, pytorch, records, servers, training)}
MEASURED = [name for name, each in CHECKS.items() if each.module in MODULES and each.module != pytorch.__name__]
COMPUTED = [name for name, each in CHECKS.items() if each.module == pytorch.__name__]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("gpu-check")


@pytest.fixture
def box(shared: Path, tmp_path: Path) -> Box:
    return Box(CUDA, 2, tmp_path, shared)


def perform(name: str, box: Box) -> Any:
    return getattr(MODULES[CHECKS[name].module], CHECKS[name].function)(box)


class Planned(Exception):
    """A run came of the settings, which is as far as it goes without a GPU."""


@pytest.mark.parametrize("name", MEASURED)
def test_what_is_measured_on_gpus_is_a_run_there(name, box, monkeypatch):
    planned, load_study = [], runs.load_study

    def loaded(*arguments: Any, **named: Any) -> None:
        planned.append(load_study(*arguments, **named).runs[0])
        raise Planned

    monkeypatch.setattr(runs, "load_study", loaded)
    monkeypatch.setattr(servers, "require", lambda stack: None)
    monkeypatch.setattr(servers, "found", lambda: {"triton": {}})
    monkeypatch.setattr(servers, "find_llama_server", lambda cuda: None)
    with pytest.raises(Planned):
        perform(name, box)
    [run] = planned
    assert (run["device"], run["scale"], run["weights"]) == (CUDA, "small", "synthetic")
    assert run["accelerators"] == CHECKS[name].gpus


class Engine:
    """Answers alike on every device, but for a token or a number where it is made to."""

    def __init__(self, run: dict[str, Any], off: int) -> None:
        self._gpus, self._off = run.get("accelerators", 0), off if run["device"] == CUDA else 0

    def forget_peaks(self) -> None: ...

    def memory_peaks(self) -> dict[int, int]:
        return dict.fromkeys(range(self._gpus), 1 << 20)

    def prepare(self, picture: Any, asked: str) -> str:
        return asked

    def answer(self, prepared: str, least: int, most: int) -> Generation:
        return self.generate((), most)

    def generate(self, tokens: Any, new_tokens: int) -> Generation:
        return Generation([7] * (new_tokens - 1) + [7 + self._off], 0.0)

    def infer(self, *inputs: Any) -> Any:
        numbers = np.full((1, 4), 1.0 + self._off)
        return numbers if len(inputs) == 2 else (numbers, numbers)

    def transcribe(self, clip: Any, most: int) -> Transcript:
        return Transcript("yes" * (1 + self._off), most, most, 0.0)


@pytest.fixture
def computing(monkeypatch):
    """computing(off): engines that are off by so much on GPUs; gives the devices and numbers of GPUs asked for."""

    def patched(off: int) -> list[tuple[str, int]]:
        asked = []

        def engine(box: Box, settings: dict[str, Any]) -> Engine:
            run = runs.run_of(box, settings)
            asked.append((run["device"], run.get("accelerators", 0)))
            return Engine(run, off)

        monkeypatch.setattr(pytorch, "engine", engine)
        monkeypatch.setattr(pytorch, "model", lambda box, name: box.shared)
        monkeypatch.setattr(pytorch, "architecture", lambda name: Inputs)
        return asked

    return patched


class Inputs:
    @staticmethod
    def parity_inputs(folder: Path, seed: int) -> list[dict[str, None]]:
        return [{"pixel_values": None, "input_ids": None}]


@pytest.mark.parametrize("name", COMPUTED)
def test_a_gpu_is_held_against_the_cpu(name, box, computing):
    asked = computing(off=0)
    perform(name, box)
    assert {device for device, _ in asked} == {CUDA, "cpu"}
    assert max(gpus for _, gpus in asked) == CHECKS[name].gpus


@pytest.mark.parametrize("name", [name for name in COMPUTED if name not in ("llava-fp16", "llava-bf16")])
def test_an_answer_that_is_not_the_cpus_is_a_failure(name, box, computing):
    computing(off=1)
    with pytest.raises(AssertionError, match=r"instead of|tokens are the CPU's|off by"):
        perform(name, box)


@pytest.mark.parametrize("name", ["llava-fp16", "llava-bf16"])
def test_half_precision_may_choose_other_tokens_and_tells_how_many(name, box, computing):
    computing(off=1)
    told = perform(name, box)
    assert (told["tokens"], told["as_on_the_cpu"]) == (24, 22)


def test_a_check_needs_a_docstring_that_says_what_it_proves():
    with pytest.raises(IndexError):
        check("silent")(lambda box: {})
