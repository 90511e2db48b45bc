"""What the cache that checkouts share knows an export by: all that decides its bytes, and nothing else.

Stand-ins take the place of the exporters, for it is Snakemake that makes the keys.
"""

import os
import re
import shutil
import subprocess
import sys

import pytest
import yaml

from cotejo.command import ROOT
from cotejo.verified import verified
from tests.conftest import copy_checkout

MODEL = "resources/models/yolov8n-seg/synthetic-small"
EXPORTS = "resources/exports/yolov8n-seg/synthetic-small"
STORED = (MODEL, f"{EXPORTS}/openvino-fp32", f"{EXPORTS}/onnx-fp32")
OTHERS = (
    f"{EXPORTS}/openvino-fp16",
    f"{EXPORTS}/openvino-int8",
    "resources/exports/yolov8n-seg/synthetic-full/openvino-fp32",
    "resources/exports/yolov8n-seg/hub-full/openvino-fp32",
    "resources/exports/tinyllama-1.1b-chat/synthetic-small/openvino-int8",
)

# Makes the folder that it is asked for, with a manifest; where there is a folder to wait in, not before two others do.
STAND_IN = """
import json, os, sys, time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from cotejo.files import replacing, sha256_of_folder, write_json

output = Path(sys.argv[sys.argv.index("--output") + 1])
wait = Path(os.environ.get("WAIT_FOR_OTHERS", "/nonexistent"))
if wait.is_dir() and "exports" in output.parts:
    (wait / f"{os.getpid()}").touch()
    until = time.monotonic() + 60
    while len(list(wait.iterdir())) < 3 and time.monotonic() < until:
        time.sleep(0.05)
with replacing(output) as folder:
    folder.mkdir(parents=True)
    (folder / "weights.bin").write_text("weights")
    write_json(folder / "export.json", {"files": sha256_of_folder(folder)})
"""


def stand_in(project):
    for name in ("synthesize_model", "fetch_model", "export_openvino", "export_onnx"):
        script = project.folder / f"scripts/{name}.py"
        script.write_text(STAND_IN)
    return project


def command(*arguments):
    return [sys.executable, "-m", "snakemake", "--cores", "2", *arguments]


def environment(cache, **more):
    kept = {key: value for key, value in os.environ.items() if not key.startswith("SNAKEMAKE")}
    return kept | {"SNAKEMAKE_OUTPUT_CACHE": str(cache)} | more


