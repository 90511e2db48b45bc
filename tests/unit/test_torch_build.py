"""Which build of torch a machine gets, with a stand-in for nvidia-smi."""

import sys
from pathlib import Path

import pytest

from cotejo.errors import CotejoError
from cotejo.torch_build import WHEEL, TorchBuild, choose, find_links, nvidia_driver, wheel_of

PYTHON = f"cp{sys.version_info.major}{sys.version_info.minor}"


def machine(folder: Path, nvidia_smi: str | None = None) -> dict[str, str]:
    """An environment whose PATH holds nothing but an nvidia-smi of that body."""
    folder.mkdir(exist_ok=True)
    if nvidia_smi is not None:
        (folder / "nvidia-smi").write_text(f"#!/bin/sh\n{nvidia_smi}\n")
        (folder / "nvidia-smi").chmod(0o755)
    return {"PATH": str(folder)}


def test_without_driver_it_is_the_cpu_build(tmp_path: Path) -> None:
    build = choose("2.13.0", machine(tmp_path), None)
    assert build == TorchBuild("cpu", False, "nvidia-smi finds no NVIDIA driver")


def test_nvidia_smi_that_finds_no_driver_counts_as_none(tmp_path: Path) -> None:
    failed = "echo 'NVIDIA-SMI has failed because it could not communicate with the NVIDIA driver.'; exit 9"
    assert nvidia_driver(machine(tmp_path / "failed", failed)) is None
    assert nvidia_driver(machine(tmp_path / "empty", "echo 'No devices were found'")) is None


@pytest.mark.parametrize("driver", ["525.60.13", "525.147.05", "535.161.08", "580.65.06"])
def test_driver_that_runs_cuda_12_leaves_the_choice_to_uv(tmp_path: Path, driver: str) -> None:
    asked = f'[ "$*" = "--query-gpu=driver_version --format=csv,noheader" ] && echo {driver} && echo {driver}'
    build = choose("2.13.0", machine(tmp_path, asked), None)
    assert (build.backend, build.cuda) == ("auto", True)
    assert driver in build.reason


@pytest.mark.parametrize("driver", ["470.82.01", "525.60.11", "450.80"])
def test_older_driver_is_refused_with_the_remedies(tmp_path: Path, driver: str) -> None:
    with pytest.raises(CotejoError) as caught:
        choose("2.13.0", machine(tmp_path, f"echo {driver}"), None)
    message = str(caught.value)
    assert f"nvidia-smi: driver_version: {driver}: older than 525.60.13" in message
    assert "Install a newer driver, or use the CPU only: UV_TORCH_BACKEND=cpu make setup" in message


def test_what_the_user_says_wins_even_over_an_old_driver(tmp_path: Path) -> None:
    environment = machine(tmp_path, "echo 470.82.01")
    assert choose("2.13.0", environment | {"UV_TORCH_BACKEND": "cpu"}, "cu129") == TorchBuild(
        "cpu", False, "UV_TORCH_BACKEND says so"
    )
    build = choose("2.13.0", environment | {"UV_TORCH_BACKEND": "cu126"}, "cpu")
    assert (build.backend, build.cuda) == ("cu126", True)


def test_earlier_choice_stays_when_the_driver_is_another(tmp_path: Path) -> None:
    assert choose("2.13.0", machine(tmp_path), "cu129").backend == "cu129"
    assert choose("2.13.0", machine(tmp_path, "echo 535.161.08"), "cpu").cuda is False
    assert choose("2.13.0", machine(tmp_path), WHEEL).backend == "auto"


@pytest.mark.parametrize(("local", "cuda"), [("+cpu", False), ("", True), ("+cu129", True)])
def test_wheel_in_a_folder_is_taken(tmp_path: Path, local: str, cuda: bool) -> None:
    wheel = tmp_path / f"torch-2.13.0{local}-{PYTHON}-{PYTHON}-manylinux_2_28_x86_64.whl"
    wheel.touch()
    build = choose("2.13.0", machine(tmp_path / "bin") | {"PIP_FIND_LINKS": f"https://wheels.example {tmp_path}"}, None)
    assert (build.backend, build.cuda) == (WHEEL, cuda)
    assert str(wheel) in build.reason


def test_wheels_of_other_versions_packages_and_pythons_are_not(tmp_path: Path) -> None:
    for name in (
        f"torch-2.13.1-{PYTHON}-x-y.whl",
        "torch-2.13.0-cp38-cp38-y.whl",
        f"torchvision-2.13.0-{PYTHON}-x-y.whl",
    ):
        (tmp_path / name).touch()
    assert wheel_of("2.13.0", [str(tmp_path), str(tmp_path / "nowhere")]) is None
    (tmp_path / f"torch-2.13.0-{PYTHON}-x-y.whl").touch()
    assert wheel_of("2.13.0", [f"file://{tmp_path}"]) is not None


def test_find_links_of_uv_come_before_those_of_pip() -> None:
    assert find_links({"UV_FIND_LINKS": "/a,/b", "PIP_FIND_LINKS": "/c"}) == ["/a", "/b"]
    assert find_links({"PIP_FIND_LINKS": "/c  https://d"}) == ["/c", "https://d"]
    assert find_links({}) == []
