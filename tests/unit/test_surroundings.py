"""What an environment holds, told from its files; environments here are such files and no more."""

from pathlib import Path
from typing import Any

import pytest

from cotejo import surroundings
from cotejo.backends import pytorch
from cotejo.places import Stack
from cotejo.servers import llama_cpp, vllm
from cotejo.stacks import STAMP
from cotejo.surroundings import Surroundings
from cotejo.torch_build import TorchBuild

ON_GPU, ON_CPU = {"device": "cuda"}, {"device": "cpu", "cpu_ranks": 2}


def environment(folder: Path, *packages: str, cuda: str | None = None) -> Path:
    """An environment that holds these packages, as "name-version", and a torch for that CUDA; its interpreter."""
    site = folder / "lib/python3.11/site-packages"
    for package in packages:
        (site / f"{package}.dist-info").mkdir(parents=True)
    (site / "torch").mkdir(parents=True)
    told = "None" if cuda is None else f"'{cuda}'"
    (site / "torch/version.py").write_text(
        f"__version__ = '2'\ncuda: Optional[str] = {told}\nhip: Optional[str] = None\n"
    )
    (folder / STAMP).write_text("{}")
    return folder / "bin/python"


def there(python: Path, **more: Any) -> Surroundings:
    return Surroundings(True, 4, 1, Stack(python), **more)


def to_be_made(monkeypatch: pytest.MonkeyPatch, folder: Path, cuda: bool) -> Surroundings:
    """An environment of a stack that is still to be made, with a build of torch of that kind."""
    monkeypatch.chdir(folder)
    monkeypatch.setattr(surroundings, "choose", lambda *_: TorchBuild("x", cuda, "nvidia-smi finds no NVIDIA driver"))
    return Surroundings(True, 4, 1, Stack(Path("resources/environments/vllm/bin/python"), made="vllm"))


def test_a_package_is_found_whatever_way_its_name_is_written(tmp_path: Path) -> None:
    found = there(environment(tmp_path, "onnxruntime_gpu-1.31.1", "torch-2.13.0+cpu"))
    assert found.version("onnxruntime-gpu") == found.version("ONNXRuntime_GPU") == "1.31.1"
    assert found.version("onnxruntime") is None
    assert found.file("torch/version.py") == tmp_path / "lib/python3.11/site-packages/torch/version.py"
    assert found.file("torch/none.py") is None
    assert found.made and found.known


def test_an_interpreter_whose_packages_lie_elsewhere_is_not_known(tmp_path: Path) -> None:
    found = there(tmp_path / "bin/python")
    assert found.made and not found.known
    assert found.version("torch") is None and found.file("torch/version.py") is None
    assert found.lacks_cuda_torch() == ""


def test_a_build_of_torch_without_cuda_is_told_with_what_makes_another(tmp_path: Path) -> None:
    said = there(environment(tmp_path, "torch-2.13.0+cpu")).lacks_cuda_torch()
    assert said.startswith(f"device: cuda: PyTorch 2.13.0+cpu in {tmp_path} is a build without CUDA. ")
    assert "UV_TORCH_BACKEND=cu129 make setup" in said and "envs/README.md" in said
    assert pytorch.missing(ON_GPU, there(tmp_path / "bin/python")) == said
    assert pytorch.missing(ON_CPU, there(tmp_path / "bin/python")) == ""


@pytest.mark.parametrize(
    ("cuda", "driver", "works"),
    [("12.9", None, True), ("12.9", 12, True), ("12.9", 13, True), ("13.0", 12, False), ("13.0", 13, True)],
)
def test_within_a_major_version_of_cuda_every_driver_runs_it(
    tmp_path: Path, cuda: str, driver: int | None, works: bool
) -> None:
    said = there(environment(tmp_path, "torch-2.13.0", cuda=cuda), driver_cuda=driver).lacks_cuda_torch()
    assert (said == "") == works
    if not works:
        assert "is built for CUDA 13, and the driver here runs 12 at most. Install a newer driver, or take" in said


def test_of_an_environment_that_is_still_to_be_made_its_pins_tell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = to_be_made(monkeypatch, tmp_path, cuda=True)
    assert not found.made and found.known
    assert found.version("vllm") and found.version("torch")
    assert found.file("vllm/__init__.py") is None
    assert found.lacks_cuda_torch() == ""


def test_one_that_would_be_made_without_cuda_is_refused_before_it_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a cluster's login node, which has no GPU."""
    said = to_be_made(monkeypatch, tmp_path, cuda=False).lacks_cuda_torch()
    assert said.startswith(
        "device: cuda: resources/environments/vllm would be made with a build of PyTorch without CUDA, as "
    )
    assert "nvidia-smi finds no NVIDIA driver. `UV_TORCH_BACKEND=cu129 make env-vllm`" in said


def test_the_environment_of_the_tests_is_told_as_torch_tells_it() -> None:
    import sys

    import torch

    found = there(Path(sys.executable))
    assert found.version("torch") == torch.__version__
    assert (found.lacks_cuda_torch() == "") == (torch.version.cuda is not None)


class TestVllm:
    def test_its_ranks_divide_the_cpus_evenly(self, tmp_path: Path) -> None:
        found = there(environment(tmp_path, "vllm-0.32.0+cpu"))
        assert vllm.missing(ON_CPU, found) == ""
        said = vllm.missing(ON_CPU | {"cpu_ranks": 3}, found)
        assert said == "cpu_ranks: 3: can't divide the 4 CPUs that the run gets. Change it, or cores"

    def test_one_for_gpus_computes_on_no_cpu(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        said = vllm.missing(ON_CPU, there(environment(tmp_path, "vllm-0.32.0")))
        assert said.startswith("device: cpu: vLLM 0.32.0 is for GPUs alone. `UV_TORCH_BACKEND=cpu make env-vllm`")
        assert vllm.missing(ON_CPU, to_be_made(monkeypatch, tmp_path, cuda=False)) == ""  # it will be one for CPUs

    def test_on_gpus_it_needs_a_torch_for_them(self, tmp_path: Path) -> None:
        python = environment(tmp_path, "vllm-0.32.0", "torch-2.13.0+cpu")
        assert "is a build without CUDA" in vllm.missing(ON_GPU, there(python))


def test_whether_llama_cpp_computes_on_gpus_it_tells_where_they_are(tmp_path: Path) -> None:
    program = tmp_path / "llama-server"
    found = Surroundings(True, 4, 1, Stack(Path("python"), program=program))
    said = llama_cpp.missing(ON_GPU, found)
    assert said.startswith(f"device: cuda: environments: llama.cpp: program: {program}: it doesn't run")
    assert llama_cpp.missing(ON_CPU, found) == ""
    assert llama_cpp.missing(ON_GPU, Surroundings(False, 4, 1, found.stack)) == ""
