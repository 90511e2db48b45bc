"""What DeepSpeed is told, and what is said where something that ZeRO needs isn't there."""

import json
from pathlib import Path

import pytest
from create_environment import ENVS, pinned

from cotejo import cpu_adam
from cotejo.backends import stack_of, transformers_trainer, zero
from cotejo.errors import CotejoError, SplitMissing
from cotejo.places import Stack
from cotejo.surroundings import Surroundings

RUN = {
    "backend": "transformers-trainer", "device": "cpu", "split": "zero1", "batch_size": 4, "learning_rate": 3e-4,
    "compute_precision": "f32", "optimizer": "adamw", "stop_width": None, "cores": 2, "processes": 2,
}  # fmt: skip
ON_GPUS = {key: value for key, value in RUN.items() if key != "processes"} | {"device": "cuda", "accelerators": 3}


def test_zero1_divides_what_the_optimizer_keeps_and_leaves_it_pytorchs():
    told = zero.config(RUN, 2, 512)
    assert told["zero_optimization"]["stage"] == 1
    assert "optimizer" not in told
    assert (told["train_batch_size"], told["train_micro_batch_size_per_gpu"]) == (8, 4)


@pytest.mark.parametrize(("run", "pinned"), [(RUN, False), (ON_GPUS, True)])
def test_zero3_offload_keeps_weights_and_optimizer_in_the_hosts_memory(run, pinned):
    told = zero.config(run | {"split": "zero3-offload"}, 3, 512)
    host = {"device": "cpu", "pin_memory": pinned}
    assert told["zero_optimization"] == {
        "stage": 3, "offload_optimizer": host, "offload_param": host, "reduce_bucket_size": 262144,
        "stage3_prefetch_bucket_size": 235929, "stage3_param_persistence_threshold": 5120,
    }  # fmt: skip
    assert told["optimizer"]["type"] == "AdamW" and told["optimizer"]["params"]["lr"] == 3e-4
    assert told["train_batch_size"] == 12


@pytest.mark.parametrize(("precision", "bf16", "fp16"), [("f32", 0, 0), ("bf16", 1, 0), ("f16", 0, 1)])
def test_a_lower_precision_is_deepspeeds_own(precision, bf16, fp16):
    run = RUN | {"compute_precision": precision}
    told = zero.config(run, 2, 512)
    assert (told["bf16"]["enabled"], told["fp16"]["enabled"]) == (bf16, fp16)
    found = zero.properties(run, told)
    assert found["deepspeed"] == told and found["operators"] == {}
    assert found.get("master_weights") == ("torch.float32" if bf16 or fp16 else None)


def test_what_deepspeed_is_told_is_whole():
    """Every value as it counts: none is left to be filled in, so that the record has it."""
    for split in zero.STAGES:
        assert "auto" not in json.dumps(zero.config(RUN | {"split": split}, 2, 512))


@pytest.mark.parametrize("name", ["torch", "transformers", "accelerate", "tokenizers", "numpy", "safetensors"])
def test_what_trains_with_zero_and_without_is_the_same(name):
    assert pinned(ENVS / "deepspeed.txt")[name] == pinned(ENVS / "main.txt")[name]


def test_only_what_zero_divides_needs_its_stack():
    assert [stack_of(RUN | {"split": split}) for split in ("zero1", "zero3-offload")] == ["deepspeed"] * 2
    assert stack_of(RUN | {"split": "data_parallel"}) is None
    assert stack_of({key: value for key, value in RUN.items() if key != "split"}) is None
    assert stack_of(RUN | {"server": "vllm"}) is None


def test_an_optimizer_that_zero_is_not_proven_with_is_refused():
    transformers_trainer.check(RUN)
    with pytest.raises(CotejoError, match=r"^optimizer: adafactor: ZeRO .* Take adamw"):
        transformers_trainer.check(RUN | {"optimizer": "adafactor"})
    transformers_trainer.check(RUN | {"optimizer": "adafactor", "split": "data_parallel"})


def test_an_operator_for_another_cpu_is_never_taken(tmp_path, monkeypatch):
    monkeypatch.setattr(zero, "version", {"deepspeed": "0.19.8", "torch": "2.13.0"}.get)
    monkeypatch.setattr(cpu_adam, "cache_folder", lambda: tmp_path)
    monkeypatch.setattr(cpu_adam, "cpu_digest", lambda: "this")
    with pytest.raises(SplitMissing, match=r"^split: zero3-offload: .*isn't compiled for this machine. Run `make env-"):
        zero.operator(RUN | {"split": "zero3-offload"})
    place = cpu_adam.place({"deepspeed": "0.19.8", "torch": "2.13.0"})
    place.parent.mkdir()
    place.touch()
    assert zero.operator(RUN | {"split": "zero3-offload"}) == place
    monkeypatch.setattr(cpu_adam, "cpu_digest", lambda: "another")
    with pytest.raises(SplitMissing):
        zero.operator(RUN | {"split": "zero3-offload"})


def there(tmp_path: Path, *packages: str, here: bool = True) -> Surroundings:
    """A machine with an environment of these packages."""
    for package in packages:
        (tmp_path / "lib/python3.11/site-packages" / f"{package}.dist-info").mkdir(parents=True)
    return Surroundings(here, 2, 0, Stack(tmp_path / "bin" / "python"))


def test_before_any_job_it_is_told_what_a_run_needs(tmp_path, monkeypatch):
    monkeypatch.setattr(cpu_adam, "cache_folder", lambda: tmp_path / "cache")
    offload = RUN | {"split": "zero3-offload"}
    empty, whole = there(tmp_path / "a", "torch-2.13.0"), there(tmp_path / "b", "torch-2.13.0", "deepspeed-0.19.8")
    assert transformers_trainer.missing(RUN, empty).startswith("split: zero1: there is no DeepSpeed beside ")
    assert transformers_trainer.missing(RUN, whole) == ""
    assert "DeepSpeedCPUAdam isn't compiled for this machine" in transformers_trainer.missing(offload, whole)
    place = cpu_adam.place({"deepspeed": "0.19.8", "torch": "2.13.0"})
    place.parent.mkdir(parents=True)
    place.touch()
    assert transformers_trainer.missing(offload, whole) == ""
    assert transformers_trainer.missing(RUN | {"split": "data_parallel"}, empty) == ""


def test_another_machines_operator_is_not_looked_for_here(tmp_path, monkeypatch):
    monkeypatch.setattr(cpu_adam, "cache_folder", lambda: tmp_path / "cache")
    elsewhere = there(tmp_path, "torch-2.13.0", "deepspeed-0.19.8", here=False)
    assert transformers_trainer.missing(RUN | {"split": "zero3-offload"}, elsewhere) == ""
