"""What is looked at before any job: cores, time, GPUs, and the packages that are to compute."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from study_example import CHAT, TEXT, VIDEO, also, copy_config, load

from cotejo import preflight
from cotejo.accelerators import Accelerator
from cotejo.errors import CotejoError
from cotejo.preflight import check_machine
from cotejo.study import load_study
from cotejo.systems import load_system

ON_GPU = "- {name: gpu, model: tinyllama-1.1b-chat, dataset: prompts, backend: pytorch, precision: fp32, device: cuda}"
ON_TWO = also(ON_GPU, "accelerators: 2, split: device_map")
TRAINING = (
    "- {name: tune, model: t5-small, dataset: synthetic-text-to-sql, backend: transformers-trainer, max_steps: 4}"
)
A30 = Accelerator("GPU-1", "GPU-1", "NVIDIA A30", 24576)
PART = A30._replace(uuid="MIG-1", name="NVIDIA A30 MIG 1g.6gb")
Refusal = Callable[..., str]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return copy_config(tmp_path)


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Has so many GPUs be here."""

    def with_gpus(*gpus: Accelerator) -> None:
        monkeypatch.setattr(preflight, "_usable", lambda device: gpus)

    with_gpus()
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    return with_gpus


@pytest.fixture
def refusal(config: Path, here: Callable[..., None]) -> Refusal:
    """Why a study's last run is refused on a system that is described so; empty where it isn't."""

    def refuse(runs: str, facts: str = "", on_nodes: bool = False, environments: Any = None) -> str:
        (config / "systems" / "mine.yaml").write_text(f"name: Mine\nsite: cluster\n{facts}\n")
        study = load(config, runs, systems=["mine"])
        machine = load_system(config / "systems" / "mine.yaml")
        try:
            check_machine(study, study.runs[-1], machine, on_nodes, environments, config)
        except CotejoError as error:
            return str(error).removeprefix(f"{config}/studies/")
        return ""

    return refuse


def test_a_remote_system_has_the_cpus_its_file_gives(config: Path) -> None:
    (config / "systems" / "big.yaml").write_text("name: Big\nsite: edge\ncpus: 64\n")
    study = f"title: Test\nruns:\n{VIDEO[:-1]}, cores: 64}}\nfigures: []\n"
    (config / "studies" / "test.yaml").write_text(study)
    loaded = load_study("test", systems=["big"], config=config)
    [run] = loaded.runs
    assert (run["cores"], run["system"]) == (64, "big")
    big = load_system(config / "systems" / "big.yaml")
    check_machine(loaded, run, big, False, None, config)
    (config / "studies" / "test.yaml").write_text(study.replace("64", "65"))
    more = load_study("test", systems=["big"], config=config)  # to be drawn, a study needs no cores
    with pytest.raises(CotejoError, match=r"test\.yaml: runs\[0\]\.cores: 65"):
        check_machine(more, more.runs[0], big, False, None, config)


def test_a_node_has_the_cpus_that_slurm_is_asked_for(refusal: Refusal) -> None:
    node = "cpus: 64\nslurm: {cpus_per_task: 60}"
    assert not refusal(also(VIDEO, "cores: 60"), node, on_nodes=True)
    said = refusal(also(VIDEO, "cores: 64"), node, on_nodes=True)
    assert said.startswith("test.yaml: runs[0].cores: 64: not among the 60 CPUs (0-59)")


def test_no_run_may_take_longer_than_its_job_may_live(refusal: Refusal) -> None:
    node = "slurm: {cpus_per_task: 60, runtime_min: 30}"
    assert not refusal(also(VIDEO, "timeout_s: 1800"), node, on_nodes=True)
    said = refusal(also(VIDEO, "timeout_s: 1801"), node, on_nodes=True)
    assert said.startswith("test.yaml: runs[0].timeout_s: 1801: longer than Slurm lets the job live, 30 min (")
    assert "systems/mine.yaml: slurm.runtime_min)" in said


def test_a_client_too_has_the_cpus_of_its_system(refusal: Refusal) -> None:
    assert refusal(also(CHAT, 'client_cores: "0,4096"')).startswith("test.yaml: runs[0].client_cores: '0,4096': ")


def test_a_machine_without_gpus_names_the_ways_on(refusal: Refusal) -> None:
    said = refusal(f"{TEXT}\n{ON_GPU}")
    assert said.startswith(
        "test.yaml: runs[1].device: 'cuda': asks for 1 GPU, and this machine has none that may be used"
    )
    for way in ("--profile slurm", "overlay=smoke", "systems/mine.yaml what this machine has (its cpu, and no gpu)"):
        assert way in said
    assert not refusal(TEXT)


def test_the_last_of_these_ways_leaves_the_run_out(config: Path) -> None:
    (config / "systems" / "mine.yaml").write_text("name: Mine\nsite: local\ncpu: A processor\n")
    study = load(config, f"{TEXT}\n{ON_GPU}", systems=["mine"])
    assert [run["name"] for run in study.runs] == ["text"]
    assert [line["needs"] for line in study.needing] == ["1 GPU"]


