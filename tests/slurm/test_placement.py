"""What a job's node gives, and nothing else, is what its measurement uses: CPUs by the job's mask, GPUs by its list."""

import re

import pytest

# In the place of vLLM's interpreter: tells what it sees, and serves nothing. PyTorch here is a build without CUDA, for
# which no job would be submitted.
WITNESS = """\
#!/bin/sh
echo "$(hostname) $CUDA_VISIBLE_DEVICES" >> {folder}/seen.txt
exit 7
"""
STUDY = """\
title: On GPUs that aren't there
defaults:
  {model: tinyllama-1.1b-chat, dataset: mine, weights: synthetic, scale: small, server: vllm, backend: vllm,
    device: cuda, precision: fp16, compute_precision: f16, new_tokens: 4, repeats: 1, warmup_s: 0.1, duration_s: 0.5,
    timeout_s: 300}
runs:
  - {name: one, accelerators: 1}
  - {name: two, accelerators: 2, split: tensor_parallel}
figures: [{kind: bars, name: speed, metric: tokens_per_s, by: [name]}]
"""
SYSTEM = """\
name: Virtual GPUs
site: cluster
gpu: Virtual
gpus: 2
slurm: {cpus_per_task: 2, partition: gpu, gpu_type: fake}
"""


@pytest.fixture(scope="module", autouse=True)
def hastened(login):
    login.hasten()


@pytest.fixture
def witness(login):
    """Has config name the witness."""
    python = login.folder / "witness/python"
    python.parent.mkdir()
    python.write_text(WITNESS.format(folder=login.folder))
    python.chmod(0o755)
    config = login.folder / "config/config.yaml"
    text = config.read_text()
    assert "environments: {}" in text
    config.write_text(text.replace("environments: {}", f"environments: {{vllm: {{python: {python}}}}}"))


@pytest.mark.usefixtures("witness")
def test_what_is_started_sees_the_gpus_that_its_run_asks_for(login):
    command = login.write_study("graphics").replace("=virtual", "=graphics")
    (login.folder / "config/studies/graphics.yaml").write_text(STUDY)
    (login.folder / "config/systems/graphics.yaml").write_text(SYSTEM)
    login.finish(command)
    seen = {tuple(line.split(" ")) for line in (login.folder / "seen.txt").read_text().splitlines()}
    assert {node for node, _ in seen} <= {"gpu1", "gpu2"}
    assert sorted(gpus for _, gpus in seen) == ["0", "0,1"]
    # It serves nothing, which is a result too.
    assert {record["reason"] for record in login.records("graphics", "graphics").values()} == {"server-exited"}


def test_cores_are_counted_among_those_of_the_job(login, cluster):
    command = login.write_study("masked", cores='"0"')
    login.prepare(command)
    said = login.finish(f"{command} -n -p")
    [line] = re.findall(r"(python scripts/measure_process\.py .*)$", said, flags=re.MULTILINE)
    placed = ["srun", "--partition=cpu", "--exclusive", "--cpus-per-task=1", "--cpu-bind=map_cpu:1", "bash", "-c", line]
    done = cluster.run("login", placed, login.folder, env=login.environment())
    assert done.returncode == 0, done.stdout + done.stderr
    [record] = login.records("masked").values()
    assert (record["status"], record["message"]) == ("ok", None)
    asked = record["affinity"]
    assert (asked["asked"], asked["expected_cpus"], asked["observed_cpus"]) == ("0", [1], [1])
