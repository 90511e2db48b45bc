"""Overlays: what they lay over a run, what stands in for what, and what can't be measured at all."""

import shutil
from pathlib import Path

import pytest
from study_example import BLIP, CHAT, TEXT, VIDEO, also, copy_config, load

from cotejo.command import ROOT
from cotejo.errors import CotejoError
from cotejo.overlay import Overlay, lacking
from cotejo.study import Study, load_study
from cotejo.systems import load_system

ON_GPU = also(BLIP, "device: cuda, batching: none, duration_s: 5")
ON_TWO = also(BLIP.replace("name: blip", "name: two"), "device: cuda, accelerators: 2, split: instances, duration_s: 5")
CPU = "title: A laptop\nset: {device: cpu}\n"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return copy_config(tmp_path)


def under(config: Path, overlay: str, runs: str, **also: str) -> Study:
    """A study of these runs under an overlay of this text."""
    (config / "overlays" / "test.yaml").write_text(overlay)
    return load(config, runs, overlay="test", **also)


def test_what_asks_for_one_gpu_is_measured_on_the_cpu_and_says_so(config: Path) -> None:
    [run] = under(config, CPU, ON_GPU).runs
    assert (run["device"], run["accelerators"], run["split"]) == ("cpu", 0, None)
    assert run["instead_of"] == "device=cuda; accelerators=1"
    [native] = load(config, also(BLIP, "batching: none, duration_s: 5")).runs
    assert run["digest"] == native["digest"]  # it is the same work
    assert "instead_of" not in native


def test_what_asks_for_more_gpus_is_a_line_as_the_study_has_it(config: Path) -> None:
    study = under(config, CPU, f"{ON_GPU}\n{ON_TWO}")
    assert [run["name"] for run in study.runs] == ["blip"]
    [line] = study.needing
    assert line["needs"] == "2 GPUs"
    assert (line["accelerators"], line["split"], line["device"]) == (2, "instances", "cuda")
    [two] = load(config, ON_TWO).runs
    assert line == two | {"needs": "2 GPUs"}


def test_a_split_that_an_entry_names_is_the_same_split_on_the_cpu(config: Path) -> None:
    tune = "{name: tune, model: t5-small, dataset: synthetic-text-to-sql, backend: transformers-trainer, "
    blocks = [
        f"- {tune}device: cuda, accelerators: [2, 4], nodes: 2, split: zero1}}",
        f"- {tune.replace('name: tune', 'name: whole')}device: cuda, accelerators: 2, split: data_parallel}}",
    ]
    entry = "instead:\n  - {where: {backend: transformers-trainer, split: zero1}, set: {processes: 2, nodes: 1}}\n"
    study = under(config, f"{CPU}{entry}", "\n".join(blocks))
    [run] = study.runs
    assert (run["device"], run["split"], run["processes"]) == ("cpu", "zero1", 2)
    assert not {"accelerators", "nodes"} & set(run)
    assert run["instead_of"] == "device=cuda; accelerators=2; nodes=2; processes="
    [four] = study.merged
    assert (four["accelerators"], four["measured_as"]) == (4, run["id"])
    [whole] = study.needing  # which no entry names
    assert (whole["needs"], whole["split"]) == ("2 GPUs", "data_parallel")


def test_lines_keep_the_order_of_the_study(config: Path) -> None:
    study = under(config, CPU, f"{ON_TWO}\n{also(BLIP, 'batching: none, duration_s: 5')}\n{VIDEO}")
    assert [line["name"] for line in study.lines] == ["two", "blip", "video"]
    assert [line["name"] for line in study.runs] == ["blip", "video"]


def test_a_run_that_equals_another_on_the_cpu_says_what_it_is_measured_as(config: Path) -> None:
    native = also(BLIP.replace("name: blip", "name: native"), "batching: none, duration_s: 5")
    study = under(config, CPU, f"{native}\n{ON_GPU}")
    [line] = study.merged
    assert line["name"] == "blip"
    assert line["measured_as"] == study.runs[0]["id"]
    assert line["device"] == "cuda"  # as the study has it
    assert "instead_of" not in study.runs[0]


