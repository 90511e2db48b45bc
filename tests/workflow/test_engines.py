"""TensorRT's engines: one for each system, built and checked where it is measured, and never shared. Dry-runs."""

import os
import re

import pytest

STUDY = """
title: Engines
defaults: {model: blip-image-captioning-base, weights: synthetic, scale: small, dataset: photos, repeats: 2}
runs:
  - {name: engine, backend: tensorrt, device: cuda, precision: fp16, compute_precision: f16, duration_s: 1}
  - {name: cpu, backend: onnxruntime, precision: fp16, compute_precision: f16, duration_s: 1}
figures: []
"""
SLURM = "slurm: {cpus_per_task: 2, partition: %s, gpu_type: %s, prepare_partition: cheap}"
SYSTEMS = {"old": SLURM % ("volta", "v100"), "new": SLURM % ("hopper", "h100")}
EXPORTS = "resources/exports/blip-image-captioning-base/synthetic-small"


@pytest.fixture
def engines(project):
    """A checkout that measures two clusters' nodes, each with another GPU."""
    texts = {
        f"systems/{name}": f"name: {name}\nsite: cluster\ngpu: Example\ngpus: 1\ncpus: 2\n{asked}\n"
        for name, asked in SYSTEMS.items()
    }
    for name, text in {"studies/engines": STUDY, **texts}.items():
        path = project.folder / f"config/{name}.yaml"
        path.write_text(text)
        os.utime(path, (1_600_000_000, 1_600_000_000))
    return project


def blocks(said, rule):
    """What a dry-run prints of each job of a rule."""
    return re.findall(rf"^(?:local)?rule {rule}:\n((?:    .*\n)+)", said, flags=re.MULTILINE)


def test_each_system_has_an_engine_of_its_own_from_one_graph(engines):
    done = engines.snakemake("--profile", "slurm", "--config", "studies=[engines]", "system=[old,new]", "-n")
    assert done.returncode == 0, done.stdout + done.stderr
    built = blocks(done.stdout, "export_tensorrt")
    assert len(built) == 2 and len(blocks(done.stdout, "export_onnx")) == 1
    for system, (partition, gpu) in {"old": ("volta", "v100"), "new": ("hopper", "h100")}.items():
        folder = f"{EXPORTS}/tensorrt-fp16-on-{system}"
        [job] = [text for text in built if f"output: {folder}\n" in text]
        [gate] = [text for text in blocks(done.stdout, "check_export") if f"output: {folder}.parity.json\n" in text]
        for text in (job, gate):
            # On a node as it will be measured on, alone and with its GPU; what needs none is prepared elsewhere.
            assert f"slurm_partition={partition}" in text
            assert f"--exclusive --gpus-per-node={gpu}:1" in text
            assert "resources/environments/tensorrt/made" in text
        assert f"{EXPORTS}/onnx-fp16" in job
    [graph] = [text for text in blocks(done.stdout, "check_export") if "onnx-fp16.parity.json" in text]
    assert "slurm_partition=cheap" in graph and "gpus-per-node" not in graph


def test_engines_are_not_put_where_checkouts_share(engines):
    rules = (engines.folder / "rules" / "exports.smk").read_text()
    [engine] = re.findall(r"^rule export_tensorrt:\n((?:    .*\n|\n)+)", rules, flags=re.MULTILINE)
    assert "cache:" not in engine


def test_a_machine_without_slurm_builds_its_own_too(engines):
    done = engines.snakemake(
        f"{EXPORTS}/tensorrt-fp16-on-local.parity.json", f"{EXPORTS}/onnx-fp16.parity.json",
        "--config", "studies=[engines]", "-n",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(blocks(done.stdout, "export_tensorrt")) == 1 and len(blocks(done.stdout, "check_export")) == 2


def test_without_a_gpu_nothing_is_begun(engines):
    said = engines.refusal("--config", "studies=[engines]")
    assert re.search(r"config/studies/engines\.yaml: runs\[0\]\.(device|accelerators): ", said)
    assert not (engines.folder / "resources/models").exists()