def test_as_many_gpus_as_are_asked_for_must_be_here(refusal: Refusal, here: Callable[..., None]) -> None:
    here(A30)
    assert not refusal(ON_GPU)
    said = refusal(ON_TWO)
    assert "runs[0].accelerators: 2: asks for 2 GPUs, and this machine has 1 that may be used (NVIDIA A30)." in said
    assert "what this machine has (gpu, and gpus: 1)" in said
    here(A30, A30)
    assert not refusal(ON_TWO)


def test_a_description_of_another_machine_is_no_description_of_this_one(
    refusal: Refusal, here: Callable[..., None]
) -> None:
    here(A30)
    said = refusal(ON_TWO, "gpu: NVIDIA A30\ngpus: 2")
    assert "this machine has 1 that may be used" in said
    assert "or name the system that this machine is: " in said
    assert said.endswith("systems/mine.yaml says gpus: 2")


def test_several_gpus_are_whole_ones(refusal: Refusal, here: Callable[..., None]) -> None:
    here(PART, PART)
    assert "accelerators: 2: asks for 2 GPUs, and NVIDIA A30 MIG 1g.6gb is a part of a divided GPU" in refusal(ON_TWO)
    assert not refusal(ON_GPU)


def test_where_the_driver_does_not_tell_nothing_is_refused(refusal: Refusal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "_usable", lambda device: None)
    assert not refusal(ON_TWO)


def test_of_slurms_nodes_the_systems_file_tells(refusal: Refusal) -> None:
    node = "slurm: {cpus_per_task: 8}"
    assert not refusal(ON_TWO, f"gpu: NVIDIA A30\ngpus: 2\n{node}", on_nodes=True)
    said = refusal(ON_TWO, node, on_nodes=True)
    assert said.startswith("test.yaml: runs[0].accelerators: 2: asks for 2 GPUs, and ")
    assert "systems/mine.yaml doesn't say how many a node has. Add gpu and gpus there" in said


def test_several_nodes_are_those_of_slurm(refusal: Refusal, monkeypatch: pytest.MonkeyPatch) -> None:
    node, runs = "slurm: {cpus_per_task: 2}", also(TRAINING, "nodes: 2, split: data_parallel")
    assert not refusal(runs, node, on_nodes=True)
    assert "runs[0].nodes: 2: are those of a Slurm job, and this is none. Add --profile slurm" in refusal(runs, node)
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    assert not refusal(runs, node)


def test_each_process_needs_a_cpu(refusal: Refusal) -> None:
    runs = also(TRAINING, "processes: 3, split: data_parallel")
    assert not refusal(runs, "cpus: 3")
    said = refusal(runs, "cpus: 2")
    assert "runs[0].processes: 3: each needs a CPU, and the run gets 2. Lower it, or raise `cores`" in said


class TestPackages:
    """The environment's own part is tested where its files are: test_surroundings."""

    @pytest.fixture(autouse=True)
    def without_cuda(self, monkeypatch: pytest.MonkeyPatch) -> None:
        lacks = "device: cuda: no CUDA here. Install it"
        monkeypatch.setattr("cotejo.surroundings.Surroundings.lacks_cuda_torch", lambda there: lacks)

    def test_what_a_backend_finds_missing_is_said_under_the_runs_place(
        self, refusal: Refusal, here: Callable[..., None]
    ) -> None:
        here(A30)
        assert refusal(ON_GPU, environments={}) == "test.yaml: runs[0].device: cuda: no CUDA here. Install it"
        assert not refusal(TEXT, environments={})

    def test_it_is_asked_for_slurms_nodes_too(self, refusal: Refusal) -> None:
        node = "gpu: NVIDIA A30\ngpus: 1\nslurm: {cpus_per_task: 2}"
        assert "no CUDA here" in refusal(ON_GPU, node, on_nodes=True, environments={})
        assert not refusal(ON_GPU, node, on_nodes=True)  # it isn't known yet under what it will be measured

    def test_of_an_image_nothing_is_told(self, refusal: Refusal, here: Callable[..., None]) -> None:
        here(A30)
        served = also(CHAT.replace("transformers-serve", "vllm").replace("pytorch", "vllm"), "device: cuda")
        assert "no CUDA here" in refusal(served, environments={})
        assert not refusal(served, environments={"vllm": {"image": "/images/vllm.sif"}})

    def test_nor_of_an_interpreter_that_has_its_packages_elsewhere(
        self, refusal: Refusal, here: Callable[..., None], tmp_path: Path
    ) -> None:
        here(A30)
        served = also(CHAT.replace("transformers-serve", "vllm").replace("pytorch", "vllm"), "device: cuda")
        assert not refusal(served, environments={"vllm": {"python": str(tmp_path / "bin" / "python")}})