def test_one_thing_stands_in_for_another(config: Path) -> None:
    overlay = f"{CPU}instead:\n  - {{where: {{dataset: [photos, street-video]}}, set: {{dataset: my-film}}}}\n"
    datasets = config / "datasets.yaml"
    datasets.write_text(f"{datasets.read_text()}\nmy-film: {{kind: video, source: {{path: film.mp4}}}}\n")
    text, video = under(config, overlay, f"{TEXT}\n{VIDEO}").runs
    assert (video["dataset"], video["instead_of"]) == ("my-film", "dataset=street-video")
    assert "instead_of" not in text


def test_a_stand_in_is_looked_for_after_the_set_and_after_those_before_it(config: Path) -> None:
    overlay = (
        "title: Turns\nset: {device: cpu, new_tokens: 4}\ninstead:\n"
        "  - {where: {server: transformers-serve, new_tokens: 4}, set: {server: tgi-stand-in}}\n"
        "  - {where: {server: tgi-stand-in}, set: {new_tokens: 8}}\n"
    )
    [run] = under(config, overlay, CHAT).runs
    assert (run["server"], run["new_tokens"], run["instead_of"]) == ("tgi-stand-in", 8, "server=transformers-serve")


def test_an_option_of_a_stand_in_counts_only_where_there_is_something_to_have_it(config: Path) -> None:
    overlay = f"{CPU}instead:\n  - {{where: {{precision: [int8, fp32]}}, set: {{new_tokens: 4}}}}\n"
    text, video = under(config, overlay, f"{TEXT}\n{VIDEO}").runs
    assert text["new_tokens"] == 4
    assert "new_tokens" not in video


def test_what_is_stood_in_for_takes_its_options_with_it(config: Path) -> None:
    overlay = f"{CPU}instead:\n  - {{where: {{server: vllm}}, set: {{server: transformers-serve, backend: pytorch}}}}\n"
    chat = also(CHAT.replace("transformers-serve", "vllm").replace("pytorch", "vllm"), "device: cuda, executor: mp")
    [run] = under(config, overlay, chat).runs
    assert run["server"] == "transformers-serve"
    assert "executor" not in run


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("{where: {server: tgii}, set: {server: tgi-stand-in}}", r"instead\[0\]\.where\.server: 'tgii': no server of"),
        ("{where: {server: tgi}, set: {server: tgistandin}}", r"instead\[0\]\.set\.server: 'tgistandin': no server of"),
        ("{where: {dataset: [photos, photo]}, set: {dataset: photos}}", r"where\.dataset: 'photo': .*mean 'photos'"),
        ("{where: {model: llava}, set: {precision: fp32}}", r"instead\[0\]\.where\.model: 'llava': no model of that"),
        ("{where: {backend: torch}, set: {precision: fp32}}", r"where\.backend: 'torch': .*mean 'pytorch'"),
        ("{where: {client: heyy}, set: {client: ab}}", r"instead\[0\]\.where\.client: 'heyy': .*mean 'hey'"),
        ("{where: {servers: tgi}, set: {client: ab}}", r"instead\[0\]\.where\.servers: 'tgi': unknown key.*'server'"),
        ("{where: {precision: fp61}, set: {client: ab}}", r"where\.precision: 'fp61': not allowed"),
        ("{where: {precision: fp16}, set: {precision: [fp32, int8]}}", r"set\.precision: .*: takes one value"),
        ("{where: {precision: fp16}}", r"instead\[0\]: lacks the key 'set'"),
        ("{where: {}, set: {precision: fp32}}", r"instead\[0\]\.where: {}: must not be empty"),
    ],
)
def test_a_wrong_stand_in_is_named(config: Path, entry: str, message: str) -> None:
    with pytest.raises(CotejoError, match=rf"overlays/test\.yaml: .*{message}"):
        under(config, f"{CPU}instead:\n  - {entry}\n", VIDEO)


def test_a_study_must_hold_by_itself_whatever_an_overlay_makes_of_it(config: Path) -> None:
    with pytest.raises(CotejoError, match=r"runs\[0\]\.accelerators: 2: needs `split`"):
        under(config, CPU, also(BLIP, "device: cuda, accelerators: 2"))


