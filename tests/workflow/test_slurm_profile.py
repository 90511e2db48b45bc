"""What `--profile slurm` says, and what jobs ask of Slurm, as far as no Slurm is needed to see it."""

import re

import yaml

from cotejo import slurm
from cotejo.command import ROOT

SYSTEM = """\
name: A node of two A30
site: cluster
gpu: NVIDIA A30
gpus: 2
slurm: {cpus_per_task: 20, partition: gpu, prepare_partition: cpu, gpu_type: a30, account: lab, memory_gib: 60}
"""


def rules():
    """The text of each rule, by name, and the names of those that never leave the machine Snakemake runs on."""
    files = [ROOT / "Snakefile", *sorted((ROOT / "rules").glob("*.smk"))]
    texts, local = {}, set()
    for file in files:
        text = file.read_text()
        for block in re.findall(r"^localrules:\n((?:(?:    .*)?\n)+)", text, flags=re.MULTILINE):
            local |= set(re.findall(r"^    (\w+),$", block, flags=re.MULTILINE))
        parts = re.split(r"^rule (\w+):\n", text, flags=re.MULTILINE)
        texts |= dict(zip(parts[1::2], parts[2::2], strict=True))
    return texts, local


def test_every_rule_is_local_or_says_what_it_asks_for():
    texts, local = rules()
    assert len(texts) > 20
    assert local <= texts.keys()
    for name, text in texts.items():
        kinds = "MEASURING|PREPARING|BUILDING|CHECKING"
        asks = re.findall(rf"^    resources:\n        \*\*({kinds}),$", text, flags=re.MULTILINE)
        assert (name in local) == (not asks), name
        assert ("MEASURING" in asks) == ("{run}" in text and name not in local), name


def test_nothing_that_draws_or_fetches_is_submitted():
    _, local = rules()
    light = {"summarise", "plot_figure", "make_report", "price_results", "compare_published", "plan_runs"}
    online = {"fetch_model", "create_environment", "prepare_dataset"}
    assert light | online <= local


def test_jobs_are_known_again_by_the_name_that_the_profile_gives_them():
    profile = yaml.safe_load((ROOT / "profiles/slurm/config.yaml").read_text())
    assert profile["slurm-jobname-prefix"] + "_" == slurm.JOB_NAMES


def asked(said, rule):
    """What the first job of a rule asks for, as a dry-run tells it."""
    line = re.search(rf"^rule {rule}:\n(?:    .*\n)*?    resources: (.*)$", said, flags=re.MULTILINE)
    assert line, said
    return dict(part.split("=", maxsplit=1) for part in line[1].split(", "))


def dry_run(project, study, *changes):
    (project.folder / "config/systems/pair.yaml").write_text(SYSTEM)
    for old, new in changes:
        project.edit(f"config/studies/{study}.yaml", old, new)
    done = project.snakemake("--profile", "slurm", "-n", "--config", f"studies=[{study}]", "system=pair")
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_measuring_job_asks_for_a_whole_node_with_the_gpus_that_it_is_to_see(project):
    measuring = asked(
        dry_run(project, "ccad-llava-a30", ("dataset: vizwiz-vqa", "dataset: vizwiz-like")), "measure_process"
    )
    assert (measuring["slurm_partition"], measuring["cpus_per_task"]) == ("gpu", "20")
    assert (measuring["slurm_account"], measuring["mem_mb"]) == ("lab", "61440")
    assert re.fullmatch(r"--open-mode=append --exclusive --gpus-per-node=a30:[12]", measuring["slurm_extra"])


def test_an_export_asks_for_no_gpu_and_shares_its_node(project):
    preparing = asked(dry_run(project, "demo"), "export_openvino")
    assert (preparing["slurm_partition"], preparing["cpus_per_task"]) == ("cpu", "20")
    assert preparing["slurm_extra"] == "--open-mode=append"
