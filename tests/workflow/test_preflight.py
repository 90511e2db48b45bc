"""What a machine, or Slurm's nodes, haven't got is one line before any job; and no matter where nothing is measured."""

import pytest

SYSTEM = "name: Nodes\nsite: cluster\n{gpus}slurm: {{cpus_per_task: 2, partition: gpu}}\n"
LLAVA = ("--config", "studies=[ccad-llava-a30]", "system=nodes")


@pytest.fixture
def nodes(project):
    """Has a system be described as one that Slurm has nodes of, with that said of its GPUs."""

    def describe(gpus):
        (project.folder / "config/systems/nodes.yaml").write_text(SYSTEM.format(gpus=gpus))
        return project

    return describe


def test_without_a_gpu_a_newcomer_is_told_so_before_anything_is_fetched(project, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    said = project.refusal("--config", "studies=[chameleon-blip-triton]")
    assert said.startswith(
        "error: config/studies/chameleon-blip-triton.yaml: runs[1].device: 'cuda': asks for 1 GPU, and this machine "
        "has none that may be used. Measure it where they are (--profile slurm and a `system` that has them), or at "
        "small scale on the CPU (overlay=smoke); or say in config/systems/local.yaml what this machine has"
    )
    assert [path.name for path in (project.folder / "resources").iterdir()] == ["README.md"]
    assert "plot_figure" in project.jobs("plots", "--config", "studies=[chameleon-blip-triton]")


def test_nodes_whose_gpus_nobody_counted_are_asked_for_none(nodes):
    said = nodes("").refusal("--profile", "slurm", *LLAVA)
    assert "runs[0].device: 'cuda': asks for 1 GPU, and config/systems/nodes.yaml doesn't say how many a node" in said


def test_a_login_nodes_torch_without_cuda_is_no_affair_of_the_queue(nodes):
    import torch

    if torch.version.cuda:
        pytest.skip("PyTorch is built for CUDA here")
    project = nodes("gpu: NVIDIA A30\ngpus: 2\n")
    said = project.refusal("--profile", "slurm", *LLAVA)
    assert f"runs[0].device: cuda: PyTorch {torch.__version__} in " in said
    assert "is a build without CUDA. `UV_TORCH_BACKEND=cu129 make setup`" in said