def test_a_block_may_need_what_nothing_here_has(config: Path) -> None:
    block = also(ON_GPU.replace("onnxruntime", "tensorrt"), "needs: TensorRT, precision: fp16, concurrency: 1-4")
    for study in (load(config, block), under(config, CPU, block)):
        assert study.runs == []
        [line] = study.needing
        assert line["needs"] == "TensorRT"
        assert [line[key] for key in ("task", "backend", "accelerators", "concurrency", "split")] == [
            "image-captioning", "tensorrt", 1, "1-4", None
        ]  # fmt: skip
        assert "rate_rps" not in line
    with pytest.raises(CotejoError, match=r"runs\[0\]\.model: 'blip': no entry of config/models\.yaml"):
        load(config, block.replace("blip-image-captioning-base", "blip"))
    with pytest.raises(CotejoError, match=r"runs\[0\]\.server: 'tritn': no server of that name"):
        load(config, block.replace("triton", "tritn"))


def test_a_system_of_too_few_gpus_needs_them(config: Path) -> None:
    study = f"title: Test\ndefaults: {{weights: synthetic, scale: small}}\nruns:\n{ON_GPU}\n{ON_TWO}\nfigures: []\n"
    (config / "studies" / "test.yaml").write_text(study)
    needs = {}
    for name, facts in {
        "unknown": "", "none": "cpu: A processor", "one": "gpu: A GPU\ngpus: 1", "two": "gpu: A GPU\ngpus: 2"
    }.items():  # fmt: skip
        (config / "systems" / f"{name}.yaml").write_text(f"name: Big\nsite: edge\ncpus: 64\n{facts}\n")
        needs[name] = [line.get("needs") for line in load_study("test", systems=[name], config=config).lines]
    assert needs == {
        "unknown": [None, None],
        "none": ["1 GPU", "2 GPUs"],
        "one": [None, "2 GPUs"],
        "two": [None, None],
    }


def test_several_nodes_are_those_of_a_slurm_job(config: Path) -> None:
    needs = {}
    for name, facts in {
        "unknown": "", "big": "gpu: A GPU\ngpus: 4", "one": "gpu: A GPU\ngpus: 1\nslurm: {cpus_per_task: 64}",
        "two": "gpu: A GPU\ngpus: 2\nslurm: {cpus_per_task: 64}",
    }.items():  # fmt: skip
        (config / "systems" / f"{name}.yaml").write_text(f"name: Big\nsite: cluster\ncpus: 64\n{facts}\n")
        settings = {"device": "cuda", "accelerators": 4, "nodes": 2}
        needs[name] = lacking(settings, Overlay(), load_system(config / "systems" / f"{name}.yaml"))
    assert needs == {"unknown": "2 nodes", "big": "2 nodes", "one": "4 GPUs on 2 nodes", "two": ""}
    machine = load_system(config / "systems" / "two.yaml")
    on_cpu = Overlay("smoke", {"device": "cpu"})
    assert lacking({"device": "cuda", "accelerators": 4, "nodes": 2}, on_cpu, machine) == "4 GPUs on 2 nodes"
    assert lacking({"device": "cpu", "nodes": 2}, on_cpu, machine) == ""
    assert lacking({"device": "cpu", "nodes": 2}, on_cpu, {}) == "2 nodes"


def test_published_rows_are_a_whole_file_that_is_there(config: Path) -> None:
    (config / "published").mkdir()
    shutil.copy(ROOT / "config/published/edge-cloud.csv", config / "published")

    def beside(published: str) -> Study:
        study = f"title: Test\npublished: {published}\nruns:\n{VIDEO}\nfigures: []\n"
        (config / "studies" / "test.yaml").write_text(study)
        return load_study("test", config=config)

    assert beside("published/edge-cloud.csv").published == config / "published" / "edge-cloud.csv"
    assert load(config, VIDEO).published is None
    with pytest.raises(CotejoError, match=r"published: 'published/edge\.csv': .*mean 'published/edge-cloud\.csv'"):
        beside("published/edge.csv")
    (config / "published" / "half.csv").write_text("study,system\n")
    with pytest.raises(CotejoError, match=r"half\.csv: line 1: header: .*must be study,"):
        beside("published/half.csv")
    with pytest.raises(CotejoError, match=r"published: .*must be a file of config/published/"):
        beside("published/../models.csv")
