"""Where a run in process computes, and for how long: what studies may ask for, and what they are refused."""

from pathlib import Path

import pytest
from study_example import TEXT, VIDEO, also, copy_config, load

from cotejo.errors import CotejoError

CHAT = TEXT.replace("openvino", "pytorch").replace("int8", "fp32")
SEEN = CHAT.replace("tinyllama-1.1b-chat", "llava-1.5-7b").replace("prompts", "photos")


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return copy_config(tmp_path)


def test_a_run_on_the_cpu_says_nothing_of_gpus_or_passes(config: Path) -> None:
    [run] = load(config, CHAT).runs
    assert not run.keys() & {"accelerators", "split", "split_layers", "passes"}
    [same] = load(config, also(CHAT, "device: cpu, accelerators: null, split: null, passes: null")).runs
    assert same["digest"] == run["digest"]


def test_a_run_on_the_cpu_is_divided_over_memory_and_disk(config: Path) -> None:
    by_layers, by_memory = (
        load(config, also(SEEN, f"split: device_map, {way}")).runs[0]
        for way in ("split_layers: '3,1'", "split_memory_gib: 0.02")
    )
    assert (by_layers["split"], by_layers["split_layers"]) == ("device_map", "3,1")
    assert by_memory["split_memory_gib"] == 0.02 and "split_layers" not in by_memory
    assert not {"accelerators"} & by_layers.keys()
    assert "_device_map" in by_layers["id"] and by_layers["digest"] != by_memory["digest"]


def test_a_run_on_a_gpu_has_one_unless_it_asks_for_more(config: Path) -> None:
    [one] = load(config, also(SEEN, "device: cuda")).runs
    assert (one["accelerators"], one["split"]) == (1, None)
    assert one["id"].endswith("_fp32_allc_cuda")
    [two] = load(config, also(SEEN, "device: cuda, accelerators: 2, split: device_map")).runs
    assert (two["accelerators"], two["split"]) == (2, "device_map")
    assert two["id"].endswith("_cuda_accelerators2_device_map")
    [uneven] = load(config, also(SEEN, "device: cuda, accelerators: 2, split: device_map, split_layers: '1,3'")).runs
    assert uneven["split_layers"] == "1,3"
    assert len({one["digest"], two["digest"], uneven["digest"]}) == 3


@pytest.mark.parametrize(
    ("block", "settings", "said"),
    [
        (CHAT, "accelerators: 1", "accelerators: 1: needs `device: cuda`"),
        (TEXT, "split: device_map", "split: 'device_map': a model is split over accelerators"),
        (CHAT, "split: tensor_parallel", "divides no model so; its ways: device_map"),
        (CHAT, "split: device_map", "Say which by split_layers or by split_memory_gib, one of them"),
        (CHAT, "split: device_map, split_layers: '1,2', split_memory_gib: 2", "by split_memory_gib, one of them"),
        (CHAT, "split: device_map, split_layers: '1,2,1'", "must be a number for memory, and for the disk"),
        (CHAT, "split: device_map, split_layers: '20,20'", "split_layers: 20,20: 40 layers, and the model has 4"),
        (SEEN, "split: device_map, split_layers: '2,2', scale: full", "4 layers, and the model has 32"),
        (CHAT, "split_memory_gib: 2", "split_memory_gib: 2: needs `split: device_map`"),
        (CHAT, "device: cuda, accelerators: 0", "needs at least one"),
        (CHAT, "device: cuda, accelerators: 2", "needs `split`"),
        (CHAT, "device: cuda, split: device_map", "needs at least two `accelerators`"),
        (CHAT, "device: cuda, accelerators: 2, split: tensor_parallel", "divides no model so; its ways: device_map"),
        (TEXT, "device: cuda", "backend openvino doesn't run on it. Take cpu"),
        (VIDEO.replace("openvino", "pytorch"), "device: cuda, accelerators: 2, split: device_map", "not yolo"),
        (
            SEEN,
            "device: cuda, accelerators: 2, split: device_map, split_memory_gib: 2",
            "split_memory_gib: 2: is for a CPU",
        ),
        (SEEN, "split_layers: '2,2'", "needs `split: device_map`"),
        (SEEN, "device: cuda, accelerators: 2, split: device_map, split_layers: '1,1,2'", "a number for each"),
        (TEXT, "split_layers: '2,2'", "is no option of text-generation"),
        (CHAT, "passes: 2, stop_width: 0.02", "ends by no `stop_width`"),
        (VIDEO, "passes: 2", "is no option of video-segmentation"),
        (VIDEO, "answers: short", "is no option of video-segmentation"),
        (CHAT, "server: transformers-serve, passes: 2", "is no option of text-generation on server"),
        (SEEN, "server: transformers-serve, answers: short", "is no option of visual-question-answering on server"),
    ],
)
def test_what_does_not_go_together_is_refused(config: Path, block: str, settings: str, said: str) -> None:
    with pytest.raises(CotejoError) as caught:
        load(config, also(block, settings))
    assert said in str(caught.value)
    assert str(caught.value).startswith("config/studies/test.yaml") or "runs[0]" in str(caught.value)