def snakemake(project, cache, *arguments):
    """What Snakemake says in a checkout that shares a cache."""
    done = subprocess.run(
        command(*arguments), cwd=project.folder, env=environment(cache), capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def told(said):
    """Which folders a dry-run would find in the cache, and which it wouldn't."""
    found = re.findall(r"^Output file (\S+) will be (obtained from|written to) global", said, flags=re.MULTILINE)
    return [{path for path, what in found if what == word} for word in ("obtained from", "written to")]


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """A cache that a first checkout, gone since, has put a model and two exports into."""
    folder = tmp_path_factory.mktemp("shared")
    (folder / "cache").mkdir()
    first = stand_in(copy_checkout(folder / "first"))
    assert snakemake(first, folder / "cache", "--cache", "--", *STORED).count("Moving output file") == len(STORED)
    shutil.rmtree(first.folder)
    return folder / "cache"


@pytest.fixture
def checkout(project, cache):
    return stand_in(project)


def test_the_profile_names_the_rules_that_are_cached():
    profile = yaml.safe_load((ROOT / "profiles/slurm/config.yaml").read_text())
    [condition] = [key for key in profile if key.startswith("?")]
    assert condition == '?if os.environ.get("SNAKEMAKE_OUTPUT_CACHE")'
    texts = [path.read_text() for path in (ROOT / "rules").glob("*.smk")]
    cached = re.findall(r"^rule (\w+):\n(?:(?:    .*)?\n)*?    cache: True$", "\n".join(texts), flags=re.MULTILINE)
    assert sorted(profile[condition]["cache"]) == sorted(cached)
    assert len(cached) == sum(text.count("cache: True") for text in texts) == 5


def test_another_checkout_finds_what_it_asks_for_and_nothing_else(checkout, cache):
    found, made = told(snakemake(checkout, cache, "--cache", "-n", "--", *STORED, *OTHERS))
    assert found == set(STORED)
    assert made >= set(OTHERS)


def test_where_and_how_it_is_made_does_not_count(checkout, cache):
    """Other systems, by Slurm, with other resources and threads, under other bounds, beside one more model."""
    checkout.edit("scripts/export_openvino.py", "import json", "# a comment\nimport json")
    models = checkout.folder / "config/models.yaml"
    entries = yaml.safe_load(models.read_text())
    models.write_text(models.read_text() + "\n" + yaml.safe_dump({"one-more": entries["yolov8n-seg"]}))
    checkout.edit("config/config.yaml", "int8: 0.1 ", "int8: 0.2 ")
    (checkout.folder / "config/systems/node.yaml").write_text(
        "name: A node\nsite: cluster\nslurm: {cpus_per_task: 20, partition: gpu, account: lab, memory_gib: 60}\n"
    )
    asked = ("--set-threads", "export_onnx=7", "--set-resources", "export_openvino:mem_mb=9999", "-n")
    where = ("--profile", "slurm", "--config", "system=[node,mendieta]", "studies=[edge-cloud]", "overlay=smoke")
    found, made = told(snakemake(checkout, cache, *asked, *where, "--", *STORED))
    assert (found, made) == (set(STORED), set())


@pytest.mark.parametrize(
    ("path", "old", "new", "kept"),
    [
        ("scripts/export_openvino.py", "weights.bin", "other.bin", {MODEL, f"{EXPORTS}/onnx-fp32"}),
        ("scripts/synthesize_model.py", "weights.bin", "other.bin", set()),
        ("envs/main.txt", "torch==", "torch==1.", set()),
    ],
    ids=["the exporter", "the synthesizer", "a package"],
)
def test_code_and_packages_count(checkout, cache, path, old, new, kept):
    text = (checkout.folder / path).read_text()
    assert old in text
    (checkout.folder / path).write_text(text.replace(old, new, 1))
    found, made = told(snakemake(checkout, cache, "--cache", "-n", "--", *STORED))
    assert (found, made) == (kept, set(STORED) - kept)


def test_the_models_entry_counts(checkout, cache):
    models = checkout.folder / "config/models.yaml"
    entries = yaml.safe_load(models.read_text())
    entries["yolov8n-seg"]["parameters"] = 1
    models.write_text(yaml.safe_dump(entries))
    assert told(snakemake(checkout, cache, "--cache", "-n", "--", *STORED))[0] == set()


def test_a_job_on_a_node_finds_what_another_machine_made(checkout, cache):
    """As Slurm's jobs are started: told of their own rule alone, with the model there already."""
    (checkout.folder / MODEL).mkdir(parents=True)
    before = {path.name for path in cache.iterdir()}
    job = ("--mode", "remote", "--allowed-rules", "export_openvino", "--force", "--nolock", "--no-hooks")
    asked = "export_openvino:model=yolov8n-seg,weights=synthetic,scale=small,precision=fp32"
    said = snakemake(checkout, cache, *job, "--cache", "export_openvino", "synthesize_model", "--target-jobs", asked)
    assert "from cache" in said and "Moving" not in said
    assert verified(checkout.folder / f"{EXPORTS}/openvino-fp32", "export.json")
    assert {path.name for path in cache.iterdir()} == before


def test_two_at_once_share_one_and_both_are_whole(project_factory, tmp_path):
    cache, wait = tmp_path / "cache", tmp_path / "wait"
    cache.mkdir()
    wait.mkdir()
    both = [stand_in(project_factory(name)) for name in ("first", "second")]
    target = f"{EXPORTS}/openvino-fp32"
    snakemake(both[0], cache, "--cache", "--", MODEL)
    (wait / "here").touch()
    running = [
        subprocess.Popen(
            command("--cache", "--", target),
            cwd=project.folder,
            env=environment(cache, WAIT_FOR_OTHERS=str(wait)),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for project in both
    ]
    said = [process.communicate(timeout=120)[0] for process in running]
    assert [process.returncode for process in running] == [0, 0], said
    assert all("Moving output file" in text for text in said)
    assert len(list(cache.glob("*/*/weights.bin"))) == 1  # the second lies inside the first
    third = stand_in(project_factory("third"))
    assert "Moving" not in snakemake(third, cache, "--cache", "--", target)
    for project in (*both, third):
        assert verified(project.folder / target, "export.json")


def test_a_cache_that_cannot_be_used_stops_before_any_job(project, tmp_path):
    place = tmp_path / "missing"
    done = subprocess.run(
        command("--cache"), cwd=project.folder, env=environment(place), capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1
    assert f"error: SNAKEMAKE_OUTPUT_CACHE: {place}: no such folder. Make it, or unset the variable" in done.stderr
    assert not (project.folder / "resources/models").exists()
