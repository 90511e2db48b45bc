"""Fine-tuning in a study: what its runs are told, on what they run, and what is refused before any job."""

from pathlib import Path

import pytest
from study_example import TEXT, also, copy_config, load

from cotejo import backends
from cotejo.errors import CotejoError
from cotejo.stand_in import phrases

TUNE = "- {name: tune, model: t5-small, dataset: synthetic-text-to-sql, backend: transformers-trainer}"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return copy_config(tmp_path)


def test_a_run_on_the_cpu_has_steps_and_no_duration_and_no_gpus(config: Path) -> None:
    [run] = load(config, TUNE).runs
    assert (run["task"], run["architecture"], run["format"]) == ("fine-tuning", "t5", None)
    assert (run["batch_size"], run["epochs"], run["max_steps"], run["optimizer"]) == (32, 3, None, "adamw")
    assert not {"duration_s", "warmup_s", "accelerators", "split"} & set(run)
    assert run["id"] == "tune_t5-small_synthetic-text-to-sql_transformers-trainer_fp32_allc"


def test_other_tasks_have_none_of_its_settings(config: Path) -> None:
    [run] = load(config, TEXT).runs
    assert not {"batch_size", "epochs", "max_steps", "warmup_steps"} & set(run)
    assert "duration_s" in run
    with pytest.raises(CotejoError, match=r"epochs: 5: is no option of text-generation"):
        load(config, also(TEXT, "epochs: 5"))


@pytest.mark.parametrize("split", ["zero1", "zero3-offload"])
def test_zero_is_an_axis_of_several_gpus(config: Path, split: str) -> None:
    runs = load(config, also(TUNE, f"device: cuda, accelerators: [2, 3], split: {split}")).runs
    assert [(run["accelerators"], run["split"]) for run in runs] == [(2, split), (3, split)]
    assert len({run["digest"] for run in runs}) == 2


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ("split: zero1", "split: zero1: on a CPU needs several processes"),
        ("split: data_parallel, processes: 1", "split: data_parallel: on a CPU needs several processes"),
        ("processes: 3, cores: 2, split: data_parallel", "processes: 3: each needs a CPU, and `cores` is 2"),
        ("processes: 2", "split: null: several processes must be told"),
        ("device: cuda, accelerators: 2, split: data_parallel, processes: 2", "processes: 2: is for a CPU"),
        ("split: tensor_parallel, processes: 2", "split: 'tensor_parallel': .*its ways: data_parallel"),
        ("device: cuda, split: zero1", "needs at least two `accelerators`"),
        ("device: cuda, accelerators: 3", "needs `split`"),
        ("device: cuda, accelerators: 3, split: device_map", "split: 'device_map': .*its ways: data_parallel, zero1, "),
        ("precision: fp16", "precision: 'fp16': .* has fp32"),
        ("compute_precision: f16", "f16 on GPUs alone"),
        ("stop_width: 0.02", "ends after its epochs"),
        ("max_steps: 1", "max_steps: 1: .*at least 2"),
        ("server: vllm", "vllm"),
    ],
)
def test_what_does_not_go_together_is_refused(config: Path, settings: str, said: str) -> None:
    with pytest.raises(CotejoError, match=said):
        load(config, also(TUNE, settings))


def test_under_the_smoke_overlay_one_gpu_is_stood_in_for_and_three_are_two_processes(config: Path) -> None:
    blocks = "\n".join(
        [
            also(TUNE, "device: cuda, epochs: 5"),
            also(TUNE.replace("tune", "zero"), "device: cuda, accelerators: 3, split: zero1"),
        ]
    )
    study = load(config, blocks, overlay="smoke")
    alone, two = study.runs
    assert (alone["device"], alone["max_steps"], alone["epochs"]) == ("cpu", 8, 5)
    assert "processes" not in alone
    assert (two["device"], two["processes"], two["split"]) == ("cpu", 2, "zero1")
    assert phrases(two) == ["2 processes on the cpu instead of 3 GPUs"]


def test_processes_on_the_cpu_are_settings_of_their_own_and_stay_under_the_smoke_overlay(config: Path) -> None:
    two = also(TUNE, "processes: 2, split: data_parallel")
    alone, run = load(config, f"{TUNE}\n{two.replace('tune', 'two')}").runs
    assert not {"processes", "split", "nodes"} & set(alone)
    assert (run["processes"], run["split"]) == (2, "data_parallel")
    assert run["id"].endswith("allc_data_parallel_processes2")
    assert (backends.processes(alone), backends.processes(run)) == (1, 2)
    assert not backends.together(alone) and backends.together(run)
    [small] = load(config, two, overlay="smoke").runs
    assert (small["processes"], small["split"], small["scale"]) == (2, "data_parallel", "small")


def test_other_backends_have_no_processes(config: Path) -> None:
    [run] = load(config, TEXT).runs
    assert not backends.together(run)
    with pytest.raises(CotejoError, match=r"processes: 2: is no option of"):
        load(config, also(TEXT, "processes: 2"))


def test_it_trains_on_pairs_of_texts_alone(config: Path) -> None:
    with pytest.raises(CotejoError, match=r"fine-tuning needs text-pairs\. Take one of wikisql, synthetic-text-to-sql"):
        load(config, TUNE.replace("synthetic-text-to-sql", "prompts"))