def test_passes_take_the_place_of_a_duration(config: Path) -> None:
    [run] = load(config, also(SEEN, "passes: 1, duration_s: 7")).runs
    [same] = load(config, also(SEEN, "passes: 1")).runs
    assert "duration_s" not in run
    assert same["digest"] == run["digest"]
    [smoke] = load(config, also(SEEN, "passes: 1"), overlay="smoke").runs
    assert (smoke["passes"], "duration_s" in smoke) == (1, False)
    [timed] = load(config, SEEN).runs
    assert timed["duration_s"] == 100


def test_questions_about_images_are_answered_exactly_unless_a_study_says_otherwise(config: Path) -> None:
    [run] = load(config, SEEN).runs
    assert (run["answers"], run["preparation"], run["new_tokens"]) == ("exact", "per-request", 64)
    [served] = load(config, also(SEEN, "server: transformers-serve")).runs
    assert not served.keys() & {"answers", "preparation"}


VLLM = CHAT.replace("backend: pytorch", "backend: vllm, server: vllm, concurrency: 1")
SPREAD = "device: cuda, accelerators: 4, split: tensor_parallel, executor: ray"


def test_a_run_on_one_node_says_nothing_of_nodes(config: Path) -> None:
    (config / "systems" / "local.yaml").write_text("name: L\nsite: cluster\nslurm: {cpus_per_task: 4}\n")
    [several] = load(config, also(VLLM, f"{SPREAD}, nodes: 2")).runs
    assert several["nodes"] == 2 and "_nodes2" in several["id"]
    ones = [load(config, also(VLLM, f"{SPREAD}{nodes}")).runs[0] for nodes in ("", ", nodes: 1", ", nodes: null")]
    assert not any("nodes" in run for run in ones)
    assert len({run["digest"] for run in ones}) == 1 and several["digest"] != ones[0]["digest"]
    both = load(config, also(VLLM, f"{SPREAD}, nodes: [1, 2]")).runs
    assert [run.get("nodes") for run in both] == [None, 2]


@pytest.mark.parametrize(
    ("block", "settings", "said"),
    [
        (CHAT, "nodes: 2", "nodes: 2: backend pytorch runs on one machine alone"),
        (CHAT, "server: transformers-serve, nodes: 2", "nodes: 2: server transformers-serve runs on one machine alone"),
        (VLLM, f"{SPREAD}, nodes: 3", "nodes: 3: can't divide 4 `accelerators` evenly"),
        (VLLM, f"{SPREAD.replace('ray', 'mp')}, nodes: 2", "executor: mp: .*With `nodes` take ray"),
        (VLLM, "executor: ray", "executor: ray: vLLM takes Ray for GPUs alone"),
    ],
)
def test_only_what_can_be_spread_is_spread_over_nodes(config: Path, block: str, settings: str, said: str) -> None:
    with pytest.raises(CotejoError, match=said):
        load(config, also(block, settings))
