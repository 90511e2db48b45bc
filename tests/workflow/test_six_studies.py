"""The six studies that have published counterparts, together in one workflow. Dry-runs, and the plan."""

import re

from cotejo.places import export_folder, model_folder
from cotejo.study import load_study

SIX = ("edge-cloud", "ccad-llava-a30", "chameleon-blip-triton", "cml-vllm-ray", "cml-t5-deepspeed", "multimodal-cloud")
ALL = ("--config", f"studies=[{','.join(SIX)}]")


def test_all_six_run_on_a_laptop_and_share_what_they_are_measured_from(project):
    studies = [load_study(name, "smoke", config=project.folder / "config") for name in SIX]
    runs = [run for study in studies for run in study.runs]
    done = project.snakemake(*ALL, "overlay=smoke", "-n")
    assert done.returncode == 0, done.stdout + done.stderr
    made = re.findall(r"^    output: (.*)$", done.stdout, flags=re.MULTILINE)
    models = [path for path in made if path.startswith("resources/models/")]
    exports = [path.split(",")[0] for path in made if re.fullmatch(r"resources/exports/[^,]+[0-9](?:,.*)?", path)]
    assert sorted(models) == sorted({model_folder(run) for run in runs})
    assert sorted(exports) == sorted({export_folder(run) for run in runs if run["format"]})
    # Shared they are: some models, and some exports, by several runs or studies.
    assert len(models) < len({(run["study"], run["model"]) for run in runs})
    records = [path for path in made if "/records/" in path]
    assert len(records) == 2 * len(runs)
    assert not [path for path in made if path.startswith("resources/models/") and "hub" in path]


def test_nothing_is_measured_of_what_can_not_be(project):
    study = load_study("chameleon-blip-triton", "smoke", config=project.folder / "config")
    assert [line["needs"] for line in study.needing] == ["2 GPUs"]
    done = project.snakemake("--config", "studies=[chameleon-blip-triton]", "overlay=smoke", "-n")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "records/local/cpu_" in done.stdout
    assert not [line["id"] for line in study.needing if line["id"] in done.stdout]


def test_the_plan_prints_what_is_not_measured_and_what_stands_in(project):
    said = project.snakemake("plan", *ALL, "overlay=smoke")
    assert said.returncode == 0, said.stderr
    lines = said.stdout.splitlines()

    def of(block):
        return [line.rpartition(": ")[2] for line in lines if line.startswith(f"  {block}_") and ": " in line]

    assert of("two-gpus") == ["needs 2 GPUs"]
    assert of("tensorrt") == ["onnxruntime alone instead of tensorrt, cpu instead of one GPU"]
    assert [text.partition("_")[0] for text in of("tensorrt-engine")] == ["measured as tensorrt"]
    two = ["synthetic-text-to-sql instead of wikisql, 2 processes on the cpu instead of 3 GPUs on 3 nodes"]
    assert of("t5-large-zero1") == of("t5-large-data-parallel") == of("t5-3b-zero3-offload") == two
    assert [text.partition("_")[0] for text in of("t5-large-zero1-two")] == ["measured as t5-large-zero1"]
    assert (of("throughput-tp2"), of("hey-tp4")) == (["needs 2 nodes"], ["needs 4 nodes"])
    assert of("hey-tp1") == ["cpu instead of one GPU"]
    assert of("7b-one-gpu") == ["vizwiz-like instead of vizwiz-vqa, fp32 instead of fp16, cpu instead of one GPU"]
    assert of("tgi") == ["tgi-stand-in instead of tgi, pytorch instead of tgi, cpu instead of one GPU"]
    assert len(of("llm-cores")) == 2
    assert all(text.startswith("measured as llm_") for text in of("llm-cores"))


def test_the_plan_without_an_overlay_asks_for_no_data_and_no_gpu(project):
    said = project.snakemake("plan", *ALL)
    assert said.returncode == 0, said.stderr
    needs = [line for line in said.stdout.splitlines() if ": needs " in line]
    told = {line.rpartition(": ")[2] for line in needs}
    assert told == {"needs 2 nodes", "needs 3 nodes", "needs 4 nodes"}


def test_a_wrong_stand_in_stops_with_one_message(project):
    project.edit("config/overlays/smoke.yaml", "{server: tgi}", "{server: tgii}")
    said = project.refusal("--config", "studies=[demo]", "overlay=smoke")
    assert said.startswith("error: config/overlays/smoke.yaml: instead[")
    assert "where.server: 'tgii': no server of that name. Did you mean 'tgi'?" in said


def test_a_missing_file_of_published_rows_stops_with_one_message(project):
    project.edit("config/studies/multimodal-cloud.yaml", "published/multimodal-cloud.csv", "published/multimodal.csv")
    said = project.refusal("--config", "studies=[multimodal-cloud]")
    assert "config/studies/multimodal-cloud.yaml: published: 'published/multimodal.csv': there is no" in said
    assert "Did you mean 'published/multimodal-cloud.csv'?" in said
